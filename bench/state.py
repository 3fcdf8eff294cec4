"""The figures of kept state: stored streams, reading back, long chains, background streams."""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from http.client import HTTPResponse
from pathlib import Path

from .figures import CHAT, Figure
from .gateway import ROOT, Gateway, Stub, drive, gateway
from .load import Job
from .payloads import CLAUDE, GATEWAY_KEY, response_request, short_request
from .processes import BenchFailed, rss_bytes, tree

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
    with _open(running, RESPONSES, response_request(CLAUDE)) as answer:
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
    """Memory of one open background stream: what 1,000 of them add to a gateway without any.

    With a client that follows each, who costs what any open stream does, and after all have left.
    """
    body = response_request(CLAUDE, stream=True, background=True)
    figures: list[Figure] = []
    for name, measure in (
        ("open background stream, followed", _grown_with_followers),
        ("open background stream, its client gone", _grown_without),
    ):
        with gateway(upstream, folder) as running:
            # What is made once, such as the database's caches, is not counted a thousandth each.
            upstream.set_pace(chunks=20, interval_ms=1)
            drive(_job(running, RESPONSES, body, connections=4)(300))
            upstream.set_pace(chunks=100, interval_ms=1000)
            figures.append(Figure(name, "KB", 30, (measure(running, body) / 1000,)))
    return figures


def _grown_with_followers(running: Gateway, body: bytes) -> float:
    job = Job("streams", running.port, RESPONSES, body.decode(), GATEWAY_KEY, running.pid, 1000, 1)
    result = drive(job)
    return result.rss_growth / result.streams


def _grown_without(running: Gateway, body: bytes) -> float:
    """Leave each stream once it has begun, so that there never are a thousand clients at once."""
    pids = tree(running.pid)
    before = rss_bytes(pids)
    ids = [_begin_and_leave(running, body) for _ in range(1000)]
    time.sleep(2)
    grown = rss_bytes(pids) - before
    for id_ in (ids[0], ids[-1]):
        with _open(running, f"{RESPONSES}/{id_}") as answer:
            if json.load(answer)["status"] != "in_progress":
                raise BenchFailed("a background stream did not run on without its client")
    return grown / len(ids)


def _begin_and_leave(running: Gateway, body: bytes) -> str:
    """Return the id of the response."""
    with _open(running, RESPONSES, body) as answer:
        answer.readline()  # the event's name
        event = json.loads(answer.readline().removeprefix(b"data: "))
        id_: str = event["response"]["id"]
        return id_


def _open(running: Gateway, path: str, body: bytes | None = None) -> HTTPResponse:
    asked = urllib.request.Request(
        f"http://127.0.0.1:{running.port}{path}",
        data=body,
        headers={"authorization": f"Bearer {GATEWAY_KEY}", "content-type": "application/json"},
    )
    # urlopen has no narrower type; over http it is always this
    answer: HTTPResponse = urllib.request.urlopen(asked, timeout=10)
    return answer


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
