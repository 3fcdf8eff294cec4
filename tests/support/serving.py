"""A real `modelmux serve` in processes of its own, on a free port."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from modelmux.entrypoints.cli.running import tell_gateway

COMMAND = (str(Path(sys.executable).with_name("modelmux")),)


@dataclass(frozen=True, slots=True)
class ServedGateway:
    """`url` is without `/v1`; `log` is where standard output and error go.

    `process` is the supervisor: signals go to it, and its end is the end.
    """

    url: str
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def status(self) -> dict[str, Any]:  # Any: what JSON holds
        return tell_gateway("status", None, self.port)

    def workers(self, *phases: str) -> list[int]:
        """Return the process ids of workers that serve, or are in one of `phases`."""
        wanted = phases or ("ready",)
        return [one["pid"] for one in self.status()["workers"] if one["phase"] in wanted]

    def worker(self) -> int:
        """Return the process id of the only worker."""
        (pid,) = self.workers()
        return pid

    def kill(self) -> None:
        """End all its processes at once, as a machine that loses its power does."""
        pids = [one["pid"] for one in self.status()["workers"]]
        self.process.kill()
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(10)
        deadline = time.monotonic() + 10
        while any(map(is_running, pids)):
            assert time.monotonic() < deadline, "a worker outlives its end"
            time.sleep(0.01)


def is_running(pid: int) -> bool:
    """Return whether there is such a process, other than one that nobody has buried yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serving(
    folder: Path,
    *,
    config: str | None = None,
    arguments: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    ready_within_s: float = 20.0,
    port: int | None = None,
) -> Generator[ServedGateway, None, None]:
    """Start the gateway in `folder`, wait until it is ready, and end it afterwards.

    `config` is the text of its `modelmux.toml`. The environment holds nothing of the person who
    runs the tests, so that no credentials of theirs are found.
    """
    if config is not None:
        (folder / "modelmux.toml").write_text(config)
    port = port or free_port()
    log = folder / "gateway.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*COMMAND, "serve", "--port", str(port), *arguments],
            cwd=folder,
            env={
                "PATH": os.environ.get("PATH", ""),
                "HOME": str(folder),
                "XDG_CONFIG_HOME": str(folder / "config"),
                "XDG_STATE_HOME": str(folder / "state"),
                "XDG_DATA_HOME": str(folder / "data"),
                **(environment or {}),
            },
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        gateway = ServedGateway(f"http://127.0.0.1:{port}", log, process)
        try:
            _wait_until_ready(gateway, ready_within_s)
            yield gateway
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                gateway.kill()


def _wait_until_ready(gateway: ServedGateway, within_s: float) -> None:
    deadline = time.monotonic() + within_s
    # One client for all: each reads every authority's certificate, which would cost as much as
    # the gateway's own start.
    with httpx.Client(base_url=gateway.url, trust_env=False, verify=False) as client:
        while time.monotonic() < deadline:
            if gateway.process.poll() is not None:
                break
            with suppress(httpx.TransportError):
                status = client.get("/health/ready").json()["status"]
                # Where a test's providers are away on purpose, it will never be readier than that.
                if status in ("ok", "no_usable_target"):
                    return
            time.sleep(0.05)
    raise AssertionError(f"the gateway did not become ready:\n{gateway.log.read_text()[-4000:]}")
