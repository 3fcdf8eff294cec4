"""Real Redis and Postgres servers for tests: given by address, started here, or in a container.

In this order: the address in `MODELMUX_TEST_REDIS_URL` or `MODELMUX_TEST_POSTGRES_URL`; the
machine's own binaries, on a free port of the loopback; Docker. Where there is none of them the
tests are skipped with the reason, and fail in CI.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

import pytest

_READY_S = 30.0
_STOP_S = 10.0
_POSTGRES_USER = "modelmux"


@contextmanager
def running_redis() -> Generator[str]:
    """Give the address of a Redis server for as long as the context lasts."""
    given = os.environ.get("MODELMUX_TEST_REDIS_URL")
    if given:
        yield given
        return
    with ExitStack() as stack:
        if shutil.which("redis-server"):
            yield stack.enter_context(own_redis()).url
        elif _docker_works():
            host, port = stack.enter_context(_container("redis:7-alpine", 6379, {}, _redis_answers))
            yield f"redis://{host}:{port}/0"
        else:
            _missing("redis-server", "MODELMUX_TEST_REDIS_URL")


@contextmanager
def running_postgres() -> Generator[str]:
    """Give the address of a Postgres database for as long as the context lasts."""
    given = os.environ.get("MODELMUX_TEST_POSTGRES_URL")
    if given:
        yield given
        return
    with ExitStack() as stack:
        if _postgres_folder() is not None:
            yield stack.enter_context(own_postgres()).url
        elif _docker_works():
            environment = {
                "POSTGRES_USER": _POSTGRES_USER,
                "POSTGRES_DB": "postgres",
                "POSTGRES_HOST_AUTH_METHOD": "trust",
            }
            host, port = stack.enter_context(
                _container("postgres:16-alpine", 5432, environment, _postgres_answers)
            )
            yield f"postgresql://{_POSTGRES_USER}@{host}:{port}/postgres"
        else:
            _missing("postgres", "MODELMUX_TEST_POSTGRES_URL")


class OwnServer:
    """A server of ours, which a test may stop and start again on the same port and data."""

    def __init__(
        self,
        url: str,
        command: Sequence[str],
        folder: Path,
        user: int | None,
        answers: Callable[[str, int], bool],
    ) -> None:
        self.url = url
        self._command = command
        self._folder = folder
        self._user = user
        self._answers = answers
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Return once it answers."""
        log = self._folder / "log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                user=self._user,
            )
        place = urlsplit(self.url)
        assert place.hostname is not None
        assert place.port is not None
        deadline = time.monotonic() + _READY_S
        while not self._answers(place.hostname, place.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"{self._command[0]} did not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End it in order. At SIGTERM Postgres would wait for its clients to leave."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def pause(self) -> None:
        """Let it hold its connections and answer nothing, until `resume`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(_STOP_S)


@contextmanager
def own_redis(*options: str) -> Generator[OwnServer]:
    """Start a Redis server that writes each change down before it answers.

    `options` go to its command line. Only where `redis-server` is: see `running_redis`.
    """
    binary = shutil.which("redis-server")
    if binary is None:
        _missing("redis-server", "MODELMUX_TEST_REDIS_URL")
    with tempfile.TemporaryDirectory(prefix="modelmux-redis-") as name:
        port = _free_port()
        command = [binary, "--bind", "127.0.0.1", "--port", str(port), "--dir", name]
        command += ["--appendonly", "yes", "--appendfsync", "always", "--save", "", *options]
        server = OwnServer(f"redis://127.0.0.1:{port}/0", command, Path(name), None, _redis_answers)
        try:
            server.start()
            yield server
        finally:
            server.kill()


@contextmanager
def own_postgres(*options: str) -> Generator[OwnServer]:
    """Start a Postgres server on an empty cluster; who connects is trusted.

    `options` go to its command line. Only where its binaries are: see `running_postgres`.
    """
    binaries = _postgres_folder()
    if binaries is None:
        _missing("postgres", "MODELMUX_TEST_POSTGRES_URL")
    user = _other_user()
    with tempfile.TemporaryDirectory(prefix="modelmux-postgres-") as name:
        folder = Path(name)
        if user is not None:
            os.chown(folder, user, -1)
        command = [str(binaries / "initdb"), "-D", str(folder / "data"), "-U", _POSTGRES_USER]
        command += ["-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"]
        subprocess.run(command, cwd=folder, user=user, check=True, capture_output=True)
        port = _free_port()
        command = [str(binaries / "postgres"), "-D", str(folder / "data"), "-p", str(port)]
        command += ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
        # The machine does not go down in a test, so what the system has is as good as on the disk.
        command += ["-c", "fsync=off", *options]
        server = OwnServer(
            f"postgresql://{_POSTGRES_USER}@127.0.0.1:{port}/postgres",
            command,
            folder,
            user,
            _postgres_answers,
        )
        try:
            server.start()
            yield server
            server.stop()
        finally:
            server.kill()


def _missing(binary: str, variable: str) -> NoReturn:
    reason = f"there is no {binary}, no Docker, and no address in {variable}"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def _postgres_folder() -> Path | None:
    """Return where `postgres` and `initdb` lie: Debian keeps them off the path."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(
        Path("/usr/lib/postgresql").glob("*/bin"),
        key=lambda folder: float(folder.parent.name),
        reverse=True,
    )
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    return None


def _other_user() -> int | None:
    """Return who Postgres runs as: it refuses to run as root."""
    if os.geteuid() != 0:
        return None
    known = {one.pw_name: one.pw_uid for one in pwd.getpwall()}
    return known.get("postgres", known.get("nobody", 65534))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _redis_answers(host: str, port: int) -> bool:
    return _first_bytes(host, port, b"PING\r\n").startswith(b"+PONG")


def _postgres_answers(host: str, port: int) -> bool:
    """Say whether it lets somebody in: it listens before it does."""
    words = b"user\x00%s\x00database\x00postgres\x00\x00" % _POSTGRES_USER.encode()
    hello = (196608).to_bytes(4, "big") + words  # protocol 3.0
    return _first_bytes(host, port, (len(hello) + 4).to_bytes(4, "big") + hello).startswith(b"R")


def _first_bytes(host: str, port: int, sent: bytes) -> bytes:
    try:
        with socket.create_connection((host, port), timeout=2.0) as connection:
            connection.sendall(sent)
            return connection.recv(16)
    except OSError:
        return b""


def _docker_works() -> bool:
    docker = shutil.which("docker")
    if docker is None:
        return False
    try:
        asked = subprocess.run([docker, "info"], capture_output=True, timeout=15, check=False)
    except subprocess.TimeoutExpired:
        return False
    return asked.returncode == 0


@contextmanager
def _container(
    image: str, port: int, environment: dict[str, str], answers: Callable[[str, int], bool]
) -> Generator[tuple[str, int]]:
    # Imported here: it takes half a second, for the few machines that come this far.
    from testcontainers.core.container import DockerContainer

    container = DockerContainer(image).with_exposed_ports(port)
    for name, value in environment.items():
        container = container.with_env(name, value)
    with container:
        host, outside = container.get_container_host_ip(), int(container.get_exposed_port(port))
        deadline = time.monotonic() + _READY_S
        while not answers(host, outside):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{image} did not start")
            time.sleep(0.1)
        yield host, outside
