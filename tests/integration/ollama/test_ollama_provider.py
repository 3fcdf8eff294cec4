"""Ollama in its own language: contract, addresses, tool loops, embeddings, what does not fit."""

from collections.abc import AsyncGenerator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from modelmux.adapters.ollama.probe import OllamaProbe
from modelmux.adapters.ollama.provider import OllamaOptions, OllamaProvider
from modelmux.adapters.ollama_native.encode import Defaults
from modelmux.adapters.transport.url import Url
from modelmux.application.ports import UpstreamProbe
from modelmux.domain.conversation import Reasoning, Text, ToolCall, ToolResult
from modelmux.domain.deferred import Deferred
from modelmux.domain.dialect import Dialect
from modelmux.domain.effort import Effort
from modelmux.domain.embedding import EmbeddingAsk
from modelmux.domain.errors import (
    ContextTooLong,
    ProviderProtocolBroken,
    UpstreamAuthFailed,
    UpstreamFailed,
    UpstreamModelNotFound,
    UpstreamOverloaded,
)
from modelmux.domain.events import FinishReason, TextDelta
from modelmux.domain.request import Generation, GenerationRequest
from modelmux.domain.secret import Secret
from tests.contracts.llm_provider import Case, LlmProviderContract, read_all
from tests.contracts.upstream_probe import UpstreamProbeContract
from tests.support.asking import asking, content_of, user
from tests.support.chat_asking import WEATHER, saying, translated
from tests.support.clients import QUICK
from tests.support.fake_ollama import MODELS, FakeOllama, error_reply, fake_ollama
from tests.support.fake_upstream import Reply
from tests.support.scripted_upstream import Answers, ScriptedUpstream, scripted_upstream
from tests.support.streams import fold

FIXTURES = Path(__file__).parents[2] / "fixtures" / "ollama_native"
MODEL = "qwen3:8b"
WHOLE = (
    b'{"model":"qwen3:8b","created_at":"2026-11-21T10:00:00Z","message":{"role":"assistant",'
    b'"content":"Hello"},"done":true,"done_reason":"stop","prompt_eval_count":3,"eval_count":1}'
)


def lines_of(name: str) -> list[bytes]:
    return (FIXTURES / f"{name}.ndjson").read_bytes().splitlines(keepends=True)


ANSWERS = Answers(
    text=WHOLE,
    text_frames=lines_of("text"),
    calls=(FIXTURES / "thoughts-and-calls.json").read_bytes(),
    call_frames=lines_of("thoughts-and-calls"),
    stream_type="application/x-ndjson",
    failure=b'{"error":"model runner has unexpectedly stopped"}',
)


def ollama(base_url: str, **changes: object) -> OllamaProvider:
    options = OllamaOptions("ollama", Url.parse(base_url), transport=QUICK)
    return OllamaProvider(replace(options, **changes))  # type: ignore[arg-type]  # named by the test


class TestContract(LlmProviderContract):
    upstream: ScriptedUpstream

    @pytest.fixture
    async def provider(self) -> AsyncGenerator[OllamaProvider, None]:
        async with scripted_upstream(ANSWERS) as self.upstream:
            provider = ollama(self.upstream.base_url)
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
def upstream() -> Iterator[FakeOllama]:
    with fake_ollama() as running:
        yield running


@pytest.fixture
async def provider(upstream: FakeOllama) -> AsyncGenerator[OllamaProvider, None]:
    provider = ollama(upstream.base_url)
    try:
        yield provider
    finally:
        await provider.aclose()


def request_for(
    provider: OllamaProvider, content: Generation, *, stream: bool = True
) -> GenerationRequest:
    return replace(
        asking(content, model=MODEL), stream=stream, capabilities=provider.capabilities(MODEL)
    )


@pytest.mark.parametrize(
    ("base", "path"),
    [("", "/api/chat"), ("/", "/api/chat"), ("/v1", "/api/chat"), ("/team/v1/", "/team/api/chat")],
)
def test_the_address_may_be_that_of_the_compatible_api(base: str, path: str) -> None:
    assert ollama(f"http://127.0.0.1:11434{base}").url("/api/chat").target == path


async def test_without_a_key_there_is_no_sign_in(
    provider: OllamaProvider, upstream: FakeOllama
) -> None:
    await read_all(provider, request_for(provider, saying("Hi")))
    (asked,) = upstream.requests
    assert (asked.method, asked.path) == ("POST", "/api/chat")
    assert "authorization" not in asked.headers


async def test_a_key_is_a_bearers() -> None:
    with fake_ollama(token="cloud-key-not-secret") as cloud:
        ours = ollama(cloud.base_url, key=Secret("cloud-key-not-secret"))
        await read_all(ours, request_for(ours, saying("Hi")))
        await ours.aclose()
        stranger = ollama(cloud.base_url)
        with pytest.raises(UpstreamAuthFailed):
            await stranger.open(request_for(stranger, saying("Hi")))
        await stranger.aclose()


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("said", ["parallel", "sequential"])
async def test_a_tool_loop_comes_to_its_end(
    provider: OllamaProvider, upstream: FakeOllama, said: str, stream: bool
) -> None:
    items = [*saying(f"{said}, think").items]
    ids: set[str] = set()
    reason: FinishReason | None = None
    for _ in range(4):
        content = content_of(*items, tools=(WEATHER,), effort=Effort.MEDIUM)
        request = request_for(provider, content, stream=stream)
        (answer,) = fold(await read_all(provider, request)).candidates
        items += answer.items
        reason = answer.reason
        calls = [item for item in answer.items if isinstance(item, ToolCall)]
        if not calls:
            break
        assert reason is FinishReason.TOOL_CALLS
        assert not ids & {call.id for call in calls}
        ids |= {call.id for call in calls}
        items += [ToolResult(call.id, (Text(f"result of {call.id}"),)) for call in calls]
    assert reason is FinishReason.STOP
    assert Reasoning("Let me think.") in items
    assert any(one.get("thinking") == "Let me think." for one in upstream.last["messages"])


async def test_every_call_has_the_settings_of_the_provider(upstream: FakeOllama) -> None:
    provider = ollama(
        upstream.base_url, defaults=Defaults(16_384, -1, {"repeat_penalty": 1.1, "num_gpu": 1})
    )
    await read_all(provider, request_for(provider, saying("Hi")))
    await provider.aclose()
    assert upstream.last["keep_alive"] == -1
    assert upstream.last["options"] == {"repeat_penalty": 1.1, "num_gpu": 1, "num_ctx": 16_384}


async def test_what_does_not_fit_is_refused_before_it_is_sent(upstream: FakeOllama) -> None:
    provider = ollama(upstream.base_url, defaults=Defaults(512))
    with pytest.raises(ContextTooLong) as caught:
        await provider.open(request_for(provider, content_of(user("word " * 2000))))
    await provider.aclose()
    assert caught.value.provider == "ollama"
    assert upstream.requests == []


async def test_what_the_server_finds_too_long_is_told_as_that(
    provider: OllamaProvider, upstream: FakeOllama
) -> None:
    upstream.plan(error_reply(400, "request (8889 tokens) exceeds the available context size"))
    with pytest.raises(ContextTooLong, match="8889"):
        await provider.open(request_for(provider, saying("Hi")))


async def test_an_error_inside_a_good_stream_is_raised(
    provider: OllamaProvider, upstream: FakeOllama
) -> None:
    frames = (FIXTURES / "error-midway.ndjson").read_bytes().splitlines(keepends=True)
    upstream.plan(Reply(frames=frames, content_type="application/x-ndjson"))
    with pytest.raises(UpstreamFailed, match="CUDA error") as caught:
        await read_all(provider, request_for(provider, saying("Hi")))
    assert caught.value.provider == "ollama"


async def test_an_error_that_comes_first_can_be_tried_again(
    provider: OllamaProvider, upstream: FakeOllama
) -> None:
    line = b'{"error":"model runner has unexpectedly stopped"}\n'
    upstream.plan(Reply(frames=[line], content_type="application/x-ndjson"))
    with pytest.raises(UpstreamFailed) as caught:
        await provider.open(request_for(provider, saying("Hi")))
    assert caught.value.retryable


async def test_errors_are_told_apart(provider: OllamaProvider, upstream: FakeOllama) -> None:
    upstream.plan(error_reply(503, "server busy, please try again"))
    with pytest.raises(UpstreamOverloaded, match="server busy"):
        await provider.open(request_for(provider, saying("Hi")))
    with pytest.raises(UpstreamModelNotFound, match="not found"):
        await provider.open(replace(request_for(provider, saying("Hi")), model="gone"))


async def test_a_web_page_is_no_answer(provider: OllamaProvider, upstream: FakeOllama) -> None:
    upstream.plan(Reply(body=b"<html>hello", content_type="text/html"))
    with pytest.raises(ProviderProtocolBroken):
        await provider.open(request_for(provider, saying("Hi")))


async def test_a_stream_comes_in_its_pieces(provider: OllamaProvider) -> None:
    events = await read_all(provider, request_for(provider, saying("one two")))
    assert [event.text for event in events if isinstance(event, TextDelta)] == [
        "You", " said:", " one", " two",
    ]  # fmt: skip


def embedding_of(*inputs: str) -> GenerationRequest:
    ask = Deferred.of(EmbeddingAsk(inputs))
    request = replace(asking(model="nomic-embed-text"), stream=False, embedding=ask)
    return replace(request, dialect=Dialect.EMBEDDINGS)


async def test_texts_become_vectors(provider: OllamaProvider, upstream: FakeOllama) -> None:
    response = fold(await read_all(provider, embedding_of("a", "bcd")))
    assert [vector[0] for vector in response.vectors] == [1.0, 3.0]
    assert response.usage is not None
    assert response.usage.input_tokens == 4
    assert upstream.requests[-1].path == "/api/embed"


async def test_a_failure_of_embeddings_bears_the_providers_name(
    provider: OllamaProvider, upstream: FakeOllama
) -> None:
    upstream.plan(error_reply(500, "input length exceeds maximum context length"))
    with pytest.raises(ContextTooLong) as caught:
        await provider.open(embedding_of("a"))
    assert caught.value.provider == "ollama"


class TestProbe(UpstreamProbeContract):
    @pytest.fixture
    def well(self, provider: OllamaProvider) -> UpstreamProbe:
        return OllamaProbe(provider)

    @pytest.fixture
    def unwell(self, provider: OllamaProvider, upstream: FakeOllama) -> UpstreamProbe:
        upstream.plan(error_reply(503))
        return OllamaProbe(provider)


async def test_the_probe_tells_what_was_pulled(
    provider: OllamaProvider, upstream: FakeOllama
) -> None:
    report = await OllamaProbe(provider).probe()
    assert report.models == MODELS
    assert upstream.requests[-1].path == "/api/tags"


async def test_what_is_no_ollama_is_told(provider: OllamaProvider, upstream: FakeOllama) -> None:
    upstream.plan(Reply(body=b'"hello"'))
    report = await OllamaProbe(provider).probe()
    assert not report.healthy
    assert "no list of models" in report.detail
