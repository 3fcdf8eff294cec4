"""Claude in the loop of a test, well and unwell, and requests for it, translated and relayed.

Words of the last user choose what goes wrong: `stuck` (begins and says no more), `silent` (says
nothing at all), `failing` (529), `cut` (breaks off); anything else is `fake_claude`'s own.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec

from modelmux.adapters.anthropic.options import AnthropicOptions
from modelmux.adapters.anthropic.provider import AnthropicProvider
from modelmux.adapters.transport.url import Url
from modelmux.domain.capabilities import Capabilities
from modelmux.domain.deferred import Deferred
from modelmux.domain.dialect import Dialect
from modelmux.domain.json_values import JsonObject, JsonValue
from modelmux.domain.request import Caller, Generation, GenerationRequest, Verbatim
from modelmux.domain.secret import Secret
from tests.support.clients import QUICK
from tests.support.fake_claude import FakeClaude, error_reply
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

KEY = "sk-ant-test-not-secret"
MODEL = "claude-opus-4-8"
WEATHER: JsonObject = {
    "name": "get_weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}
_BEGIN = 4  # frames: the start, a ping, a block and its first delta


@dataclass(slots=True)
class ClaudeServer:
    """`busy` counts calls that are under way."""

    fake: FakeClaude
    base_url: str = ""
    busy: int = 0
    asked: list[Received] = field(default_factory=list[Received])

    async def until_idle(self, timeout_s: float = 2.0) -> None:
        """Wait until no call is under way; fail in time."""
        async with asyncio.timeout(timeout_s):
            while self.busy:  # noqa: ASYNC110 - a test may wait for many
                await asyncio.sleep(0.005)

    def provider(self, **changes: object) -> AnthropicProvider:
        """Return a provider called `up`; `changes` are of its options."""
        options: dict[str, object] = {"key": Secret(KEY), "transport": QUICK} | changes
        return AnthropicProvider(
            # Fields by name, checked when they are used.
            AnthropicOptions("up", Url.parse(self.base_url), **options)  # type: ignore[arg-type]
        )


@asynccontextmanager
async def claude_server(*, key: str | None = KEY) -> AsyncGenerator[ClaudeServer, None]:
    """Serve in this loop until the block ends."""
    claude = ClaudeServer(FakeClaude(key=key))

    async def script(peer: RawPeer) -> None:
        while True:
            request = await peer.request()
            claude.busy += 1
            try:
                if not await _answer(claude, peer, request):
                    return
            finally:
                claude.busy -= 1

    async with raw_server(script) as server:
        claude.base_url = server.base_url
        yield claude


async def _answer(claude: ClaudeServer, peer: RawPeer, request: RawRequest) -> bool:
    """Answer `request`; return whether the connection may be used again."""
    body = json.loads(request.body or b"{}")
    received = Received(request.method, request.target, request.headers, body, request.body)
    claude.asked.append(received)
    said = json.dumps(body.get("messages", ""))
    if "silent" in said:
        await peer.closed()
        return False
    if "failing" in said:
        planned = error_reply(529, "overloaded_error")
        await peer.send(response(planned.body, status=planned.status))
        return True
    reply = claude.fake.reply(received)
    if not reply.frames:
        whole = response(reply.body, status=reply.status)
        await peer.send(whole[: len(whole) // 2] if "cut" in said else whole)
        return "cut" not in said
    stuck = "stuck" in said
    await peer.send(STREAM_HEAD)
    for frame in reply.frames[:_BEGIN] if stuck else reply.frames:
        await peer.send(chunk(frame))
    if stuck:
        await peer.closed()
        raise PeerGone
    if not reply.cut:
        await peer.send(LAST_CHUNK)
    return not reply.cut


def translating(
    content: Generation,
    capabilities: Capabilities,
    *,
    stream: bool = True,
    model: str = MODEL,
    dialect: Dialect = Dialect.CHAT_COMPLETIONS,
    terms: Mapping[str, str] | None = None,
) -> GenerationRequest:
    """Return a request whose content has to be written anew."""
    return GenerationRequest(
        model=model,
        dialect=dialect,
        stream=stream,
        content=Deferred.of(content),
        caller=Caller("acme"),
        capabilities=capabilities,
        terms=terms or {},
    )


def passing(
    members: Mapping[str, JsonValue],
    capabilities: Capabilities,
    *,
    model: str = MODEL,
    terms: Mapping[str, str] | None = None,
) -> GenerationRequest:
    """Return a request with the caller's own body, whose content nobody may need."""
    raw = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in members.items()}

    def needed() -> Generation:
        raise AssertionError("a relayed body was decoded")

    return GenerationRequest(
        model=model,
        dialect=Dialect.MESSAGES,
        stream=members.get("stream") is True,
        content=Deferred(needed),
        caller=Caller("acme"),
        verbatim=Verbatim(Dialect.MESSAGES, raw),
        capabilities=capabilities,
        terms=terms or {},
    )


def message_members(text: str = "Hi", **more: JsonValue) -> JsonObject:
    """Return the members of a request as a client sends them."""
    turn: JsonValue = {"role": "user", "content": text}
    members: JsonObject = {"max_tokens": 512, "messages": [turn], "model": "route"}
    return members | more
