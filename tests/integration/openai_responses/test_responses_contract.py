"""The Responses lane of OpenAICompatProvider holds the laws of the port, relayed and translated."""

from collections.abc import AsyncGenerator

import pytest

from modelmux.adapters.openai_compat.presets import OPENAI
from modelmux.adapters.openai_compat.provider import OpenAICompatProvider
from modelmux.domain.errors import ProviderError
from modelmux.domain.json_values import JsonValue
from modelmux.domain.request import GenerationRequest
from tests.contracts.llm_provider import Case, LlmProviderContract
from tests.support.chat_asking import WEATHER, saying
from tests.support.compat_providers import compat_provider
from tests.support.fake_openai import FakeOpenAI, fake_openai
from tests.support.responses_outward import passing, responding, response_members

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
        async with fake_openai("openai") as self.upstream:
            provider = compat_provider(self.upstream, OPENAI)
            try:
                yield provider
                assert {one.path for one in self.upstream.requests} <= {"/v1/responses"}
            finally:
                await provider.aclose()

    async def until_freed(self) -> None:
        await self.upstream.until_idle()


class TestTranslated(_OverTheFake):
    def ask(self, case: Case, *, stream: bool) -> GenerationRequest:
        content = (
            saying("parallel calls please", tools=(WEATHER,)) if case is Case.CALLS else "Hi there"
        )
        return responding(MODELS[case], content, stream=stream)


class TestRelayed(_OverTheFake):
    def ask(self, case: Case, *, stream: bool) -> GenerationRequest:
        members = response_members(
            "parallel calls please" if case is Case.CALLS else "Hi there", stream=stream
        )
        if case is Case.CALLS:
            tool: JsonValue = {"type": "function", "name": "weather", "parameters": {}}
            members["tools"] = [tool]
        return passing(MODELS[case], members)


@pytest.mark.parametrize(
    ("model", "stream"),
    [
        (model, stream)
        for model in ("failed", "error-in-200", "rate-limited", "web-page", "empty", "missing")
        for stream in (True, False)
    ],
)
async def test_every_failure_is_told_and_leaves_no_call_behind(model: str, stream: bool) -> None:
    async with fake_openai("openai") as upstream:
        provider = compat_provider(upstream, OPENAI)
        for request in (
            responding(model, stream=stream),
            passing(model, response_members(stream=stream)),
        ):
            with pytest.raises(ProviderError) as caught:
                await provider.open(request)
            assert caught.value.provider == "up"
            await upstream.until_idle()
        await provider.aclose()
