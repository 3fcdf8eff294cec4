"""An upstream that does what its callers' words ask for, as the contract of providers has it.

    async with scripted_upstream(answers) as upstream:
        ... upstream.base_url; await upstream.until_idle() ...

The body of a request names the case by the model: `stuck`, `silent`, `cut`, `failing`; any other is
answered, with `calls` where the body has tools. For languages with a strict fake this is only about
what connections do.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import msgspec

from .raw_server import LAST_CHUNK, RawPeer, RawRequest, RawServer, chunk, raw_server, response


class _Asked(msgspec.Struct):
    model: str
    stream: bool
    tools: list[object] | None = None


@dataclass(frozen=True, slots=True)
class Answers:
    """What one language says: to a text and where there are tools, whole and in frames."""

    text: bytes
    text_frames: Sequence[bytes]
    calls: bytes
    call_frames: Sequence[bytes]
    stream_type: str
    failure: bytes


@dataclass(slots=True)
class ScriptedUpstream:
    server: RawServer
    busy: int = 0

    @property
    def base_url(self) -> str:
        return self.server.base_url

    async def until_idle(self, timeout_s: float = 2.0) -> None:
        """Wait until no call is being answered; fails in time."""
        async with asyncio.timeout(timeout_s):
            while self.busy:  # noqa: ASYNC110 - there is no event for it in a script's life
                await asyncio.sleep(0.005)


@asynccontextmanager
async def scripted_upstream(answers: Answers) -> AsyncGenerator[ScriptedUpstream, None]:
    """Serve until the block ends."""
    upstreams: list[ScriptedUpstream] = []

    async def script(peer: RawPeer) -> None:
        while True:
            request = await peer.request()
            upstreams[0].busy += 1
            try:
                if not await _answer(peer, request, answers):
                    return
            finally:
                upstreams[0].busy -= 1

    async with raw_server(script) as server:
        upstreams.append(ScriptedUpstream(server))
        yield upstreams[0]


async def _answer(peer: RawPeer, request: RawRequest, answers: Answers) -> bool:
    """Answer; return whether the connection goes on."""
    asked = msgspec.json.decode(request.body, type=_Asked)
    whole = answers.calls if asked.tools else answers.text
    frames = answers.call_frames if asked.tools else answers.text_frames
    head = (
        f"HTTP/1.1 200 OK\r\ncontent-type: {answers.stream_type}\r\n"
        "transfer-encoding: chunked\r\n\r\n"
    ).encode()
    match asked.model:
        case "silent":
            await peer.closed()
            return False
        case "failing":
            await peer.send(response(answers.failure, status=500))
            return True
        case "stuck":
            await peer.send(head + b"".join(chunk(frame) for frame in frames[:-1]))
            await peer.closed()
            return False
        case "cut" if asked.stream:
            await peer.send(head + b"".join(chunk(frame) for frame in frames[:-1]))
            return False
        case "cut":
            await peer.send(response(whole)[:-10])
            return False
        case _:
            if asked.stream:
                for piece in (head, *map(chunk, frames), LAST_CHUNK):
                    await peer.send(piece)
            else:
                await peer.send(response(whole))
            return True
