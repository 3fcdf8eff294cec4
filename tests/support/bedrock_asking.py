"""Bedrock in the loop of a test, well and unwell.

Words of the last user choose what goes wrong, as in `claude_asking`.
"""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from modelmux.adapters.bedrock.places import Places
from modelmux.adapters.bedrock.provider import BedrockOptions, BedrockProvider
from modelmux.adapters.memory.clock import ManualClock
from modelmux.domain.secret import Secret
from tests.support.clients import QUICK
from tests.support.fake_bedrock import FakeBedrock, error_reply
from tests.support.fake_upstream import Received
from tests.support.raw_server import (
    LAST_CHUNK,
    STREAM_HEAD,
    PeerGone,
    RawPeer,
    RawRequest,
    chunk,
    raw_server,
    response,
)

KEY = "bedrock-api-key-not-secret"
NOVA = "us.amazon.nova-pro-v1:0"
CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
NEWER_CLAUDE = "global.anthropic.claude-opus-4-8-v1"
_BEGIN = 4  # messages: enough for a first word


@dataclass(slots=True)
class BedrockServer:
    """`busy` counts calls that are under way."""

    fake: FakeBedrock
    base_url: str = ""
    busy: int = 0
    asked: list[Received] = field(default_factory=list[Received])

    async def until_idle(self, timeout_s: float = 2.0) -> None:
        """Wait until no call is under way; fail in time."""
        async with asyncio.timeout(timeout_s):
            while self.busy:  # noqa: ASYNC110 - a test may wait for many
                await asyncio.sleep(0.005)

    def provider(self, **changes: object) -> BedrockProvider:
        return bedrock_at(self.base_url, **changes)


def bedrock_at(base_url: str, **changes: object) -> BedrockProvider:
    """Return a provider called `up`; `changes` are of its options."""
    places = Places.of("us-east-1", base_url, base_url)
    options: dict[str, object] = {"key": Secret(KEY), "transport": QUICK} | changes
    return BedrockProvider(
        # Fields by name, checked when they are used.
        BedrockOptions("up", "us-east-1", places, **options),  # type: ignore[arg-type]
        ManualClock(time.time()),
    )


@asynccontextmanager
async def bedrock_server(
    *, token: str | None = KEY, keys: Mapping[str, str] | None = None
) -> AsyncGenerator[BedrockServer, None]:
    """Serve in this loop until the block ends."""
    bedrock = BedrockServer(FakeBedrock(token=token, keys=keys or {}))

    async def script(peer: RawPeer) -> None:
        while True:
            request = await peer.request()
            bedrock.busy += 1
            try:
                if not await _answer(bedrock, peer, request):
                    return
            finally:
                bedrock.busy -= 1

    async with raw_server(script) as server:
        bedrock.base_url = server.base_url
        yield bedrock


async def _answer(bedrock: BedrockServer, peer: RawPeer, request: RawRequest) -> bool:
    """Answer `request`; return whether the connection may be used again."""
    body = json.loads(request.body or b"{}")
    received = Received(request.method, request.target, request.headers, body, request.body)
    bedrock.asked.append(received)
    said = json.dumps(body.get("messages", ""))
    if "silent" in said:
        await peer.closed()
        return False
    reply = bedrock.fake.reply(received)
    if "failing" in said:
        reply = error_reply(503, "ServiceUnavailable")
    if not reply.frames:
        whole = response(reply.body, status=reply.status, headers=reply.headers)
        await peer.send(whole[: len(whole) // 2] if "cut" in said else whole)
        return "cut" not in said
    stuck = "stuck" in said
    head = STREAM_HEAD.replace(b"text/event-stream", reply.content_type.encode())
    await peer.send(head)
    for frame in reply.frames[:_BEGIN] if stuck else reply.frames:
        await peer.send(chunk(frame))
    if stuck:
        await peer.closed()
        raise PeerGone
    if not reply.cut:
        await peer.send(LAST_CHUNK)
    return not reply.cut
