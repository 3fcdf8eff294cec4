"""Claude at Anthropic's own door, translated and relayed."""

import json
from collections.abc import AsyncGenerator

import pytest

from modelmux.adapters.anthropic.counter import AnthropicCounter
from modelmux.adapters.anthropic.probe import AnthropicProbe
from modelmux.adapters.anthropic.provider import AnthropicProvider
from modelmux.application.ports import TokenCounter, UpstreamProbe
from modelmux.domain.capabilities import Capabilities
from modelmux.domain.conversation import (
    ImageUrl,
    Message,
    Proof,
    Reasoning,
    Role,
    Text,
    ToolCall,
    ToolResult,
    Vendor,
)
from modelmux.domain.dialect import Dialect
from modelmux.domain.errors import (
    ProviderError,
    UpstreamAuthFailed,
    UpstreamModelNotFound,
    UpstreamOverloaded,
    UpstreamRejected,
)
from modelmux.domain.events import RelayedBytes
from modelmux.domain.json_values import JsonObject, JsonValue
from modelmux.domain.request import Generation, GenerationRequest, Sampling
from modelmux.domain.tools import FunctionTool
from tests.contracts.llm_provider import Case, LlmProviderContract, read_all
from tests.contracts.token_counter import TokenCounterContract
from tests.contracts.upstream_probe import UpstreamProbeContract
from tests.support.asking import content_of, text_of, user
from tests.support.claude_asking import (
    KEY,
    MODEL,
    WEATHER,
    ClaudeServer,
    claude_server,
    message_members,
    passing,
    translating,
)
from tests.support.fake_claude import MODELS
from tests.support.raw_server import closed_port

WORDS = {
    Case.TEXT: "Hi there",
    Case.CALLS: "parallel, please",
    Case.STUCK: "be stuck",
    Case.SILENT: "be silent",
    Case.CUT: "be cut off in the middle of what is said",
    Case.FAILING: "be failing",
}
TOOL = FunctionTool("get_weather", None, {"type": "object", "properties": {}})
OLD, NEW = "2023-06-01", "2026-10-21"


def record(model: str = MODEL) -> Capabilities:
    return ClaudeServer(fake=None, base_url="http://a.test").provider().capabilities(model)  # type: ignore[arg-type]  # nobody is asked


class _OverTheFake(LlmProviderContract):
    upstream: ClaudeServer

    @pytest.fixture
    async def provider(self) -> AsyncGenerator[AnthropicProvider, None]:
        async with claude_server() as self.upstream:
            provider = self.upstream.provider()
            try:
                yield provider
                assert {one.path for one in self.upstream.asked} <= {"/v1/messages"}
            finally:
                await provider.aclose()

    async def until_freed(self) -> None:
        await self.upstream.until_idle()


class TestTranslated(_OverTheFake):
    def ask(self, case: Case, *, stream: bool) -> GenerationRequest:
        tools = (TOOL,) if case is Case.CALLS else ()
        content = Generation((user(WORDS[case]),), tools)
        return translating(content, record(), stream=stream)


class TestRelayed(_OverTheFake):
    def ask(self, case: Case, *, stream: bool) -> GenerationRequest:
        more: JsonObject = {"stream": stream}
        if case is Case.CALLS:
            tools: list[JsonValue] = [WEATHER]
            more["tools"] = tools
        return passing(message_members(WORDS[case], **more), record())


class TestProbe(UpstreamProbeContract):
    @pytest.fixture
    async def well(self) -> AsyncGenerator[UpstreamProbe]:
        async with claude_server() as claude:
            yield AnthropicProbe(claude.provider())

    @pytest.fixture
    def unwell(self) -> UpstreamProbe:
        gone = ClaudeServer(fake=None, base_url=f"http://127.0.0.1:{closed_port()}")  # type: ignore[arg-type]  # nobody answers
        return AnthropicProbe(gone.provider())


class TestCounter(TokenCounterContract):
    @pytest.fixture
    async def well(self) -> AsyncGenerator[TokenCounter]:
        async with claude_server() as claude:
            yield AnthropicCounter(claude.provider())

    @pytest.fixture
    def unwell(self) -> TokenCounter:
        gone = ClaudeServer(fake=None, base_url=f"http://127.0.0.1:{closed_port()}")  # type: ignore[arg-type]  # nobody answers
        return AnthropicCounter(gone.provider())

    @pytest.fixture
    def request_(self) -> GenerationRequest:
        return translating(Generation((user("Hi"),)), record(), stream=False)


@pytest.fixture
async def claude() -> AsyncGenerator[ClaudeServer]:
    async with claude_server() as running:
        yield running


async def test_a_call_bears_the_key_the_version_and_the_betas(claude: ClaudeServer) -> None:
    provider = claude.provider(betas=("one-2026",), headers=(("x-team", "search"),))
    await read_all(provider, translating(Generation((user("Hi"),)), record()))
    headers = claude.asked[0].headers
    assert headers["x-api-key"] == KEY
    assert headers["anthropic-version"] == OLD
    assert headers["anthropic-beta"] == "one-2026"
    assert headers["x-team"] == "search"
    assert "authorization" not in headers


async def test_the_key_may_be_a_bearers() -> None:
    async with claude_server(key=None) as claude:
        await read_all(
            claude.provider(bearer=True), translating(Generation((user("Hi"),)), record())
        )
    assert claude.asked[0].headers["authorization"] == f"Bearer {KEY}"
    assert "x-api-key" not in claude.asked[0].headers


async def test_a_relayed_body_is_the_callers_but_for_the_models_name(claude: ClaudeServer) -> None:
    members = message_members(
        stream=True,
        context_management={"edits": [{"type": "clear_tool_uses_20250919"}]},
        system=[{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
    )
    terms = {"anthropic-version": NEW, "anthropic-beta": "context-management-2025-06-27, b-2026"}
    request = passing(members, record(), terms=terms)
    provider = claude.provider(betas=("a-2026", "b-2026"))
    events = await read_all(provider, request)
    assert request.journal.relayed
    (asked,) = claude.asked
    assert asked.body == members | {"model": MODEL}
    assert next(iter(asked.body)) == "model"
    assert asked.headers["anthropic-version"] == NEW
    assert asked.headers["anthropic-beta"] == "a-2026,b-2026,context-management-2025-06-27"
    relayed = b"".join(event.data for event in events if isinstance(event, RelayedBytes))
    assert relayed == b"".join(claude.fake.answer(asked).frames)


async def test_terms_of_callers_of_other_dialects_are_not_claudes(claude: ClaudeServer) -> None:
    terms = {"anthropic-version": NEW, "anthropic-beta": "b-2026"}
    await read_all(claude.provider(), translating(Generation((user("Hi"),)), record(), terms=terms))
    assert claude.asked[0].headers["anthropic-version"] == OLD
    assert "anthropic-beta" not in claude.asked[0].headers


async def test_what_the_newest_version_has_no_word_for_is_said_in_the_older(
    claude: ClaudeServer,
) -> None:
    drawn = Generation((user("Hi"),), sampling=Sampling(temperature=0.5, top_k=3))
    request = translating(
        drawn,
        record("claude-opus-4-6"),
        model="claude-opus-4-6",
        dialect=Dialect.MESSAGES,
        terms={"anthropic-version": NEW},
    )
    await read_all(claude.provider(), request)
    assert claude.asked[0].headers["anthropic-version"] == OLD
    assert claude.asked[0].body["top_k"] == 3


@pytest.mark.parametrize("model", ["claude-sonnet-4-5", MODEL, "claude-sonnet-5-5"])
async def test_a_signature_that_the_client_carried_goes_back_as_it_is(
    claude: ClaudeServer, model: str
) -> None:
    provider = claude.provider()
    thinking: JsonObject = (
        {"type": "enabled", "budget_tokens": 1024} if "4-5" in model else {"type": "adaptive"}
    )
    asked = message_members("think, call", max_tokens=4096, tools=[WEATHER], thinking=thinking)
    first = await read_all(provider, passing(asked, record(model), model=model))
    said = json.loads(next(one.data for one in first if isinstance(one, RelayedBytes)))["content"]
    thought = next(block for block in said if block["type"] == "thinking")
    call = next(block for block in said if block["type"] == "tool_use")
    redacted = next(block for block in said if block["type"] == "redacted_thinking")
    items = (
        user("think, call"),
        Reasoning(
            thought["thinking"], Proof(Vendor.ANTHROPIC, "", "signature", thought["signature"])
        ),
        Reasoning("", Proof(Vendor.ANTHROPIC, "", "redacted_thinking", redacted["data"])),
        ToolCall(call["id"], call["name"], json.dumps(call["input"])),
        ToolResult(call["id"], (Text("sunny"),)),
    )
    tool = FunctionTool("get_weather", None, {"type": "object", "properties": {}})
    content = content_of(*items, tools=(tool,), max_output_tokens=4096)
    answer = await read_all(provider, translating(content, record(model), model=model))
    assert text_of(answer) == "The tools said: sunny"


async def test_an_altered_signature_is_refused_as_claude_does(claude: ClaudeServer) -> None:
    turns: JsonValue = [
        {"role": "user", "content": "Hi"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": "altered"},
                {"type": "text", "text": "Hello"},
            ],
        },
        {"role": "user", "content": "Go on"},
    ]
    with pytest.raises(UpstreamRejected, match="signature"):
        await claude.provider().open(passing(message_members(messages=turns), record()))


async def test_images_by_address_stay_addresses_here(claude: ClaudeServer) -> None:
    content = content_of(Message(Role.USER, (Text("Look"), ImageUrl("https://a.test/a.png"))))
    await read_all(claude.provider(), translating(content, record()))
    source = claude.asked[0].body["messages"][0]["content"][1]["source"]
    assert source == {"type": "url", "url": "https://a.test/a.png"}


@pytest.mark.parametrize(
    ("members", "model", "error"),
    [
        (message_members(max_tokens=0.5), MODEL, UpstreamRejected),
        (message_members(nonsense=1), MODEL, UpstreamRejected),
        (message_members(), "gpt-5.2", UpstreamModelNotFound),
        (message_members("failing"), MODEL, UpstreamOverloaded),
    ],
)
async def test_refusals_come_as_ours(
    claude: ClaudeServer, members: JsonObject, model: str, error: type[ProviderError]
) -> None:
    with pytest.raises(error) as caught:
        await claude.provider().open(passing(members, record(), model=model))
    assert caught.value.provider == "up"


async def test_a_wrong_key_is_our_trouble() -> None:
    async with claude_server(key="another-not-secret") as claude:
        with pytest.raises(UpstreamAuthFailed) as caught:
            await claude.provider().open(translating(Generation((user("Hi"),)), record()))
        report = await AnthropicProbe(claude.provider()).probe()
    assert "x-api-key" not in caught.value.message
    assert not report.healthy


async def test_all_pages_of_models_are_read(claude: ClaudeServer) -> None:
    report = await AnthropicProbe(claude.provider()).probe()
    assert report.models == MODELS
    assert report.detail == f"GET /v1/models lists {len(MODELS)} models"
    assert [asked.path for asked in claude.asked] == [
        "/v1/models?limit=1000",
        f"/v1/models?limit=1000&after_id={MODELS[1]}",
    ]


@pytest.mark.parametrize("relayed", [True, False])
async def test_only_what_counts_is_counted(claude: ClaudeServer, relayed: bool) -> None:
    members = message_members("Hi", metadata={"user_id": "u"}, thinking={"type": "adaptive"})
    content = Generation((user("Hi"),), max_output_tokens=512, user="u")
    request = (
        passing(members, record()) if relayed else translating(content, record(), stream=False)
    )
    counted = await AnthropicCounter(claude.provider()).count(request)
    assert counted > 0
    (asked,) = claude.asked
    assert asked.path == "/v1/messages/count_tokens"
    assert asked.body["model"] == MODEL
    assert asked.body["messages"] == [{"role": "user", "content": "Hi"}]
    assert ("thinking" in asked.body) == relayed
