"""The figures of kept state: stored streams, reading back, long chains, background streams."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

from .figures import CHAT, Figure
from .gateway import ROOT, Gateway, Stub, drive, gateway
from .load import Job
from .payloads import CLAUDE, GATEWAY_KEY, response_request, short_request
from .processes import BenchFailed

RESPONSES = "/v1/responses"
TURNS = 200
_CHUNKS = 50


def stored_figures(upstream: Stub, running: Gateway) -> list[Figure]:
    """What keeping a streamed answer costs beside the same answer on chat completions.

    Streams of 50 chunks at 100 a second, as fast models write; the two kinds take turns, because
    the machine's speed drifts.
    """
    upstream.set_pace(chunks=_CHUNKS, interval_ms=10)
    chat = _job(running, CHAT, short_request(CLAUDE, stream=True))
    kept = _job(running, RESPONSES, response_request(CLAUDE, stream=True))
    for job in (chat, kept):
        drive(job(64))
    chats: list[float] = []
    more: list[float] = []
    for _ in range(5):
        chats.append(_cpu_us(job=chat(320)))
        more.append((_cpu_us(job=kept(320)) / chats[-1] - 1) * 100)
    return [
        Figure(f"chat stream of {_CHUNKS} chunks, translated", "µs CPU", None, tuple(chats)),
        Figure("the same as a stored response, more than that", "%", 20, tuple(more)),
    ]


def reading_figures(running: Gateway) -> list[Figure]:
    """CPU of reading a kept response back."""
    asked = urllib.request.Request(
        f"http://127.0.0.1:{running.port}{RESPONSES}",
        data=response_request(CLAUDE),
        headers={"authorization": f"Bearer {GATEWAY_KEY}", "content-type": "application/json"},
    )
    with urllib.request.urlopen(asked, timeout=10) as answer:
        id_: str = json.load(answer)["id"]
    job = _job(running, f"{RESPONSES}/{id_}", b"", method="GET")
    drive(job(500))
    values = tuple(_cpu_us(job=job(2000)) for _ in range(5))
    return [Figure("GET of a kept response", "µs CPU", 300, values)]


def chain_figures(folder: Path) -> list[Figure]:
    """How long the context of a turn takes to load, by the length of its chain."""
    figures: list[Figure] = []
    for turns, budget in ((50, None), (TURNS, 5.0), (4 * TURNS, None)):
        ended = subprocess.run(
            [sys.executable, "-m", "bench.chain", str(folder / "chain.db"), str(turns)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if ended.returncode != 0:
            raise BenchFailed(f"the chain was not measured:\n{ended.stderr[-1500:]}")
        values: list[float] = json.loads(ended.stdout)
        figures.append(Figure(f"loading a chain of {turns} turns", "ms", budget, tuple(values)))
    return figures


def background_figures(upstream: Stub, folder: Path) -> list[Figure]:
    """Memory of one open background stream: what 1,000 of them add to a gateway without any."""
    upstream.set_pace(chunks=100, interval_ms=1000)
    with gateway(upstream, folder) as running:
        body = response_request(CLAUDE, stream=True, background=True).decode()
        warm = response_request(CLAUDE)
        drive(_job(running, RESPONSES, warm, connections=1)(20))
        job = Job("streams", running.port, RESPONSES, body, GATEWAY_KEY, running.pid, 1000, 1)
        result = drive(job)
    grown = result.rss_growth / 1000 / result.streams
    return [Figure("open background stream", "KB", 30, (grown,))]


def _cpu_us(*, job: Job) -> float:
    result = drive(job)
    return result.cpu_s * 1e6 / result.requests


def _job(
    running: Gateway, path: str, body: bytes, *, connections: int = 32, method: str = "POST"
) -> Callable[[int], Job]:
    def of(requests: int) -> Job:
        return Job(
            "closed", running.port, path, body.decode(), GATEWAY_KEY, running.pid, connections,
            seconds=8, requests=requests, method=method,
        )  # fmt: skip

    return of
