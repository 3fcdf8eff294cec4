"""OpenAICompatProvider holds the laws of its port, in both lanes."""

from collections.abc import AsyncGenerator

import pytest

from modelmux.adapters.openai_compat.provider import OpenAICompatProvider
from modelmux.domain.errors import ProviderError
from modelmux.domain.json_values import JsonValue
from modelmux.domain.request import GenerationRequest
from tests.contracts.llm_provider import Case, LlmProviderContract
from tests.support.chat_asking import WEATHER, chat_members, relaying, saying, translated
from tests.support.compat_providers import compat_provider
from tests.support.fake_openai import FakeOpenAI, fake_openai

MODELS = {
    Case.TEXT: "plain",
    Case.CALLS: "plain",
    Case.STUCK: "stuck",
    Case.SILENT: "silent",
    Case.CUT: "cut",
    Case.FAILING: "overloaded",
}


class _OverTheFake(LlmProviderContract):
    upstream: FakeOpenAI

    @pytest.fixture
    async def provider(self) -> AsyncGenerator[OpenAICompatProvider, None]:
        async with fake_openai("any") as self.upstream:
            provider = compat_provider(self.upstream)
            try:
                yield provider
            finally:
                await provider.aclose()

    async def until_freed(self) -> None:
        await self.upstream.until_idle()


class TestTranslated(_OverTheFake):
    def ask(self, case: Case, *, stream: bool) -> GenerationRequest:
        content = (
            saying("parallel calls please", tools=(WEATHER,)) if case is Case.CALLS else "Hi there"
        )
        return translated(MODELS[case], content, stream=stream)


class TestRelayed(_OverTheFake):
    def ask(self, case: Case, *, stream: bool) -> GenerationRequest:
        members = chat_members("parallel calls please" if case is Case.CALLS else "Hi there")
        if stream:
            members["stream"] = True
        if case is Case.CALLS:
            tool: JsonValue = {"type": "function", "function": {"name": "weather"}}
            members["tools"] = [tool]
        return relaying(MODELS[case], members)


@pytest.mark.parametrize(
    ("model", "stream"),
    [
        (model, stream)
        for model in ("error-in-200", "rate-limited", "web-page", "empty", "missing")
        for stream in (True, False)
    ],
)
async def test_every_failure_is_told_and_leaves_no_call_behind(model: str, stream: bool) -> None:
    async with fake_openai("any") as upstream:
        provider = compat_provider(upstream)
        for request in (
            translated(model, stream=stream),
            relaying(model, chat_members(stream=stream)),
        ):
            with pytest.raises(ProviderError) as caught:
                await provider.open(request)
            assert caught.value.provider == "up"
            await upstream.until_idle()
        await provider.aclose()
