"""Each figure of the budget, and how it is measured."""

import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from .gateway import GATEWAY, ROOT, Gateway, Stub, drive, gateway
from .load import Job, Result
from .payloads import CLAUDE, GATEWAY_KEY, MODEL, long_request, short_request
from .processes import free_port, rss_bytes, tree, wait_until_ready
from .processes import running as running_process

CHAT = "/v1/chat/completions"
ROUNDS = 5


@dataclass(frozen=True)
class Figure:
    """`values` are the runs; the smallest is the best. A yardstick has no budget."""

    name: str
    unit: str
    budget: float | None
    values: tuple[float, ...]

    @property
    def best(self) -> float:
        return min(self.values)

    @property
    def median(self) -> float:
        return statistics.median(self.values)


def process_figures(upstream: Stub, folder: Path) -> list[Figure]:
    """Start-up, idle memory, and the command line's help."""
    ready: list[float] = []
    idle: list[float] = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        with gateway(upstream, folder) as running:
            ready.append(time.perf_counter() - start)
            time.sleep(0.5)
            idle.append(rss_bytes(tree(running.pid)) / 1e6)
    helped: list[float] = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        subprocess.run(
            [*GATEWAY, "--help"], check=True, capture_output=True, timeout=20, cwd=folder
        )
        helped.append(time.perf_counter() - start)
    return [
        Figure("start to ready", "s", 1.0, tuple(ready)),
        Figure("idle memory", "MB", 60, tuple(idle)),
        Figure("`modelmux --help`", "s", 0.4, tuple(helped)),
    ]


def yardstick_figures(folder: Path) -> list[Figure]:
    """CPU of a call that a bare uvicorn answers by itself, without an upstream."""
    port = free_port()
    command = [sys.executable, "-m", "bench.yardstick", str(port)]
    log = folder / "yardstick.log"
    with running_process(command, folder=ROOT, output=log) as process:
        wait_until_ready(port, process, log)
        values = _cpu_per_request(Gateway(port, process.pid), short_request(MODEL), 4000)
    return [Figure("yardstick: bare uvicorn, no upstream", "µs CPU", None, values)]


def request_figures(running: Gateway) -> list[Figure]:
    """CPU of one whole call of each kind."""
    rows = [
        ("relayed call, 238 B in, 620 B out", 100.0, short_request(MODEL), 4000),
        ("translated call, OpenAI in, Claude out", 110.0, short_request(CLAUDE), 4000),
        ("relayed call, 110 KB conversation", 250.0, long_request(MODEL), 1500),
    ]
    return [
        Figure(name, "µs CPU", budget, _cpu_per_request(running, body, count))
        for name, budget, body, count in rows
    ]


def _cpu_per_request(running: Gateway, body: bytes, count: int) -> tuple[float, ...]:
    def closed(requests: int) -> Result:
        return drive(
            _job("closed", running.port, body, running.pid, 32, seconds=4, requests=requests)
        )

    closed(1000)  # warm: connections open, token fetched, caches filled
    results = [closed(count) for _ in range(ROUNDS)]
    return tuple(result.cpu_s * 1e6 / result.requests for result in results)


def chunk_figures(upstream: Stub, running: Gateway) -> list[Figure]:
    """CPU of one streamed chunk while 200 streams run at 50 chunks a second each."""
    upstream.set_pace(chunks=1000, interval_ms=20)
    figures: list[Figure] = []
    for name, budget, model in (
        ("relayed chunk, 200 streams", 20.0, MODEL),
        ("translated chunk, 200 streams", 20.0, CLAUDE),
    ):
        body = short_request(model, stream=True)
        results = [
            drive(_job("streams", running.port, body, running.pid, 200, seconds=3))
            for _ in range(3)
        ]
        values = tuple(result.cpu_s * 1e6 / result.chunks for result in results)
        figures.append(Figure(name, "µs CPU", budget, values))
    return figures


def memory_figures(upstream: Stub, folder: Path) -> list[Figure]:
    """Memory of one open stream: what 1,000 of them add to a gateway that had none."""
    upstream.set_pace(chunks=100, interval_ms=1000)
    figures: list[Figure] = []
    for name, model in (("open stream, relayed", MODEL), ("open stream, translated", CLAUDE)):
        with gateway(upstream, folder) as running:
            # One call first, so that what is made once is not counted a thousandth each.
            drive(_job("closed", running.port, short_request(model), running.pid, 1, 2, 20))
            result = drive(
                _job("streams", running.port, short_request(model, stream=True), running.pid,
                     1000, seconds=1)
            )  # fmt: skip
            figures.append(Figure(name, "KB", 22, (result.rss_growth / 1000 / result.streams,)))
    return figures


def latency_figures(upstream: Stub, running: Gateway) -> list[Figure]:
    """What the gateway adds to a call, at half the rate it can do on this machine."""
    body = short_request(MODEL)
    full = drive(_job("closed", running.port, body, running.pid, 32, seconds=3, requests=10_000))
    rate = full.requests / full.wall_s / 2
    added: dict[int, list[float]] = {50: [], 99: []}
    for _ in range(3):
        direct = _paced(upstream.port, body, running.pid, rate)
        through = _paced(running.port, body, running.pid, rate)
        for percent, values in added.items():
            values.append((_percentile(through, percent) - _percentile(direct, percent)) / 1000)
    return [
        Figure(f"added latency p50 at {rate:.0f} calls a second", "ms", 1.0, tuple(added[50])),
        Figure(f"added latency p99 at {rate:.0f} calls a second", "ms", 10.0, tuple(added[99])),
    ]


def _paced(port: int, body: bytes, pid: int, rate: float) -> list[int]:
    job = Job("paced", port, CHAT, body.decode(), GATEWAY_KEY, pid, 128, 4, rate=rate)
    return drive(job).latencies_us


def _percentile(values: list[int], percent: int) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) * percent // 100, len(ordered) - 1)]


def _job(
    kind: str,
    port: int,
    body: bytes,
    pid: int,
    connections: int,
    seconds: float,
    requests: int = 0,
) -> Job:
    return Job(kind, port, CHAT, body.decode(), GATEWAY_KEY, pid, connections, seconds, requests)
