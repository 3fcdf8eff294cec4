"""Bedrock by each of its ways, by API key and signed."""

from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest

from modelmux.adapters.bedrock.counter import BedrockCounter
from modelmux.adapters.bedrock.keys import FixedKeys, KeySource
from modelmux.adapters.bedrock.probe import BedrockProbe
from modelmux.adapters.bedrock.provider import BedrockProvider
from modelmux.adapters.bedrock.signing import AwsKeys
from modelmux.adapters.bedrock.ways import Way
from modelmux.application.filters.splitting import Splitting
from modelmux.application.ports import TokenCounter, UpstreamProbe
from modelmux.domain.conversation import Proof, Reasoning, Text, ToolCall, ToolResult, Vendor
from modelmux.domain.deferred import Deferred
from modelmux.domain.dialect import Dialect
from modelmux.domain.effort import Effort
from modelmux.domain.embedding import EmbeddingAsk
from modelmux.domain.errors import (
    UnsupportedFeature,
    UpstreamAuthFailed,
    UpstreamModelNotFound,
    UpstreamRejected,
)
from modelmux.domain.events import (
    EmbeddingsAdded,
    FinishReason,
    ReasoningFinished,
    RelayedBytes,
    ResponseFinished,
    ToolCallStarted,
    Usage,
)
from modelmux.domain.json_values import JsonObject, JsonValue
from modelmux.domain.request import Generation, GenerationRequest
from modelmux.domain.secret import Secret
from modelmux.domain.tools import FunctionTool
from tests.contracts.llm_provider import Case, LlmProviderContract, read_all
from tests.contracts.token_counter import TokenCounterContract
from tests.contracts.upstream_probe import UpstreamProbeContract
from tests.support.asking import text_of, user
from tests.support.bedrock_asking import (
    CLAUDE,
    KEY,
    NEWER_CLAUDE,
    NOVA,
    BedrockServer,
    bedrock_at,
    bedrock_server,
)
from tests.support.chat_asking import WEATHER as CHAT_WEATHER
from tests.support.chat_asking import saying, translated
from tests.support.claude_asking import WEATHER, message_members, passing, translating
from tests.support.fake_bedrock import error_reply
from tests.support.fake_openai import KEY as OPENAI_KEY
from tests.support.fake_openai import FakeOpenAI, fake_openai
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
KEYS = {"AKIDONE": "one-not-secret", "AKIDTWO": "two-not-secret"}


class _OverTheFake(LlmProviderContract):
    upstream: BedrockServer
    model: str
    way: Way | None = None

    @pytest.fixture
    async def provider(self) -> AsyncGenerator[BedrockProvider, None]:
        async with bedrock_server() as self.upstream:
            self.made = self.upstream.provider(way=self.way)
            try:
                yield self.made
            finally:
                await self.made.aclose()

    async def until_freed(self) -> None:
        await self.upstream.until_idle()

    def ask(self, case: Case, *, stream: bool) -> GenerationRequest:
        tools = (TOOL,) if case is Case.CALLS else ()
        content = Generation((user(WORDS[case]),), tools)
        can = bedrock_at("http://a.test", way=self.way).capabilities(self.model)
        return translating(content, can, stream=stream, model=self.model)


class TestConverse(_OverTheFake):
    model = NOVA


class TestClaudeOnConverse(_OverTheFake):
    model = CLAUDE
    way = Way.CONVERSE


class TestClaudeInvoked(_OverTheFake):
    model = CLAUDE


class TestClaudeInMessages(_OverTheFake):
    model = NEWER_CLAUDE
    way = Way.MESSAGES


class _Relayed(_OverTheFake):
    def ask(self, case: Case, *, stream: bool) -> GenerationRequest:
        more: JsonObject = {"stream": stream}
        if case is Case.CALLS:
            tools: list[JsonValue] = [WEATHER]
            more["tools"] = tools
        can = bedrock_at("http://a.test", way=self.way).capabilities(self.model)
        return passing(message_members(WORDS[case], **more), can, model=self.model)


class TestClaudeInvokedRelayed(_Relayed):
    model = CLAUDE


class TestClaudeInMessagesRelayed(_Relayed):
    model = NEWER_CLAUDE
    way = Way.MESSAGES


class _OverOpenAi(LlmProviderContract):
    upstream: FakeOpenAI
    way: Way

    @pytest.fixture
    async def provider(self) -> AsyncGenerator[BedrockProvider, None]:
        async with fake_openai("vllm") as self.upstream:
            provider = bedrock_at(self.upstream.root_url, way=self.way, key=Secret(OPENAI_KEY))
            try:
                yield provider
            finally:
                await provider.aclose()

    async def until_freed(self) -> None:
        await self.upstream.until_idle()

    def ask(self, case: Case, *, stream: bool) -> GenerationRequest:
        models = {Case.TEXT: "plain", Case.CALLS: "plain", Case.FAILING: "missing"}
        content = saying("parallel", tools=(CHAT_WEATHER,)) if case is Case.CALLS else "Hi"
        return translated(models.get(case, case.value), content, stream=stream)


class TestChat(_OverOpenAi):
    way = Way.CHAT


class TestMantle(_OverOpenAi):
    way = Way.MANTLE


class TestProbe(UpstreamProbeContract):
    @pytest.fixture
    async def well(self) -> AsyncGenerator[UpstreamProbe]:
        async with bedrock_server() as bedrock:
            yield BedrockProbe(bedrock.provider(), (CLAUDE,))

    @pytest.fixture
    def unwell(self) -> UpstreamProbe:
        return BedrockProbe(bedrock_at(f"http://127.0.0.1:{closed_port()}"), ())


class TestCounter(TokenCounterContract):
    model = NOVA

    @pytest.fixture
    async def well(self) -> AsyncGenerator[TokenCounter]:
        async with bedrock_server() as bedrock:
            yield BedrockCounter(bedrock.provider())

    @pytest.fixture
    def unwell(self) -> TokenCounter:
        return BedrockCounter(bedrock_at(f"http://127.0.0.1:{closed_port()}"))

    @pytest.fixture
    def request_(self) -> GenerationRequest:
        can = bedrock_at("http://a.test").capabilities(self.model)
        return translating(Generation((user("Hi"),)), can, stream=False, model=self.model)


class TestCounterOfClaude(TestCounter):
    model = CLAUDE


@pytest.fixture
async def bedrock() -> AsyncGenerator[BedrockServer]:
    async with bedrock_server() as running:
        yield running


def hello(provider: BedrockProvider, model: str, *, stream: bool = False) -> GenerationRequest:
    return translating(
        Generation((user("Hi"),)), provider.capabilities(model), stream=stream, model=model
    )


ARN = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123"


@pytest.mark.parametrize(
    ("model", "stream", "path"),
    [
        (NOVA, False, "/model/us.amazon.nova-pro-v1%3A0/converse"),
        (NOVA, True, "/model/us.amazon.nova-pro-v1%3A0/converse-stream"),
        (
            ARN,
            False,
            "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3A"
            "application-inference-profile%2Fabc123/converse",
        ),
        ("..", False, "/model/%2E%2E/converse"),
        (CLAUDE, False, "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke"),
        (
            CLAUDE,
            True,
            "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke-with-response-stream",
        ),
    ],
)
async def test_a_model_stands_in_the_path_and_leads_to_no_other(
    bedrock: BedrockServer, model: str, stream: bool, path: str
) -> None:
    provider = bedrock.provider()
    await read_all(provider, hello(provider, model, stream=stream))
    assert bedrock.asked[0].path == path
    assert bedrock.asked[0].headers["authorization"] == f"Bearer {KEY}"


async def test_openais_models_are_asked_in_openais_words() -> None:
    async with fake_openai("vllm") as upstream:
        provider = bedrock_at(upstream.root_url, key=Secret(OPENAI_KEY))
        assert provider.way_of("openai.gpt-oss-120b-1:0") is Way.CHAT
        await read_all(provider, translated("openai.gpt-oss-120b-1:0"))
        assert upstream.requests[-1].path == "/openai/v1/chat/completions"
        await provider.aclose()


async def test_an_answer_counts_what_was_cached(bedrock: BedrockServer) -> None:
    provider = bedrock.provider()
    for stream in (True, False):
        events = await read_all(provider, hello(provider, NOVA, stream=stream))
        assert text_of(events) == "You said: Hi"
        assert events[-1] == ResponseFinished((FinishReason.STOP,), Usage(16, 5, 4, 2, 0))


async def test_a_relayed_stream_is_claudes_own(bedrock: BedrockServer) -> None:
    provider = bedrock.provider()
    can = provider.capabilities(CLAUDE)
    request = passing(message_members("Hi", stream=True), can, model=CLAUDE)
    events = await read_all(provider, request)
    assert request.journal.relayed
    relayed = b"".join(event.data for event in events if isinstance(event, RelayedBytes))
    assert relayed.startswith(b"event: message_start\ndata: {")
    assert relayed.endswith(b'event: message_stop\ndata: {"type": "message_stop"}\n\n')
    body = bedrock.asked[0].body
    assert body["anthropic_version"] == "bedrock-2023-05-31"
    assert not body.keys() & {"model", "stream"}


async def test_betas_stand_in_an_invoked_body(bedrock: BedrockServer) -> None:
    provider = bedrock.provider(betas=("one-2026",))
    can = provider.capabilities(CLAUDE)
    terms = {"anthropic-version": "2023-06-01", "anthropic-beta": "two-2026"}
    await read_all(provider, passing(message_members(), can, model=CLAUDE, terms=terms))
    assert bedrock.asked[0].body["anthropic_beta"] == ["one-2026", "two-2026"]
    assert "anthropic-beta" not in bedrock.asked[0].headers


@pytest.mark.parametrize("stream", [True, False])
async def test_a_tool_loop_with_thoughts_goes_on(bedrock: BedrockServer, stream: bool) -> None:
    provider = bedrock.provider(way=Way.CONVERSE)
    can = provider.capabilities(CLAUDE)
    asked = Generation((user("think, call"),), (TOOL,), effort=Effort.LOW)
    first = await read_all(provider, translating(asked, can, stream=stream, model=CLAUDE))
    proofs = [event.proof for event in first if isinstance(event, ReasoningFinished)]
    assert [proof and (proof.vendor, proof.model, proof.kind) for proof in proofs] == [
        (Vendor.ANTHROPIC, CLAUDE, "signature"),
        (Vendor.ANTHROPIC, CLAUDE, "redacted_thinking"),
    ]
    (call,) = (event for event in first if isinstance(event, ToolCallStarted))
    items = (
        *asked.items,
        Reasoning("Let me think.", proofs[0]),
        Reasoning("", proofs[1]),
        ToolCall(call.id, call.name, "{}"),
        ToolResult(call.id, (Text("sunny"),), is_error=True),
    )
    again = translating(replace(asked, items=items), can, stream=stream, model=CLAUDE)
    assert text_of(await read_all(provider, again)) == "The tools said: error sunny"


async def test_an_altered_signature_is_told(bedrock: BedrockServer) -> None:
    provider = bedrock.provider(way=Way.CONVERSE)
    can = provider.capabilities(CLAUDE)
    proof = Proof(Vendor.ANTHROPIC, CLAUDE, "signature", "altered")
    items = (
        user("think, call"),
        Reasoning("Hm.", proof),
        ToolCall("c1", "get_weather", "{}"),
        ToolResult("c1", (Text("sunny"),)),
    )
    with pytest.raises(UpstreamRejected, match="signature"):
        await provider.open(translating(Generation(items, (TOOL,)), can, model=CLAUDE))


async def test_a_model_without_on_demand_is_explained(bedrock: BedrockServer) -> None:
    told = "Invocation of model ID x with on-demand throughput isn't supported. Retry with an ARN"
    bedrock.fake.plan(error_reply(400, "Validation", told))
    provider = bedrock.provider()
    with pytest.raises(UpstreamModelNotFound, match="inference profile") as caught:
        await provider.open(hello(provider, "amazon.nova-pro-v1:0"))
    assert caught.value.provider == "up"


class RollingKeys(KeySource):
    """Gives the first keys until they are refused, then the second."""

    def __init__(self) -> None:
        self.given = AwsKeys("AKIDONE", KEYS["AKIDONE"], "token-one")
        self.renewals = 0

    async def keys(self) -> AwsKeys:
        return self.given

    async def renew(self, refused: AwsKeys) -> AwsKeys | None:
        self.renewals += 1
        self.given = AwsKeys("AKIDTWO", KEYS["AKIDTWO"], "token-two")
        return self.given

    def describe(self) -> str:
        return "a test"

    async def aclose(self) -> None: ...


@pytest.mark.parametrize(
    ("model", "way", "service"),
    [
        (NOVA, None, "bedrock"),
        (ARN, None, "bedrock"),
        (CLAUDE, None, "bedrock"),
        (NEWER_CLAUDE, Way.MESSAGES, "bedrock-mantle"),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
async def test_a_call_is_signed_as_botocore_signs_it(
    model: str, way: Way | None, service: str, stream: bool
) -> None:
    async with bedrock_server(token=None, keys=KEYS) as bedrock:
        keys = FixedKeys(AwsKeys("AKIDONE", KEYS["AKIDONE"], "session"), "a test")
        provider = bedrock.provider(key=None, keys=keys, way=way)
        events = await read_all(provider, hello(provider, model, stream=stream))
        assert text_of(events) == "You said: Hi"
        assert bedrock.fake.services == [service]
        await provider.aclose()


async def test_expired_keys_are_renewed_once_and_the_call_repeated() -> None:
    async with bedrock_server(token=None, keys=KEYS) as bedrock:
        bedrock.fake.expired = {"AKIDONE"}
        keys = RollingKeys()
        provider = bedrock.provider(key=None, keys=keys)
        assert text_of(await read_all(provider, hello(provider, NOVA))) == "You said: Hi"
        assert (keys.renewals, len(bedrock.asked)) == (1, 2)
        bedrock.fake.expired = set(KEYS)
        with pytest.raises(UpstreamAuthFailed, match="expired") as caught:
            await provider.open(hello(provider, NOVA))
        assert len(bedrock.asked) == 4
        assert caught.value.provider == "up"
        await provider.aclose()


async def test_expired_keys_that_nobody_renews_are_told_once() -> None:
    async with bedrock_server(token=None, keys=KEYS) as bedrock:
        bedrock.fake.expired = set(KEYS)
        keys = FixedKeys(AwsKeys("AKIDONE", KEYS["AKIDONE"]), "a test")
        provider = bedrock.provider(key=None, keys=keys)
        with pytest.raises(UpstreamAuthFailed, match="expired"):
            await provider.open(hello(provider, NOVA))
        assert len(bedrock.asked) == 1
        await provider.aclose()


async def test_a_wrong_key_is_our_trouble(bedrock: BedrockServer) -> None:
    provider = bedrock.provider(key=Secret("another-not-secret"))
    with pytest.raises(UpstreamAuthFailed) as caught:
        await provider.open(hello(provider, NOVA))
    assert "another" not in caught.value.message
    report = await BedrockProbe(provider, ()).probe()
    assert not report.healthy


async def test_the_probe_asks_mantle_for_its_models(bedrock: BedrockServer) -> None:
    report = await BedrockProbe(bedrock.provider(way=Way.MANTLE), ()).probe()
    assert report.healthy
    assert report.models == ("openai.gpt-oss-120b",)


async def test_the_probe_signs_in_without_a_model_to_ask(bedrock: BedrockServer) -> None:
    report = await BedrockProbe(bedrock.provider(), (NOVA,)).probe()
    assert report.healthy


async def test_openais_models_are_not_counted(bedrock: BedrockServer) -> None:
    provider = bedrock.provider()
    with pytest.raises(UnsupportedFeature):
        await BedrockCounter(provider).count(hello(provider, "openai.gpt-oss-20b-1:0"))
    assert bedrock.asked == []


async def test_metadata_that_does_not_fit_is_told(bedrock: BedrockServer) -> None:
    provider = bedrock.provider()
    content = Generation((user("Hi"),), metadata={"team": "search", "name": "J\u00f6rg"})
    request = translating(content, provider.capabilities(NOVA), stream=False, model=NOVA)
    await read_all(provider, request)
    assert bedrock.asked[0].body["requestMetadata"] == {"team": "search"}
    assert [one.param for one in request.journal.told] == ["metadata"]


@pytest.mark.parametrize(
    ("model", "batch", "tokens"),
    [
        ("amazon.titan-embed-text-v2:0", 1, 6),
        ("cohere.embed-english-v3", 96, None),
        ("cohere.embed-multilingual-v3", 96, None),
        ("us.cohere.embed-v4:0", 96, None),
    ],
)
async def test_embeddings_keep_their_order(
    bedrock: BedrockServer, model: str, batch: int, tokens: int | None
) -> None:
    provider = bedrock.provider()
    can = provider.capabilities(model)
    assert can.embedding_batch == batch
    request = replace(
        hello(provider, model),
        dialect=Dialect.EMBEDDINGS,
        embedding=Deferred.of(EmbeddingAsk(("a", "bbb"))),
    )
    events = await read_all(Splitting(provider), request)
    vectors = [list(one) for e in events if isinstance(e, EmbeddingsAdded) for one in e.vectors]
    assert vectors == [[1.0, 0.5], [3.0, 0.5]]
    usage = None if tokens is None else Usage(tokens)
    assert events[-1] == ResponseFinished((FinishReason.STOP,), usage)
    assert {one.path.rpartition("/")[2] for one in bedrock.asked} == {"invoke"}


async def test_the_length_of_an_embedding_may_be_asked_for(bedrock: BedrockServer) -> None:
    provider = bedrock.provider()
    model = "amazon.titan-embed-text-v2:0"
    ask = EmbeddingAsk(("a",), dimensions=256)
    request = replace(hello(provider, model), embedding=Deferred.of(ask))
    await read_all(provider, request)
    assert bedrock.asked[0].body == {"inputText": "a", "dimensions": 256}


async def test_models_that_make_no_embeddings_are_told(bedrock: BedrockServer) -> None:
    provider = bedrock.provider()
    request = replace(hello(provider, NOVA), embedding=Deferred.of(EmbeddingAsk(("a",))))
    with pytest.raises(UnsupportedFeature, match="makes no embeddings"):
        await Splitting(provider).open(request)
    assert bedrock.asked == []
