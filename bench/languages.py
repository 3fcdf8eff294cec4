"""What the other languages cost: Messages in, Gemini and Converse out, vectors."""

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


def language_figures(upstream: Stub, running: Gateway) -> list[Figure]:
    """CPU of one call, and of one streamed chunk, of each pair of languages."""
    calls = [
        (
            "Messages in, Claude relayed, 238 B",
            100.0,
            _MESSAGES,
            short_request(DIRECT),
            4000,
        ),
        ("the same, a coding agent's 40 KB", None, _MESSAGES, agent_request(DIRECT), 1000),
        ("Messages in, OpenAI out", 110.0, _MESSAGES, short_request(MODEL), 4000),
        ("chat in, Gemini out", 110.0, _CHAT, short_request(GEMINI), 4000),
        ("chat in, Converse out", 110.0, _CHAT, short_request(CONVERSE), 4000),
        ("100 vectors in base64, Vertex out", None, _EMBEDDINGS, embedding_request(EMBEDDING), 100),
    ]
    figures = [
        Figure(name, "µs CPU", budget, _cpu_per_call(running, path, body, count))
        for name, budget, path, body, count in calls
    ]
    upstream.set_pace(chunks=1000, interval_ms=20)
    streams = [
        ("chunk: Messages in, Claude relayed", 20.0, _MESSAGES, DIRECT),
        ("chunk: Messages in, OpenAI out", 20.0, _MESSAGES, MODEL),
        ("chunk: chat in, Gemini out", 20.0, _CHAT, GEMINI),
        ("chunk: chat in, ConverseStream out", 30.0, _CHAT, CONVERSE),
    ]
    for name, budget, path, model in streams:
        body = short_request(model, stream=True)
        job = Job("streams", running.port, path, body.decode(), GATEWAY_KEY, running.pid, 200, 3)
        results = [drive(job) for _ in range(3)]
        values = tuple(result.cpu_s * 1e6 / result.chunks for result in results)
        figures.append(Figure(f"{name}, 200 streams", "µs CPU", budget, values))
    return figures


def _cpu_per_call(running: Gateway, path: str, body: bytes, count: int) -> tuple[float, ...]:
    def job(requests: int) -> Job:
        return Job(
            "closed", running.port, path, body.decode(), GATEWAY_KEY, running.pid, 32, 4, requests
        )

    drive(job(min(count, 1000)))  # warm
    results = [drive(job(count)) for _ in range(ROUNDS)]
    return tuple(result.cpu_s * 1e6 / result.requests for result in results)
