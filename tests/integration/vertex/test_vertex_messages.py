"""Messages relayed to Claude on Vertex, and the same laws of the port."""

import json
import time
from collections.abc import AsyncGenerator, Iterator

import pytest

from modelmux.adapters.memory.clock import ManualClock
from modelmux.adapters.vertex.options import VertexOptions
from modelmux.adapters.vertex.provider import VertexProvider
from modelmux.domain.capabilities import Capabilities
from modelmux.domain.events import RelayedBytes
from modelmux.domain.json_values import JsonObject, JsonValue
from modelmux.domain.request import GenerationRequest
from tests.contracts.llm_provider import Case, LlmProviderContract, read_all
from tests.support.claude_asking import (
    MODEL,
    WEATHER,
    ClaudeServer,
    claude_server,
    message_members,
    passing,
)
from tests.support.clients import QUICK
from tests.support.fake_google import FakeGoogle, fake_google

WORDS = {
    Case.TEXT: "Hi there",
    Case.CALLS: "parallel, please",
    Case.STUCK: "be stuck",
    Case.SILENT: "be silent",
    Case.CUT: "be cut off in the middle of what is said",
    Case.FAILING: "be failing",
}
TERMS = {"anthropic-version": "2026-10-21", "anthropic-beta": "context-1m-2025-08-07"}


@pytest.fixture
def google() -> Iterator[FakeGoogle]:
    with fake_google() as running:
        yield running


def vertex(claude: ClaudeServer, google: FakeGoogle, **options: object) -> VertexProvider:
    return VertexProvider(
        "vertex",
        VertexOptions(project="p", region="global", base_url=claude.base_url, **options),  # type: ignore[arg-type]  # fields, named by the test
        environment={"GCE_METADATA_HOST": google.host},
        clock=ManualClock(time.time()),
        settings=QUICK,
    )


def record(provider: VertexProvider) -> Capabilities:
    return provider.capabilities_for(MODEL)


class TestRelayed(LlmProviderContract):
    upstream: ClaudeServer
    can: Capabilities

    @pytest.fixture
    async def provider(self, google: FakeGoogle) -> AsyncGenerator[VertexProvider, None]:
        async with claude_server(key=None) as self.upstream:
            provider = vertex(self.upstream, google)
            self.can = record(provider)
            try:
                yield provider
            finally:
                await provider.aclose()

    def ask(self, case: Case, *, stream: bool) -> GenerationRequest:
        more: JsonObject = {"stream": stream}
        if case is Case.CALLS:
            tools: list[JsonValue] = [WEATHER]
            more["tools"] = tools
        return passing(message_members(WORDS[case], **more), self.can)

    async def until_freed(self) -> None:
        await self.upstream.until_idle()


@pytest.mark.parametrize("stream", [True, False])
async def test_the_callers_body_goes_out_with_the_doors_marker(
    google: FakeGoogle, stream: bool
) -> None:
    members = message_members(stream=stream, system="Be brief.")
    async with claude_server(key=None) as claude:
        provider = vertex(claude, google, anthropic_beta=("ours-2026",))
        request = passing(members, record(provider), terms=TERMS)
        events = await read_all(provider, request)
        answered = claude.fake.answer(claude.asked[0])
        await provider.aclose()
    assert request.journal.relayed
    (asked,) = claude.asked
    verb = "streamRawPredict" if stream else "rawPredict"
    assert asked.path.endswith(f"/publishers/anthropic/models/{MODEL}:{verb}")
    expected = {name: value for name, value in members.items() if name != "model"}
    assert asked.body == expected | {"anthropic_version": "2026-10-21"}
    assert asked.headers["anthropic-beta"] == "ours-2026,context-1m-2025-08-07"
    relayed = b"".join(event.data for event in events if isinstance(event, RelayedBytes))
    assert relayed == (b"".join(answered.frames) if stream else answered.body)


async def test_a_relayed_body_is_counted_with_its_model(google: FakeGoogle) -> None:
    async with claude_server(key=None) as claude:
        provider = vertex(claude, google)
        assert await provider.counter().count(passing(message_members(), record(provider))) > 0
        await provider.aclose()
    (asked,) = claude.asked
    assert asked.path.endswith("/models/count-tokens:rawPredict")
    assert asked.body["model"] == MODEL
    assert json.loads(asked.raw).keys() == {"model", "messages"}
