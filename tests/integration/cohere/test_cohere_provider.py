"""Cohere behind its own door: the contract, the call's head, tool loops with the strict fake."""

from collections.abc import AsyncGenerator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from modelmux.adapters.cohere.probe import CohereProbe
from modelmux.adapters.cohere.provider import CohereOptions, CohereProvider
from modelmux.adapters.cohere_v2.capabilities import BASE
from modelmux.adapters.transport.url import Url
from modelmux.application.ports import UpstreamProbe
from modelmux.domain.adjustments import Policy
from modelmux.domain.conversation import Reasoning, Text, ToolCall, ToolResult
from modelmux.domain.deferred import Deferred
from modelmux.domain.dialect import Dialect
from modelmux.domain.embedding import EmbeddingAsk
from modelmux.domain.errors import (
    UnsupportedFeature,
    UpstreamAuthFailed,
    UpstreamModelNotFound,
    UpstreamOverloaded,
)
from modelmux.domain.events import AnnotationAdded, FinishReason
from modelmux.domain.request import Generation, GenerationRequest, Sampling
from modelmux.domain.secret import Secret
from tests.contracts.llm_provider import Case, LlmProviderContract, read_all
from tests.contracts.upstream_probe import UpstreamProbeContract
from tests.support.asking import asking, content_of, text_of, user
from tests.support.chat_asking import WEATHER, saying, translated
from tests.support.clients import QUICK
from tests.support.fake_cohere import FakeCohere, error_reply, fake_cohere
from tests.support.scripted_upstream import Answers, ScriptedUpstream, scripted_upstream
from tests.support.streams import fold

FIXTURES = Path(__file__).parents[2] / "fixtures" / "cohere_v2"
MODEL = "command-a-reasoning-08-2025"
KEY = "cohere-key-not-secret"


def frames_of(name: str) -> list[bytes]:
    body = (FIXTURES / f"{name}.sse").read_bytes()
    return [frame + b"\n\n" for frame in body.split(b"\n\n")[:-1]]


ANSWERS = Answers(
    text=(FIXTURES / "thinking.json").read_bytes(),
    text_frames=frames_of("thinking"),
    calls=(FIXTURES / "plan-and-calls.json").read_bytes(),
    call_frames=frames_of("plan-and-calls"),
    stream_type="text/event-stream",
    failure=b'{"message":"internal error"}',
)


def cohere(base_url: str, **changes: object) -> CohereProvider:
    options = CohereOptions("cohere", Secret(KEY), Url.parse(base_url), transport=QUICK)
    return CohereProvider(replace(options, **changes))  # type: ignore[arg-type]  # named by the test


class TestContract(LlmProviderContract):
    upstream: ScriptedUpstream

    @pytest.fixture
    async def provider(self) -> AsyncGenerator[CohereProvider, None]:
        async with scripted_upstream(ANSWERS) as self.upstream:
            provider = cohere(self.upstream.base_url)
            try:
                yield provider
            finally:
                await provider.aclose()

    async def until_freed(self) -> None:
        await self.upstream.until_idle()

    def ask(self, case: Case, *, stream: bool) -> GenerationRequest:
        content = saying("Hi", tools=(WEATHER,) if case is Case.CALLS else ())
        return translated(case.value, content, stream=stream)


@pytest.fixture
def upstream() -> Iterator[FakeCohere]:
    with fake_cohere(token=KEY) as running:
        yield running


@pytest.fixture
async def provider(upstream: FakeCohere) -> AsyncGenerator[CohereProvider, None]:
    provider = cohere(upstream.base_url, client_name="acme")
    try:
        yield provider
    finally:
        await provider.aclose()


def request_for(
    provider: CohereProvider, content: Generation, *, stream: bool = True
) -> GenerationRequest:
    return replace(
        asking(content, model=MODEL), stream=stream, capabilities=provider.capabilities(MODEL)
    )


async def test_a_call_says_who_we_are(provider: CohereProvider, upstream: FakeCohere) -> None:
    await read_all(provider, request_for(provider, saying("Hi")))
    (asked,) = upstream.requests
    assert (asked.method, asked.path) == ("POST", "/v2/chat")
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.headers["x-client-name"] == "acme"


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("said", ["parallel", "sequential"])
async def test_a_tool_loop_comes_to_its_end(
    provider: CohereProvider, upstream: FakeCohere, said: str, stream: bool
) -> None:
    items = [*saying(f"{said}, think").items]
    reason: FinishReason | None = None
    for _ in range(4):
        content = content_of(*items, tools=(WEATHER,))
        request = request_for(provider, content, stream=stream)
        (answer,) = fold(await read_all(provider, request)).candidates
        items += answer.items
        reason = answer.reason
        calls = [item for item in answer.items if isinstance(item, ToolCall)]
        if not calls:
            break
        assert reason is FinishReason.TOOL_CALLS
        items += [ToolResult(call.id, (Text(f"result of {call.id}"),)) for call in calls]
    assert reason is FinishReason.STOP
    plans = [one["tool_plan"] for one in upstream.last["messages"] if "tool_plan" in one]
    assert plans
    assert plans == [item.text for item in items if isinstance(item, Reasoning)][: len(plans)]


async def test_sampling_out_of_range_is_told_or_refused(
    provider: CohereProvider, upstream: FakeCohere
) -> None:
    content = content_of(user("Hi"), sampling=Sampling(top_p=1.0))
    request = request_for(provider, content)
    await read_all(provider, request)
    assert upstream.last["p"] == 0.99
    assert [str(one) for one in request.journal.told] == ["top_p=clamped"]
    with pytest.raises(UnsupportedFeature, match="top_p"):
        await provider.open(replace(request, policy=Policy.REJECT))


async def test_errors_bear_the_providers_name(
    provider: CohereProvider, upstream: FakeCohere
) -> None:
    upstream.plan(error_reply(503, "overloaded"))
    with pytest.raises(UpstreamOverloaded, match="overloaded") as caught:
        await provider.open(request_for(provider, saying("Hi")))
    assert caught.value.provider == "cohere"
    with pytest.raises(UpstreamModelNotFound, match="not found"):
        await provider.open(replace(request_for(provider, saying("Hi")), model="gone"))


async def test_a_wrong_key_is_our_trouble(upstream: FakeCohere) -> None:
    stranger = cohere(upstream.base_url, key=Secret("another-not-secret"))
    with pytest.raises(UpstreamAuthFailed):
        await stranger.open(request_for(stranger, saying("Hi")))
    await stranger.aclose()


async def test_citations_stand_with_the_text() -> None:
    answers = replace(ANSWERS, text_frames=frames_of("citations"))
    async with scripted_upstream(answers) as scripted:
        provider = cohere(scripted.base_url)
        events = await read_all(provider, translated("m", saying("Hi")))
        await provider.aclose()
    assert text_of(events) == "It rains in Oslo."
    assert sum(isinstance(event, AnnotationAdded) for event in events) == 1


def embedding_of(*inputs: str, model: str = "embed-v4.0") -> GenerationRequest:
    ask = Deferred.of(EmbeddingAsk(inputs, dimensions=8))
    request = replace(asking(model=model), stream=False, embedding=ask)
    return replace(request, dialect=Dialect.EMBEDDINGS)


async def test_texts_become_vectors(provider: CohereProvider, upstream: FakeCohere) -> None:
    request = replace(
        embedding_of("a", "bcd"), capabilities=replace(BASE, embedding_task="classification")
    )
    response = fold(await read_all(provider, request))
    assert [(vector[0], len(vector)) for vector in response.vectors] == [(1.0, 8), (3.0, 8)]
    assert response.usage is not None
    assert response.usage.input_tokens == 4
    assert upstream.requests[-1].path == "/v2/embed"
    assert upstream.last["input_type"] == "classification"


async def test_a_failure_of_embeddings_bears_the_providers_name(
    provider: CohereProvider, upstream: FakeCohere
) -> None:
    upstream.plan(error_reply(503))
    with pytest.raises(UpstreamOverloaded) as caught:
        await provider.open(embedding_of("a"))
    assert caught.value.provider == "cohere"


class TestProbe(UpstreamProbeContract):
    @pytest.fixture
    def well(self, provider: CohereProvider) -> UpstreamProbe:
        return CohereProbe(provider)

    @pytest.fixture
    def unwell(self, provider: CohereProvider, upstream: FakeCohere) -> UpstreamProbe:
        upstream.plan(error_reply(503))
        return CohereProbe(provider)


async def test_the_probe_tells_models_that_chat_or_embed(
    provider: CohereProvider, upstream: FakeCohere
) -> None:
    report = await CohereProbe(provider).probe()
    assert report.models == (MODEL, "command-a-vision-07-2025", "embed-v4.0")
    assert upstream.requests[-1].path == "/v1/models?page_size=1000"


async def test_a_wrong_key_is_not_healthy(upstream: FakeCohere) -> None:
    stranger = cohere(upstream.base_url, key=Secret("another-not-secret"))
    report = await CohereProbe(stranger).probe()
    await stranger.aclose()
    assert not report.healthy
    assert "credentials" in report.detail
