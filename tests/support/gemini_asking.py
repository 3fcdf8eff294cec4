"""The Developer API in the loop of a test, well and unwell, and requests for it.

Words of the last user choose what goes wrong: `stuck` (begins and says no more), `silent` (says
nothing at all), `failing` (503), `cut` (breaks off); anything else is `fake_gemini`'s own.
"""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from modelmux.adapters.gemini_api.provider import GeminiApiOptions, GeminiApiProvider
from modelmux.adapters.transport.url import Url
from modelmux.domain.capabilities import Capabilities
from modelmux.domain.deferred import Deferred
from modelmux.domain.dialect import Dialect
from modelmux.domain.embedding import EmbeddingAsk
from modelmux.domain.request import Generation, GenerationRequest
from modelmux.domain.secret import Secret
from tests.support.asking import asking
from tests.support.clients import QUICK
from tests.support.fake_gemini import FakeGemini, error_reply
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

KEY = "AIza-test-not-secret"
MODEL = "gemini-3.6-flash"
EMBEDDER = "gemini-embedding-001"


@dataclass(slots=True)
class GeminiServer:
    """`busy` counts calls that are under way."""

    fake: FakeGemini = field(default_factory=lambda: FakeGemini(key=KEY))
    base_url: str = ""
    busy: int = 0
    asked: list[Received] = field(default_factory=list[Received])

    async def until_idle(self, timeout_s: float = 2.0) -> None:
        """Wait until no call is under way; fail in time."""
        async with asyncio.timeout(timeout_s):
            while self.busy:  # noqa: ASYNC110 - a test may wait for many
                await asyncio.sleep(0.005)

    def provider(self, **changes: object) -> GeminiApiProvider:
        """Return a provider called `up`; `changes` are of its options."""
        options = GeminiApiOptions("up", Secret(KEY), Url.parse(self.base_url), transport=QUICK)
        # Fields by name, checked when they are used.
        return GeminiApiProvider(replace(options, **changes))  # type: ignore[arg-type]


@asynccontextmanager
async def gemini_server() -> AsyncGenerator[GeminiServer, None]:
    """Serve in this loop until the block ends."""
    gemini = GeminiServer()

    async def script(peer: RawPeer) -> None:
        while True:
            request = await peer.request()
            gemini.busy += 1
            try:
                if not await _answer(gemini, peer, request):
                    return
            finally:
                gemini.busy -= 1

    async with raw_server(script) as server:
        gemini.base_url = server.base_url
        yield gemini


async def _answer(gemini: GeminiServer, peer: RawPeer, request: RawRequest) -> bool:
    """Answer `request`; return whether the connection may be used again."""
    body = json.loads(request.body or b"{}")
    received = Received(request.method, request.target, request.headers, body, request.body)
    gemini.asked.append(received)
    said = json.dumps(body)
    if "silent" in said:
        await peer.closed()
        return False
    if "failing" in said:
        planned = error_reply(503, "UNAVAILABLE")
        await peer.send(response(planned.body, status=planned.status))
        return True
    reply = gemini.fake.reply(received)
    if not reply.frames:
        whole = response(reply.body, status=reply.status)
        await peer.send(whole[: len(whole) // 2] if "cut" in said else whole)
        return "cut" not in said
    stuck = "stuck" in said
    await peer.send(STREAM_HEAD)
    for frame in reply.frames[:1] if stuck else reply.frames:
        await peer.send(chunk(frame))
    if stuck:
        await peer.closed()
        raise PeerGone
    if not reply.cut:
        await peer.send(LAST_CHUNK)
    return not reply.cut


def translating(
    content: Generation, capabilities: Capabilities, *, stream: bool = True, model: str = MODEL
) -> GenerationRequest:
    return replace(asking(content, model=model), stream=stream, capabilities=capabilities)


def embedding(
    ask: EmbeddingAsk, capabilities: Capabilities, *, model: str = EMBEDDER
) -> GenerationRequest:
    return replace(
        asking(model=model),
        dialect=Dialect.EMBEDDINGS,
        stream=False,
        embedding=Deferred.of(ask),
        capabilities=capabilities,
    )
