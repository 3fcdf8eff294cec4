"""A server of chat completions that fails as the model's name says: `fail-429`, `fail-reset`.

Any other name is answered. What it does for each kind stands in `BEFORE` (nothing of an answer
came), `WITHIN` (the answer had begun), `HARMLESS` (the whole answer is there, and then something
odd) and `ENDLESS`.
"""

import asyncio
import json
import os
import re
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Final

from tests.support.hostile_upstream import MISDEEDS, Asked, Misdeed, chat_answer
from tests.support.raw_server import (
    LAST_CHUNK,
    STREAM_HEAD,
    RawPeer,
    RawRequest,
    RawServer,
    chunk,
    raw_server_in_thread,
    response,
)

SAID: Final = "said by the upstream"
_FAILING: Final = re.compile(rb'"model"\s*:\s*"(?:fail-)([a-z0-9-]+)"')
_WORDS: Final = json.dumps({"error": {"message": "no", "type": "x", "code": None}}).encode()


def _status(status: int, *headers: tuple[str, str]) -> Misdeed:
    async def misdeed(peer: RawPeer, asked: Asked) -> bool:
        del asked
        await peer.send(response(_WORDS, status=status, headers=headers))
        return True

    return misdeed


async def _rests_until(peer: RawPeer, asked: Asked) -> bool:
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    return await _status(429, ("retry-after", until))(peer, asked)


async def _empty(peer: RawPeer, asked: Asked) -> bool:
    del asked
    await peer.send(response(b""))
    return True


async def _broken_json(peer: RawPeer, asked: Asked) -> bool:
    if asked.streams:
        await peer.send(STREAM_HEAD + chunk(b'data: {"id":"x","cho\n\n') + LAST_CHUNK)
    else:
        await peer.send(response(b'{"id":"x","choices":[{]}'))
    return True


async def _half_a_head(peer: RawPeer, asked: Asked) -> bool:
    del asked
    await peer.send(b"HTTP/1.1 200 OK\r\ncontent-ty")
    return False


async def _header_bomb(peer: RawPeer, asked: Asked) -> bool:
    del asked
    await peer.send(b"HTTP/1.1 200 OK\r\n" + b"x-filler: %b\r\n" % (b"y" * 1000) * 4000 + b"\r\n")
    return False


async def _endless_head(peer: RawPeer, asked: Asked) -> bool:
    del asked
    await peer.send(b"HTTP/1.1 200 OK\r\nx-endless: ")
    while True:
        await peer.send(b"y" * 4096)


async def _slow_head(peer: RawPeer, asked: Asked) -> bool:
    for byte in asked.good:
        await peer.send(bytes((byte,)))
        await asyncio.sleep(0.2)
    return True


async def _slow_first_event(peer: RawPeer, asked: Asked) -> bool:
    await peer.send(asked.good.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
    await peer.closed()
    return False


async def _comments(peer: RawPeer, asked: Asked) -> bool:
    del asked
    await peer.send(STREAM_HEAD)
    while True:
        await peer.send(chunk(b": still here\n\n"))
        await asyncio.sleep(0.05)


async def _error_first(peer: RawPeer, asked: Asked) -> bool:
    del asked
    await peer.send(STREAM_HEAD + chunk(b"data: %b\n\n" % _WORDS) + LAST_CHUNK)
    return True


async def _huge_event(peer: RawPeer, asked: Asked) -> bool:
    del asked
    await peer.send(STREAM_HEAD + chunk(b'data: {"id":"'))
    while True:
        await peer.send(chunk(b"x" * 2**18))


async def _tls(peer: RawPeer, asked: Asked) -> bool:
    del asked
    await peer.send(b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03" + os.urandom(120))
    return False


async def _too_short(peer: RawPeer, asked: Asked) -> bool:
    """Name a length that is half of what comes."""
    body = b"".join(asked.frames) if asked.streams else asked.whole
    await peer.send(_with_length(asked, len(body) // 2) + body)
    return True


async def _too_long(peer: RawPeer, asked: Asked) -> bool:
    """Name a length that never comes; nor does the end of the stream."""
    body = b"".join(asked.frames[:-2]) if asked.streams else asked.whole[:-9]
    await peer.send(_with_length(asked, len(body) + 1000) + body)
    return False


def _with_length(asked: Asked, length: int) -> bytes:
    kind = b"text/event-stream" if asked.streams else b"application/json"
    return b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n" % (kind, length)


def _begun(asked: Asked) -> bytes:
    """Return an answer up to its middle: of a stream, two whole events."""
    if asked.streams:
        return STREAM_HEAD + b"".join(map(chunk, asked.frames[:2]))
    return _with_length(asked, len(asked.whole)) + asked.whole[: len(asked.whole) // 2]


async def _cut_between(peer: RawPeer, asked: Asked) -> bool:
    await peer.send(_begun(asked))
    return False


async def _cut_inside(peer: RawPeer, asked: Asked) -> bool:
    half = asked.frames[1][: len(asked.frames[1]) // 2]
    await peer.send(_begun(asked) + chunk(half) if asked.streams else _begun(asked))
    return False


async def _reset_within(peer: RawPeer, asked: Asked) -> bool:
    await peer.send(_begun(asked))
    await asyncio.sleep(0.05)
    peer.reset()
    return False


async def _silence(peer: RawPeer, asked: Asked) -> bool:
    await peer.send(_begun(asked))
    await peer.closed()
    return False


async def _error_within(peer: RawPeer, asked: Asked) -> bool:
    if not asked.streams:
        return await _status(500)(peer, asked)
    await peer.send(_begun(asked) + chunk(b"data: %b\n\n" % _WORDS) + LAST_CHUNK)
    return True


async def _no_end(peer: RawPeer, asked: Asked) -> bool:
    """End the body in order, but never say that the answer is whole."""
    if not asked.streams:
        return await _broken_json(peer, asked)
    await peer.send(_begun(asked) + LAST_CHUNK)
    return True


async def _broken_event(peer: RawPeer, asked: Asked) -> bool:
    if not asked.streams:
        return await _broken_json(peer, asked)
    await peer.send(_begun(asked) + chunk(b'data: {"id":"x","cho\n\n') + LAST_CHUNK)
    return True


BEFORE: Final[Mapping[str, Misdeed]] = {
    "silent": MISDEEDS["silent"],
    "408": _status(408),
    "429": _status(429, ("retry-after", "30")),
    "429-ms": _status(429, ("retry-after-ms", "30000")),
    "429-date": _rests_until,
    "500": _status(500),
    "502": _status(502),
    "503": _status(503, ("retry-after", "30")),
    "529": _status(529),
    "html": MISDEEDS["html"],
    "empty": _empty,
    "broken-json": _broken_json,
    "half-a-head": _half_a_head,
    "header-bomb": _header_bomb,
    "endless-head": _endless_head,
    "slow-head": _slow_head,
    "slow-first-event": _slow_first_event,
    "cut-before": MISDEEDS["head-alone"],
    "reset": MISDEEDS["reset"],
    "comments": _comments,
    "error-first": _error_first,
    "huge-event": _huge_event,
    "tls": _tls,
}
WITHIN: Final[Mapping[str, Misdeed]] = {
    "cut-between": _cut_between,
    "cut-inside": _cut_inside,
    "reset-within": _reset_within,
    "silence": _silence,
    "error-within": _error_within,
    "no-end": _no_end,
    "broken-event": _broken_event,
    "too-long": _too_long,
    "too-short": _too_short,
}
HARMLESS: Final[Mapping[str, Misdeed]] = {
    "left-over": MISDEEDS["garbage"],
    "twice": MISDEEDS["twice"],
    "in-pieces": MISDEEDS["in-pieces"],
    "end-late": MISDEEDS["end-late"],
}
ENDLESS: Final[Mapping[str, Misdeed]] = {"endless": MISDEEDS["endless"]}
_ALL: Final[Mapping[str, Misdeed]] = {**BEFORE, **WITHIN, **HARMLESS, **ENDLESS}
KINDS: Final = tuple(_ALL)


@dataclass(slots=True)
class FailingUpstream:
    """`busy` counts requests under way, `seen` those that came, by how they were to fail.

    `everything` names a kind by which all requests fail, whatever model they ask for; `pause_s`
    is how long a good answer takes.
    """

    server: RawServer
    said: str = SAID
    everything: str | None = None
    pause_s: float = 0.0
    busy: int = 0
    seen: Counter[str] = field(default_factory=Counter[str])

    @property
    def base_url(self) -> str:
        return f"{self.server.base_url}/v1"

    async def serve(self, peer: RawPeer) -> None:
        while True:
            request = await peer.request()
            # What is kept of requests would grow for as long as a soak goes on.
            self.server.requests.clear()
            self.busy += 1
            try:
                goes_on = await self._answer(peer, request)
            finally:
                self.busy -= 1
            if not goes_on:
                return

    async def _answer(self, peer: RawPeer, request: RawRequest) -> bool:
        found = _FAILING.search(request.body)
        kind = self.everything or (found[1].decode() if found else "ok")
        self.seen[kind] += 1
        streams = b'"stream":true' in request.body.replace(b" ", b"")
        asked = Asked(kind, self.said, streams, *chat_answer(self.said))
        if kind != "ok":
            return await _ALL[kind](peer, asked)
        if self.pause_s:
            await asyncio.sleep(self.pause_s)
        await peer.send(asked.good)
        return True


@contextmanager
def failing_upstream(said: str = SAID) -> Generator[FailingUpstream]:
    """Serve until the block ends."""
    made: list[FailingUpstream] = []

    async def serve(peer: RawPeer) -> None:
        await made[0].serve(peer)

    with raw_server_in_thread(serve) as server:
        made.append(FailingUpstream(server, said))
        yield made[0]
