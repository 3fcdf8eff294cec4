"""A real `modelmux serve` in a process of its own, on a free port."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

COMMAND = (str(Path(sys.executable).with_name("modelmux")),)


@dataclass(frozen=True, slots=True)
class ServedGateway:
    """`url` is without `/v1`; `log` is where standard output and error go."""

    url: str
    log: Path
    process: subprocess.Popen[bytes]


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
) -> Generator[ServedGateway, None, None]:
    """Start the gateway in `folder`, wait until it is ready, and end it afterwards.

    `config` is the text of its `modelmux.toml`. The environment holds nothing of the person who
    runs the tests, so that no credentials of theirs are found.
    """
    if config is not None:
        (folder / "modelmux.toml").write_text(config)
    port = free_port()
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
                process.kill()
                process.wait(10)


def _wait_until_ready(gateway: ServedGateway, within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if gateway.process.poll() is not None:
            break
        try:
            if httpx.get(f"{gateway.url}/health/ready", trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"the gateway did not become ready:\n{gateway.log.read_text()[-4000:]}")
