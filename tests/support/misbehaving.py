"""An upstream that fails in the way its model's name says, and notes when it was left.

    with misbehaving() as upstream:
        ... upstream.base_url, model "500", "429 in 60", "silent", "stuck", "cut", "plain" ...

Blocking clients: it serves from a thread.
"""

import asyncio
import json
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from .raw_server import (
    LAST_CHUNK,
    STREAM_HEAD,
    RawPeer,
    RawServer,
    chunk,
    raw_server_in_thread,
    response,
)

KINDS: Final = (
    "reset", "500", "429 in 0", "429 in 60", "401", "400", "404", "302", "html", "empty", "broken",
    "half", "error in 200", "cut", "ended", "malformed",
)  # fmt: skip
"""All that fail at once. `silent` and `stuck` wait for the client; `500 once` mends."""


@dataclass(slots=True)
class Misbehaving:
    """`models` is what was asked, in order; `left_at` when clients of silent answers left."""

    models: list[str] = field(default_factory=list[str])
    left_at: list[float] = field(default_factory=list[float])
    server: RawServer | None = None

    @property
    def base_url(self) -> str:
        assert self.server is not None
        return f"{self.server.base_url}/v1"

    def wait_for(self, asked: int, within_s: float = 5.0) -> None:
        """Block until `asked` requests have come; fails in time."""
        deadline = time.monotonic() + within_s
        while len(self.models) < asked:
            assert time.monotonic() < deadline, f"{len(self.models)} of {asked} came"
            time.sleep(0.005)

    def wait_left(self, count: int, within_s: float = 5.0) -> None:
        """Block until `count` clients have left; fails in time."""
        deadline = time.monotonic() + within_s
        while len(self.left_at) < count:
            assert time.monotonic() < deadline, f"{len(self.left_at)} of {count} left"
            time.sleep(0.005)

    async def serve(self, peer: RawPeer) -> None:
        while True:
            request = await peer.request()
            if request.method != "POST":  # somebody asks how it is
                await peer.send(response(_error(404), status=404))
                continue
            body: dict[str, Any] = json.loads(request.body)
            kind = body["model"]
            self.models.append(kind)
            if kind == "500 once" and self.models.count(kind) == 1:
                kind = "500"
            await self._answer(peer, kind, streams=bool(body.get("stream")))

    async def _answer(self, peer: RawPeer, kind: str, *, streams: bool) -> None:
        status, _, delay_s = kind.partition(" in ")
        if kind in ("silent", "stuck"):
            if kind == "stuck":
                await peer.send(STREAM_HEAD + _CHUNK)
            await peer.closed()
            self.left_at.append(time.monotonic())
        elif kind == "reset":
            peer.reset()
        elif status.isdigit():
            headers = (("retry-after", delay_s),) if delay_s else ()
            await peer.send(response(_error(int(status)), status=int(status), headers=headers))
        elif kind in _WHOLE:
            await peer.send(_WHOLE[kind])
            if kind == "half":
                peer.writer.close()
        elif kind in _STREAMS and streams:
            await peer.send(STREAM_HEAD + _CHUNK)
            await asyncio.sleep(0.02)
            await peer.send(_STREAMS[kind])
            if kind == "cut":
                peer.writer.close()
        elif kind in _STREAMS:
            await peer.send(response(_COMPLETION)[: -len(_COMPLETION) // 2])
            peer.writer.close()
        else:
            await peer.send(STREAM_HEAD + _REST if streams else response(_COMPLETION))


@contextmanager
def misbehaving() -> Generator[Misbehaving]:
    """Serve until the block ends."""
    upstream = Misbehaving()
    with raw_server_in_thread(upstream.serve) as server:
        upstream.server = server
        yield upstream


def _error(status: int) -> bytes:
    error = {
        "message": f"words of the upstream on {status}",
        "type": "invalid_request_error",
        "param": "messages[3]",
        "code": {400: "string_above_max_length", 404: "model_not_found"}.get(status),
    }
    return json.dumps({"error": error}).encode()


def _frame(delta: dict[str, str], reason: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}
    told = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return chunk(b"data: %b\n\n" % json.dumps({**told, "choices": [choice]}).encode())


_CHUNK: Final = _frame({"role": "assistant", "content": "Hello"}, None)
_REST: Final = _CHUNK + _frame({}, "stop") + chunk(b"data: [DONE]\n\n") + LAST_CHUNK
_COMPLETION: Final = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello", "refusal": None},
                "finish_reason": "stop",
                "logprobs": None,
            }
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
).encode()
_WHOLE: Final = {
    "html": response(b"<html>Welcome</html>", content_type="text/html"),
    "empty": response(b""),
    "broken": response(b'{"id":'),
    "half": response(_COMPLETION)[:-20],
    "error in 200": response(_error(500)),
}
_STREAMS: Final = {
    "cut": b"",
    "ended": LAST_CHUNK,
    "malformed": chunk(b"data: {]\n\n") + LAST_CHUNK,
}
