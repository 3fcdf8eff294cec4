"""Models of the fake service that misbehave on /v1/responses, by name."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from .chat_rules import Json
from .fake_responses import failed_frames, first_frames, whole_response
from .raw_server import LAST_CHUNK, STREAM_HEAD, RawPeer, chunk, response


async def _stuck(peer: RawPeer, body: Json) -> None:
    await peer.send(STREAM_HEAD + chunk(b"".join(first_frames(body))))
    await peer.closed()


async def _cut(peer: RawPeer, body: Json) -> None:
    if body.get("stream"):
        await peer.send(STREAM_HEAD + chunk(b"".join(first_frames(body))))
        await asyncio.sleep(0.05)
    else:
        await peer.send(_whole(body)[:-20])
    peer.writer.close()
    await peer.closed()


async def _ended(peer: RawPeer, body: Json) -> None:
    await peer.send(STREAM_HEAD + chunk(b"".join(first_frames(body))) + LAST_CHUNK)


async def _failed(peer: RawPeer, body: Json) -> None:
    frames = failed_frames(body, "rate_limit_exceeded", "Too many of you.")
    if body.get("stream"):
        await peer.send(STREAM_HEAD + chunk(b"".join(frames)) + LAST_CHUNK)
    else:
        event: Json = json.loads(frames[-1].partition(b"data: ")[2])
        await peer.send(response(json.dumps(event["response"]).encode()))


async def _failed_midway(peer: RawPeer, body: Json) -> None:
    await peer.send(STREAM_HEAD + chunk(b"".join(first_frames(body))))
    await asyncio.sleep(0.05)
    last = failed_frames(body, "server_error", "It broke.")[-1]
    await peer.send(chunk(last) + LAST_CHUNK)


async def _unstreamed(peer: RawPeer, body: Json) -> None:
    await peer.send(_whole(body))


def _whole(body: Json) -> bytes:
    return response(json.dumps(whole_response(body, "openai")).encode())


MISBEHAVING_ON_RESPONSES: Final[Mapping[str, Callable[[RawPeer, Json], Awaitable[None]]]] = {
    "stuck": _stuck,
    "cut": _cut,
    "ended": _ended,
    "failed": _failed,
    "failed-midway": _failed_midway,
    "unstreamed": _unstreamed,
}
