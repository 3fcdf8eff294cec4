"""What the other languages cost: Messages in, Gemini and Converse out, vectors."""

from collections.abc import Sequence
from dataclasses import dataclass

from .figures import ROUNDS, Figure
from .gateway import Gateway, Stub, drive
from .load import Job
from .payloads import (
    CONVERSE,
    DIRECT,
    EMBEDDING,
    GATEWAY_KEY,
    GEMINI,
    MODEL,
    agent_request,
    embedding_request,
    short_request,
)

_CHAT = "/v1/chat/completions"
_MESSAGES = "/v1/messages"
_EMBEDDINGS = "/v1/embeddings"


@dataclass(frozen=True)
class Row:
    """One pair of languages: what is asked where, and how often for a figure."""

    name: str
    budget: float | None
    path: str
    body: bytes
    requests: int = 4000

    def call(self, running: Gateway, requests: int, connections: int = 32) -> Job:
        """Return the job of `requests` whole calls."""
        return Job(
            "closed", running.port, self.path, self.body.decode(), GATEWAY_KEY, running.pid,
            connections, 4, requests,
        )  # fmt: skip

    def streams(self, running: Gateway, streams: int, seconds: float) -> Job:
        """Return the job of `streams` open at once."""
        return Job(
            "streams", running.port, self.path, self.body.decode(), GATEWAY_KEY, running.pid,
            streams, seconds,
        )  # fmt: skip


CALLS: Sequence[Row] = (
    Row("Messages in, Claude relayed, 238 B", 100.0, _MESSAGES, short_request(DIRECT)),
    Row("the same, a coding agent's 40 KB", None, _MESSAGES, agent_request(DIRECT), 1000),
    Row("Messages in, OpenAI out", 110.0, _MESSAGES, short_request(MODEL)),
    Row("chat in, Gemini out", 110.0, _CHAT, short_request(GEMINI)),
    Row("chat in, Converse out", 110.0, _CHAT, short_request(CONVERSE)),
    Row("100 vectors in base64, Vertex out", None, _EMBEDDINGS, embedding_request(EMBEDDING), 100),
)
STREAMS: Sequence[Row] = tuple(
    Row(f"chunk: {name}, 200 streams", budget, path, short_request(model, stream=True))
    for name, budget, path, model in (
        ("Messages in, Claude relayed", 20.0, _MESSAGES, DIRECT),
        ("Messages in, OpenAI out", 20.0, _MESSAGES, MODEL),
        ("chat in, Gemini out", 20.0, _CHAT, GEMINI),
        ("chat in, ConverseStream out", 30.0, _CHAT, CONVERSE),
    )
)


def language_figures(upstream: Stub, running: Gateway) -> list[Figure]:
    """CPU of one call, and of one streamed chunk, of each pair of languages."""
    figures = [Figure(row.name, "µs CPU", row.budget, _cpu_per_call(running, row)) for row in CALLS]
    upstream.set_pace(chunks=1000, interval_ms=20)
    for row in STREAMS:
        results = [drive(row.streams(running, 200, seconds=3)) for _ in range(3)]
        values = tuple(result.cpu_s * 1e6 / result.chunks for result in results)
        figures.append(Figure(row.name, "µs CPU", row.budget, values))
    return figures


def _cpu_per_call(running: Gateway, row: Row) -> tuple[float, ...]:
    drive(row.call(running, min(row.requests, 1000)))  # warm
    results = [drive(row.call(running, row.requests)) for _ in range(ROUNDS)]
    return tuple(result.cpu_s * 1e6 / result.requests for result in results)
