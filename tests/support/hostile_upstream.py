"""An upstream of all three languages that misbehaves as the caller's text says.

A text such as `@@reset@@ MARK-17` chooses what goes wrong; the answer repeats the mark, so that a
test can tell whose answer it holds. `@@any@@` chooses for itself, from `KINDS`, by the seed.
"""

import asyncio
import json
import random
import re
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from .raw_server import (
    LAST_CHUNK,
    STREAM_HEAD,
    RawPeer,
    RawRequest,
    chunk,
    raw_server_in_thread,
    response,
)

UNASKED: Final = "UNASKED-for-"
SECRET: Final = "test-upstream-key-not-secret"
LEAK: Final = (
    f"failed at http://10.1.2.3:8000/v1 on 10.1.2.3:8000 with {SECRET} Bearer abcdefghijkl "
    'Traceback (most recent call last):\n File "/srv/app/x.py", line 3'
)
_KIND = re.compile(rb"@@([a-z0-9-]+)@@")
_MARK = re.compile(rb"MARK-\d+")
# What an error's words may hold, by the kind that sends them.
_ERRORS: Final = {
    "leak": (400, LEAK),
    "newlines": (400, "\n" * 30_000 + "x"),
    "schemes": (400, "a." * 30_000),
    "endless-wait": (429, "slow"),
    "e500": (500, "boom"),
    "e429": (429, "slow"),
    "redirect": (302, "elsewhere"),
}
_HEADERS: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "endless-wait": (("retry-after", "1e308"),),
    "e429": (("retry-after", "0"),),
    "redirect": (("location", "http://169.254.169.254/"),),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """`frames` and `whole` are the honest answer in the language that was asked."""

    kind: str
    mark: str
    streams: bool
    whole: bytes
    frames: tuple[bytes, ...]

    @property
    def good(self) -> bytes:
        if self.streams:
            return STREAM_HEAD + b"".join(map(chunk, self.frames)) + LAST_CHUNK
        return response(self.whole)


Misdeed = Callable[[RawPeer, Asked], Awaitable[bool]]


async def _twice(peer: RawPeer, asked: Asked) -> bool:
    await peer.send(asked.good + response(asked.whole.replace(b"MARK", UNASKED.encode() + b"MARK")))
    return True


async def _late_again(peer: RawPeer, asked: Asked) -> bool:
    await peer.send(asked.good)
    await asyncio.sleep(0.005)
    return await _unasked(peer, asked)


async def _unasked(peer: RawPeer, asked: Asked) -> bool:
    await peer.send(response(asked.whole.replace(b"MARK", UNASKED.encode() + b"MARK")))
    return True


async def _garbage(peer: RawPeer, asked: Asked) -> bool:
    await peer.send(asked.good + b"garbage")
    return True


async def _reset(peer: RawPeer, asked: Asked) -> bool:
    del asked
    peer.reset()
    return False


async def _half(peer: RawPeer, asked: Asked) -> bool:
    await peer.send(asked.good[: len(asked.good) * 2 // 3])
    return False


async def _head_alone(peer: RawPeer, asked: Asked) -> bool:
    await peer.send(asked.good.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
    return False


async def _in_pieces(peer: RawPeer, asked: Asked) -> bool:
    for start in range(0, len(asked.good), 50):
        await peer.send(asked.good[start : start + 50])
        await asyncio.sleep(0)
    return True


async def _end_late(peer: RawPeer, asked: Asked) -> bool:
    await peer.send(asked.good[:-5])
    await asyncio.sleep(0.02)
    await peer.send(asked.good[-5:])
    return True


async def _old(peer: RawPeer, asked: Asked) -> bool:
    kind = b"text/event-stream" if asked.streams else b"application/json"
    body = b"".join(asked.frames) if asked.streams else asked.whole
    await peer.send(b"HTTP/1.0 200 OK\r\ncontent-type: %b\r\n\r\n%b" % (kind, body))
    return False


async def _html(peer: RawPeer, asked: Asked) -> bool:
    del asked
    await peer.send(response(b"<html><script>alert(1)</script>", content_type="text/html"))
    return True


async def _whole(peer: RawPeer, asked: Asked) -> bool:
    await peer.send(response(asked.whole))
    return True


async def _deep(peer: RawPeer, asked: Asked) -> bool:
    nested = b"[" * 100_000 + b"]" * 100_000
    await peer.send(response(asked.whole[:-1] + b',"x":%b}' % nested))
    return True


async def _large(peer: RawPeer, asked: Asked) -> bool:
    del asked
    await peer.send(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    for _ in range(80):
        await peer.send(chunk(b" " * 2**20))
    await peer.send(LAST_CHUNK)
    return True


async def _endless(peer: RawPeer, asked: Asked) -> bool:
    begin = asked.frames[:2]
    await peer.send(STREAM_HEAD + b"".join(map(chunk, begin)))
    text = next(frame for frame in asked.frames if asked.mark.encode() in frame)
    while True:
        await peer.send(chunk(text * 200))


async def _slow_stream(peer: RawPeer, asked: Asked) -> bool:
    await peer.send(STREAM_HEAD)
    for frame in asked.frames:
        await peer.send(chunk(frame))
        await asyncio.sleep(0.1)
    await peer.send(LAST_CHUNK)
    return True


async def _silent(peer: RawPeer, asked: Asked) -> bool:
    del asked
    await peer.closed()
    return False


MISDEEDS: Final[dict[str, Misdeed]] = {
    "twice": _twice,
    "late-again": _late_again,
    "garbage": _garbage,
    "reset": _reset,
    "half": _half,
    "head-alone": _head_alone,
    "in-pieces": _in_pieces,
    "end-late": _end_late,
    "old": _old,
    "html": _html,
    "whole": _whole,
    "deep": _deep,
    "large": _large,
    "endless": _endless,
    "slow-stream": _slow_stream,
    "silent": _silent,
}
KINDS: Final = (
    "ok", "ok", "ok", "ok", "twice", "garbage", "reset", "half", "head-alone", "in-pieces",
    "end-late", "old", "html", "e500", "e429",
)  # fmt: skip


@dataclass(slots=True)
class HostileUpstream:
    """`open` connections, and the dice by which `@@any@@` is decided."""

    base_url: str = ""
    open: int = 0
    dice: random.Random = field(default_factory=lambda: random.Random(7))

    async def serve(self, peer: RawPeer) -> None:
        self.open += 1
        try:
            while await self._answer(peer, await peer.request()):
                pass
        finally:
            self.open -= 1

    async def _answer(self, peer: RawPeer, request: RawRequest) -> bool:
        asked = _read(request, self.dice)
        if asked.kind in _ERRORS:
            status, message = _ERRORS[asked.kind]
            error: dict[str, Any] = {"message": message, "type": "invalid_request_error"}
            body = json.dumps({"type": "error", "error": error}).encode()
            if "google" in request.target:
                error = {"message": message, "status": "INVALID_ARGUMENT", "code": status}
                body = json.dumps({"error": error}).encode()
            headers = _HEADERS.get(asked.kind, ())
            await peer.send(response(body, status=status, headers=headers))
            return True
        misdeed = MISDEEDS.get(asked.kind)
        if misdeed is not None:
            return await misdeed(peer, asked)
        await peer.send(asked.good)
        return True


@contextmanager
def hostile_upstream() -> Generator[HostileUpstream]:
    """Serve until the block ends."""
    upstream = HostileUpstream()
    with raw_server_in_thread(upstream.serve) as server:
        upstream.base_url = server.base_url
        yield upstream


def _read(request: RawRequest, dice: random.Random) -> Asked:
    kinds, marks = _KIND.findall(request.body), _MARK.findall(request.body)
    kind = kinds[-1].decode() if kinds else "ok"
    mark = marks[-1].decode() if marks else "hello"
    streams = "stream" in request.target or b'"stream":true' in request.body.replace(b" ", b"")
    whole, frames = _said(request.target, mark)
    return Asked(dice.choice(KINDS) if kind == "any" else kind, mark, streams, whole, frames)


def _said(target: str, text: str) -> tuple[bytes, tuple[bytes, ...]]:
    if "anthropic" in target:
        return _claude(text)
    if "google" in target:
        return _gemini(text)
    return chat_answer(text)


def _frame(value: dict[str, Any], name: str = "") -> bytes:
    event = f"event: {name}\n" if name else ""
    return f"{event}data: {json.dumps(value, separators=(',', ':'))}\n\n".encode()


def chat_answer(text: str) -> tuple[bytes, tuple[bytes, ...]]:
    """Return what a server of chat completions says: whole, and in frames."""
    head = {"id": "chatcmpl-1", "created": 1, "model": "m"}

    def frame(delta: dict[str, str], reason: str | None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}
        return _frame({**head, "object": "chat.completion.chunk", "choices": [choice]})

    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    whole = {**head, "object": "chat.completion", "choices": [choice], "usage": usage}
    return json.dumps(whole).encode(), (
        frame({"role": "assistant", "content": ""}, None),
        frame({"content": text}, None),
        frame({}, "stop"),
        b"data: [DONE]\n\n",
    )


def _claude(text: str) -> tuple[bytes, tuple[bytes, ...]]:
    message: dict[str, Any] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 3, "output_tokens": 2},
    }
    events: tuple[dict[str, Any], ...] = (
        {"type": "message_start", "message": {**message, "content": [], "stop_reason": None}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": text},
        },
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": 2},
        },
        {"type": "message_stop"},
    )
    return json.dumps(message).encode(), tuple(_frame(event, event["type"]) for event in events)


def _gemini(text: str) -> tuple[bytes, tuple[bytes, ...]]:
    def answer(text: str, **more: str) -> dict[str, Any]:
        content = {"role": "model", "parts": [{"text": text}]}
        usage = {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5}
        candidates = [{"content": content, "index": 0, **more}]
        return {"candidates": candidates, "usageMetadata": usage, "modelVersion": "g"}

    whole = json.dumps(answer(text, finishReason="STOP")).encode()
    return whole, (_frame(answer(text)), _frame(answer("", finishReason="STOP")))
