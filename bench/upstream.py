"""The upstream stub: every language the bench needs, from prepared bytes, at a set pace.

A process of its own, so that its CPU is not counted with the gateway's. `PUT /pace?chunks=&ms=`
sets how many chunks the next streams have and how far apart they are; `/token` hands out an
access token, as Google's token endpoint does.
"""

import asyncio
import gc
import json
import sys
from functools import lru_cache
from typing import cast
from urllib.parse import parse_qs, urlsplit

import httptools
import uvloop

from .payloads import (
    chat_answer,
    chat_frames,
    claude_answer,
    claude_frames,
    converse_answer,
    converse_frames,
    gemini_answer,
    gemini_frames,
    predictions,
)


def _whole(body: bytes) -> bytes:
    return (
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        % len(body)
    ) + body


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


_STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)
_EVENT_STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/vnd.amazon.eventstream\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)
_LAST_CHUNK = b"0\r\n\r\n"
_CHAT = _whole(chat_answer())
_CLAUDE = _whole(claude_answer())
_GEMINI = _whole(gemini_answer())
_CONVERSE = _whole(converse_answer())
_TOKEN = _whole(
    json.dumps(
        {"access_token": "bench-token-not-secret", "expires_in": 3600, "token_type": "Bearer"}
    ).encode()
)


class Pace:
    """How streams are sent; shared by all connections, read when a stream begins."""

    def __init__(self) -> None:
        self.set(chunks=20, interval_s=0.02)

    def set(self, *, chunks: int, interval_s: float) -> None:
        self.interval_s = interval_s
        frames, end = chat_frames(chunks)
        self.chat = [_chunk(frame) for frame in frames], _chunk(end) + _LAST_CHUNK
        frames, end = claude_frames(chunks)
        self.claude = [_chunk(frame) for frame in frames], _chunk(end) + _LAST_CHUNK
        frames, end = gemini_frames(chunks)
        self.gemini = [_chunk(frame) for frame in frames], _chunk(end) + _LAST_CHUNK
        frames, end = converse_frames(chunks)
        self.converse = [_chunk(frame) for frame in frames], _chunk(end) + _LAST_CHUNK


@lru_cache(maxsize=8)
def _predicted(inputs: int) -> bytes:
    return _whole(predictions(inputs))


class Upstream(asyncio.Protocol):
    """One connection; requests are answered in turn, without pipelining."""

    def __init__(self, pace: Pace, loop: asyncio.AbstractEventLoop) -> None:
        self._pace = pace
        self._loop = loop
        self._parser = httptools.HttpRequestParser(self)
        self._target = b""
        self._head: list[bytes] = []
        self._inputs = 0
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # cast: uvloop's transports do not inherit from asyncio's.
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        if self._timer is not None:
            self._timer.cancel()
        del self._parser

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._target = url
        self._head.clear()
        self._inputs = 0

    def on_body(self, body: bytes) -> None:
        # `stream` stands near either end of the bodies this bench sends.
        self._head.append(body[:200])
        self._head.append(body[-200:])
        if self._target.endswith(b":predict"):
            # Bodies of this size come in one piece, so that no name is cut in two.
            self._inputs += body.count(b'{"content":')

    def on_message_complete(self) -> None:
        target = self._target
        if target.endswith(b":streamRawPredict"):
            self._stream(*self._pace.claude)
        elif target.endswith(b":rawPredict"):
            self._transport.write(_CLAUDE)
        elif b":streamGenerateContent" in target:
            self._stream(*self._pace.gemini)
        elif target.endswith(b":generateContent"):
            self._transport.write(_GEMINI)
        elif target.endswith(b":predict"):
            self._transport.write(_predicted(self._inputs))
        elif target.endswith(b"/converse-stream"):
            self._stream(*self._pace.converse, head=_EVENT_STREAM_HEAD)
        elif target.endswith(b"/converse"):
            self._transport.write(_CONVERSE)
        elif target.startswith(b"/pace"):
            asked = parse_qs(urlsplit(target.decode()).query)
            self._pace.set(chunks=int(asked["chunks"][0]), interval_s=float(asked["ms"][0]) / 1000)
            self._transport.write(_whole(b"{}"))
        elif target == b"/token":
            self._transport.write(_TOKEN)
        elif b'"stream":true' in b"".join(self._head):
            claude = target.startswith(b"/v1/messages")
            self._stream(*(self._pace.claude if claude else self._pace.chat))
        elif target.startswith(b"/v1/messages"):
            self._transport.write(_CLAUDE)
        else:
            self._transport.write(_CHAT)

    def _stream(self, frames: list[bytes], end: bytes, head: bytes = _STREAM_HEAD) -> None:
        self._transport.write(head + frames[0])
        self._timer = self._loop.call_later(self._pace.interval_s, self._send, frames, end, 1)

    def _send(self, frames: list[bytes], end: bytes, position: int) -> None:
        if position == len(frames):
            self._timer = None
            self._transport.write(end)
            return
        self._transport.write(frames[position])
        self._timer = self._loop.call_later(
            self._pace.interval_s, self._send, frames, end, position + 1
        )


async def serve() -> None:
    """Listen on a free port of the loopback, print it, and answer until ended."""
    loop = asyncio.get_running_loop()
    pace = Pace()
    server = await loop.create_server(lambda: Upstream(pace, loop), "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    gc.freeze()
    await server.serve_forever()


if __name__ == "__main__":
    try:
        uvloop.run(serve())
    except KeyboardInterrupt:
        sys.exit(0)
