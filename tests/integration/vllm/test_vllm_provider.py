from collections.abc import AsyncGenerator

import msgspec
import pytest

from modelmux.adapters.transport.url import Url
from modelmux.adapters.vllm.probe import VllmProbe
from modelmux.adapters.vllm.provider import VllmOptions, VllmProvider
from modelmux.application.ports import UpstreamProbe
from modelmux.domain.effort import Effort
from modelmux.domain.errors import ContextTooLong, UpstreamModelNotFound
from modelmux.domain.events import ReasoningDelta, ToolCallStarted
from modelmux.domain.json_values import JsonObject
from modelmux.domain.request import Generation, GenerationRequest
from tests.contracts.llm_provider import Case, LlmProviderContract, read_all
from tests.contracts.upstream_probe import UpstreamProbeContract
from tests.support.chat_asking import WEATHER, chat_members, relaying, saying, translated
from tests.support.clients import QUICK
from tests.support.fake_openai import FakeOpenAI, fake_openai
from tests.support.openai_replay import relayed
from tests.support.raw_server import RawPeer, raw_server, response


def vllm(upstream: FakeOpenAI) -> VllmProvider:
    return VllmProvider(
        VllmOptions(name="gpu", base_url=Url.parse(upstream.base_url), transport=QUICK)
    )


class TestContract(LlmProviderContract):
    upstream: FakeOpenAI

    @pytest.fixture
    async def provider(self) -> AsyncGenerator[VllmProvider, None]:
        async with fake_openai("vllm", key=None) as self.upstream:
            provider = vllm(self.upstream)
            try:
                yield provider
            finally:
                await provider.aclose()

    async def until_freed(self) -> None:
        await self.upstream.until_idle()

    def ask(self, case: Case, *, stream: bool) -> GenerationRequest:
        models = {Case.TEXT: "plain", Case.CALLS: "plain", Case.FAILING: "missing"}
        content = saying("parallel", tools=(WEATHER,)) if case is Case.CALLS else "Hi"
        return translated(models.get(case, case.value), content, stream=stream)


@pytest.fixture
async def upstream() -> AsyncGenerator[FakeOpenAI, None]:
    async with fake_openai("vllm", key=None) as fake:
        yield fake


@pytest.fixture
async def provider(upstream: FakeOpenAI) -> AsyncGenerator[VllmProvider, None]:
    provider = vllm(upstream)
    try:
        yield provider
    finally:
        await provider.aclose()


GUIDED: JsonObject = {
    "structured_outputs": {"regex": "[0-9]+"},
    "top_k": 20,
    "chat_template_kwargs": {"enable_thinking": False},
}


async def test_guided_decoding_passes_in_both_lanes(
    provider: VllmProvider, upstream: FakeOpenAI
) -> None:
    await read_all(provider, relaying("plain", chat_members() | GUIDED))
    assert GUIDED.items() <= upstream.last.items()

    extras = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in GUIDED.items()}
    content = Generation(saying("Hi").items, extras=extras)
    await read_all(provider, translated("plain", content))
    assert GUIDED.items() <= upstream.last.items()


async def test_reasoning_is_read_and_relayed(provider: VllmProvider) -> None:
    events = await read_all(provider, translated("plain", "think"))
    thoughts = [event.text for event in events if isinstance(event, ReasoningDelta)]
    assert "".join(thoughts) == "Let me think."

    for stream in (True, False):
        members = chat_members("think", stream=stream)
        body = relayed(await read_all(provider, relaying("plain", members)))
        assert b'"reasoning_content":"' in body
        assert b'"reasoning":' not in body


async def test_thinking_is_switched_off_by_the_template(
    provider: VllmProvider, upstream: FakeOpenAI
) -> None:
    content = Generation(saying("Hi").items, effort=Effort.NONE)
    await read_all(provider, translated("plain", content))
    assert upstream.last["chat_template_kwargs"] == {"enable_thinking": False}


async def test_flat_errors_are_understood(provider: VllmProvider) -> None:
    with pytest.raises(UpstreamModelNotFound, match="does not exist"):
        await provider.open(translated("missing"))


async def test_prose_on_the_context_is_understood() -> None:
    async def script(peer: RawPeer) -> None:
        await peer.request()
        body = (
            b'{"object":"error","message":"This model\'s maximum context length is 8192 tokens. '
            b'However, you requested 9000 tokens.","type":"BadRequestError","code":400}'
        )
        await peer.send(response(body, status=400))

    async with raw_server(script) as server:
        provider = VllmProvider(
            VllmOptions(name="gpu", base_url=Url.parse(server.base_url), transport=QUICK)
        )
        with pytest.raises(ContextTooLong, match="8192"):
            await provider.open(translated("plain"))
        await provider.aclose()


@pytest.mark.parametrize(
    "name", ["vllm_new_id_in_each_delta", "vllm_name_and_id_repeated", "vllm_stop_with_tools"]
)
async def test_its_tool_parsers_are_understood(provider: VllmProvider, name: str) -> None:
    events = await read_all(provider, translated(f"file:{name}"))
    assert [e.name for e in events if isinstance(e, ToolCallStarted)] == ["weather"]


class TestProbe(UpstreamProbeContract):
    @pytest.fixture
    def well(self, provider: VllmProvider) -> UpstreamProbe:
        return VllmProbe(provider)

    @pytest.fixture
    def unwell(self, provider: VllmProvider, upstream: FakeOpenAI) -> UpstreamProbe:
        upstream.failures.append(503)
        return VllmProbe(provider)


async def test_the_probe_tells_version_and_models(provider: VllmProvider) -> None:
    report = await VllmProbe(provider).probe()
    assert report.healthy
    assert report.models == ("plain", "org/plain")
    assert report.detail == "vLLM 0.19.0 serves plain (4096 tokens), org/plain (4096 tokens)"


async def test_the_probe_asks_beside_the_api(provider: VllmProvider, upstream: FakeOpenAI) -> None:
    await VllmProbe(provider).probe()
    assert [one.path for one in upstream.requests] == ["/health", "/version", "/v1/models"]


async def test_a_dead_engine_is_not_healthy(provider: VllmProvider, upstream: FakeOpenAI) -> None:
    upstream.failures.append(503)
    report = await VllmProbe(provider).probe()
    assert not report.healthy


async def test_what_is_no_vllm_is_told() -> None:
    async def script(peer: RawPeer) -> None:
        while True:
            await peer.request()
            await peer.send(response(b'"hello"'))

    async with raw_server(script) as server:
        provider = VllmProvider(
            VllmOptions(name="gpu", base_url=Url.parse(server.base_url), transport=QUICK)
        )
        report = await VllmProbe(provider).probe()
        await provider.aclose()
    assert not report.healthy
    assert "no vLLM" in report.detail
