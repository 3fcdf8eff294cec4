"""Processes the bench starts, and what the kernel says they use."""

import http.client
import os
import socket
import subprocess
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


class BenchFailed(Exception):
    """Something did not start or answered wrongly: there is no figure to tell."""


def tree(pid: int) -> list[int]:
    """Return `pid` and its descendants."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [pid]
    for known in found:
        found.extend(parents.get(known, ()))
    return found


def cpu_s(pids: Sequence[int]) -> float:
    """Return the user and system time of `pids` so far."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / _TICKS


def rss_bytes(pids: Sequence[int]) -> int:
    """Return the resident memory of `pids`."""
    kilobytes = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                kilobytes += int(line.split()[1])
    return kilobytes * 1024


def free_port() -> int:
    """Return a port of the loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    output: Path | None = None,
) -> Generator[subprocess.Popen[bytes], None, None]:
    """Run `command` for the length of the block; standard output is a pipe unless `output`."""
    sink = subprocess.PIPE if output is None else output.open("wb")
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=sink,
        stderr=None if output is None else subprocess.STDOUT,
        env=None if environment is None else dict(environment),
        cwd=folder,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)
        if not isinstance(sink, int):
            sink.close()
        elif process.stdout is not None:
            process.stdout.close()


def wait_until_ready(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return as soon as the gateway calls itself ready.

    Raises:
        BenchFailed: it ended, or 15 seconds passed; with the tail of its log.
    """
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline and process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.request("GET", "/health/ready")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.005)
    raise BenchFailed(f"the gateway did not become ready:\n{log.read_text()[-2000:]}")
