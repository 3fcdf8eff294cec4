"""Gemini by API key: the laws of its ports, and what this door has of its own."""

import json
from collections.abc import AsyncGenerator
from dataclasses import replace
from math import hypot

import pytest

from modelmux.adapters.gemini_api.counter import GeminiApiCounter
from modelmux.adapters.gemini_api.probe import GeminiApiProbe
from modelmux.adapters.gemini_api.provider import GeminiApiProvider
from modelmux.adapters.transport.url import Url
from modelmux.application.ports import TokenCounter, UpstreamProbe
from modelmux.domain.capabilities import Capabilities
from modelmux.domain.embedding import EmbeddingAsk
from modelmux.domain.errors import (
    ProviderProtocolBroken,
    UnsupportedFeature,
    UpstreamAuthFailed,
    UpstreamModelNotFound,
    UpstreamRejected,
)
from modelmux.domain.events import EmbeddingsAdded, StreamEvent
from modelmux.domain.request import Generation, GenerationRequest, Sampling
from modelmux.domain.secret import Secret
from modelmux.domain.tools import FunctionTool
from tests.contracts.llm_provider import Case, LlmProviderContract, read_all
from tests.contracts.token_counter import TokenCounterContract
from tests.contracts.upstream_probe import UpstreamProbeContract
from tests.support.asking import content_of, text_of, user
from tests.support.fake_upstream import Reply
from tests.support.gemini_asking import (
    EMBEDDER,
    KEY,
    MODEL,
    GeminiServer,
    embedding,
    gemini_server,
    translating,
)
from tests.support.gemini_embeddings import vector_of
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


def gone() -> GeminiApiProvider:
    return GeminiServer(base_url=f"http://127.0.0.1:{closed_port()}").provider()


def record(model: str = MODEL) -> Capabilities:
    return GeminiServer(base_url="http://a.test").provider().capabilities(model)


class TestProvider(LlmProviderContract):
    upstream: GeminiServer

    @pytest.fixture
    async def provider(self) -> AsyncGenerator[GeminiApiProvider, None]:
        async with gemini_server() as self.upstream:
            provider = self.upstream.provider()
            try:
                yield provider
            finally:
                await provider.aclose()

    async def until_freed(self) -> None:
        await self.upstream.until_idle()

    def ask(self, case: Case, *, stream: bool) -> GenerationRequest:
        tools = (TOOL,) if case is Case.CALLS else ()
        return translating(Generation((user(WORDS[case]),), tools), record(), stream=stream)


class TestProbe(UpstreamProbeContract):
    @pytest.fixture
    async def well(self) -> AsyncGenerator[UpstreamProbe]:
        async with gemini_server() as gemini:
            yield GeminiApiProbe(gemini.provider())

    @pytest.fixture
    def unwell(self) -> UpstreamProbe:
        return GeminiApiProbe(gone())


class TestCounter(TokenCounterContract):
    @pytest.fixture
    async def well(self) -> AsyncGenerator[TokenCounter]:
        async with gemini_server() as gemini:
            yield GeminiApiCounter(gemini.provider())

    @pytest.fixture
    def unwell(self) -> TokenCounter:
        return GeminiApiCounter(gone())

    @pytest.fixture
    def request_(self) -> GenerationRequest:
        return translating(Generation((user("Hi"),)), record(), stream=False)


@pytest.fixture
async def gemini() -> AsyncGenerator[GeminiServer]:
    async with gemini_server() as running:
        yield running


async def test_the_key_goes_in_a_header_and_never_in_the_address(gemini: GeminiServer) -> None:
    provider = gemini.provider(extra_headers=(("x-team", "search"),))
    events = await read_all(provider, translating(content_of(user("Hello")), record()))
    assert text_of(events) == "You said: Hello"
    (asked,) = gemini.asked
    assert asked.path == f"/v1beta/models/{MODEL}:streamGenerateContent?alt=sse"
    assert asked.headers["x-goog-api-key"] == KEY
    assert asked.headers["x-team"] == "search"
    assert "authorization" not in asked.headers
    assert KEY not in asked.path
    await provider.aclose()


async def test_a_name_may_be_written_out_and_leads_nowhere_else(gemini: GeminiServer) -> None:
    provider = gemini.provider(api_version="v1")
    content = content_of(user("Hello"))
    await read_all(provider, translating(content, record(), stream=False, model=f"models/{MODEL}"))
    with pytest.raises(UpstreamModelNotFound):
        await provider.open(translating(content, record(), model="models/../gemini-x"))
    paths = [one.path for one in gemini.asked]
    assert paths[0] == f"/v1/models/{MODEL}:generateContent"
    assert "..%2Fgemini-x" in paths[1]
    await provider.aclose()


async def test_a_version_at_the_end_of_the_address_counts(gemini: GeminiServer) -> None:
    provider = gemini.provider(base_url=Url.parse(f"{gemini.base_url}/v1beta/"))
    await read_all(provider, translating(content_of(user("Hi")), record()))
    assert gemini.asked[0].path.startswith("/v1beta/models/")
    await provider.aclose()


async def test_a_bad_key_is_ours_and_not_the_callers(gemini: GeminiServer) -> None:
    provider = gemini.provider(key=Secret("AIza-wrong-not-secret"))
    with pytest.raises(UpstreamAuthFailed) as caught:
        await provider.open(translating(content_of(user("Hi")), record()))
    assert "AIza" not in caught.value.message
    assert not (await GeminiApiProbe(provider).probe()).healthy
    await provider.aclose()


async def test_the_probe_tells_the_models_that_answer_or_embed(gemini: GeminiServer) -> None:
    report = await GeminiApiProbe(gemini.provider()).probe()
    assert report.models == (MODEL, EMBEDDER)
    gemini.fake.plan(Reply(body=b"[]"))
    report = await GeminiApiProbe(gemini.provider()).probe()
    assert "no list of models" in report.detail


async def test_a_count_is_of_the_whole_request(gemini: GeminiServer) -> None:
    counter = GeminiApiCounter(gemini.provider())
    content = content_of(user("Hi"), tools=(TOOL,), sampling=Sampling(top_k=3))
    assert await counter.count(translating(content, record())) == 3
    asked = gemini.asked[0].body["generateContentRequest"]
    assert asked["model"] == f"models/{MODEL}"
    assert asked["generationConfig"]["topK"] == 3
    assert asked["tools"]
    gemini.fake.plan(Reply(body=b"{}"))
    with pytest.raises(ProviderProtocolBroken):
        await counter.count(translating(content, record()))


def test_the_records_differ_from_vertex_where_the_doors_do() -> None:
    assert not record().metadata
    assert record().embedding_batch == 0
    assert record(f"models/{EMBEDDER}").embedding_batch == 100
    provider = GeminiServer(base_url="http://a.test").provider()
    assert all(map(provider.accepts, ("gemini-9", "gemma-4", "text-embedding-004", "models/x")))
    assert not any(map(provider.accepts, ("gpt-5", "claude-opus-4-8", "x/gemini-3")))


async def test_nothing_can_be_kept_without_an_answer(gemini: GeminiServer) -> None:
    provider = gemini.provider()
    content = content_of(user("Hi"), max_output_tokens=0)
    with pytest.raises(UnsupportedFeature, match="answers nothing"):
        await provider.open(translating(content, record()))
    assert not gemini.asked


def vectors_of(events: list[StreamEvent]) -> list[list[float]]:
    (added,) = (event for event in events if isinstance(event, EmbeddingsAdded))
    return [list(vector) for vector in added.vectors]


async def test_embeddings_are_asked_for_in_a_batch(gemini: GeminiServer) -> None:
    provider = gemini.provider()
    can = replace(record(EMBEDDER), embedding_task="RETRIEVAL_QUERY")
    events = await read_all(provider, embedding(EmbeddingAsk(("one", "two words")), can))
    assert vectors_of(events) == [vector_of("one"), vector_of("two words")]
    (asked,) = gemini.asked
    assert asked.path == f"/v1beta/models/{EMBEDDER}:batchEmbedContents"
    assert asked.body["requests"][1] == {
        "model": f"models/{EMBEDDER}",
        "content": {"parts": [{"text": "two words"}]},
        "taskType": "RETRIEVAL_QUERY",
    }
    await provider.aclose()


@pytest.mark.parametrize(
    ("model", "length_is_one"), [(EMBEDDER, True), ("text-embedding-9", False)]
)
async def test_shortened_vectors_of_001_are_given_the_length_one(
    gemini: GeminiServer, model: str, length_is_one: bool
) -> None:
    ask = EmbeddingAsk(("some text",), dimensions=3)
    provider = gemini.provider()
    events = await read_all(provider, embedding(ask, record(model), model=model))
    (vector,) = vectors_of(events)
    assert len(vector) == 3
    assert (hypot(*vector) == pytest.approx(1.0)) is length_is_one
    await provider.aclose()


async def test_a_text_that_is_too_long_is_told(gemini: GeminiServer) -> None:
    provider = gemini.provider()
    with pytest.raises(UpstreamRejected, match="token count"):
        await provider.open(embedding(EmbeddingAsk(("refused",)), record(EMBEDDER)))
    await provider.aclose()


@pytest.mark.parametrize(
    "answer",
    [
        b"{}",
        b'{"embeddings":[]}',
        b'{"embeddings":[{}]}',
        b'{"embeddings":[{"values":[]}]}',
        b'{"embeddings":[{"values":["x"]}]}',
        b'{"embeddings":[{"values":[1.5]}',
    ],
)
async def test_an_answer_without_vectors_breaks_the_protocol(
    gemini: GeminiServer, answer: bytes
) -> None:
    provider = gemini.provider()
    gemini.fake.plan(Reply(body=answer))
    with pytest.raises(ProviderProtocolBroken) as caught:
        await provider.open(embedding(EmbeddingAsk(("a",)), record(EMBEDDER)))
    assert caught.value.provider == "up"
    await provider.aclose()


async def test_a_large_answer_is_read_beside_the_loop(gemini: GeminiServer) -> None:
    provider = gemini.provider()
    values = [number / 4096 for number in range(3072)]
    body = json.dumps({"embeddings": [{"values": values}] * 100}).encode()
    gemini.fake.plan(Reply(body=body))
    asked = EmbeddingAsk(tuple(map(str, range(100))))
    events = await read_all(provider, embedding(asked, record(EMBEDDER)))
    assert vectors_of(events) == [values] * 100
    await provider.aclose()
