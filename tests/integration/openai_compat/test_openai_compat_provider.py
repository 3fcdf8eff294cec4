import json
from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest

from modelmux.adapters.openai_compat.auth import StaticKey
from modelmux.adapters.openai_compat.endpoints import Paths
from modelmux.adapters.openai_compat.preset import Preset
from modelmux.adapters.openai_compat.presets import DEEPSEEK, GENERIC, MISTRAL, OLLAMA, OPENAI
from modelmux.adapters.openai_compat.provider import OpenAICompatProvider
from modelmux.application.filters.adjusting import Adjusting
from modelmux.application.filters.enforcing import Enforcing
from modelmux.domain.adjustments import Adjustment, Policy
from modelmux.domain.conversation import (
    Message,
    Proof,
    Reasoning,
    Role,
    Text,
    ToolCall,
    ToolResult,
    Vendor,
)
from modelmux.domain.deferred import Deferred
from modelmux.domain.dialect import Dialect
from modelmux.domain.effort import Effort
from modelmux.domain.errors import (
    UnsupportedFeature,
    UpstreamAuthFailed,
    UpstreamModelNotFound,
    UpstreamRateLimited,
    UpstreamRejected,
)
from modelmux.domain.events import FinishReason, ResponseFinished, Usage
from modelmux.domain.json_values import JsonObject
from modelmux.domain.request import GenerationRequest, Sampling
from modelmux.domain.response import Response, ResponseBuilder
from modelmux.domain.secret import Secret
from modelmux.domain.tools import CustomTool
from tests.contracts.llm_provider import read_all
from tests.support.chat_asking import WEATHER, chat_members, relaying, saying, translated
from tests.support.compat_providers import compat_provider
from tests.support.fake_openai import FakeOpenAI, fake_openai
from tests.support.openai_replay import relayed

USAGE = Usage(7, 5, cached_tokens=2, reasoning_tokens=1)


@pytest.fixture
async def upstream() -> AsyncGenerator[FakeOpenAI, None]:
    async with fake_openai("any") as fake:
        yield fake


async def respond(
    upstream: FakeOpenAI, request: GenerationRequest, preset: Preset = GENERIC
) -> Response:
    provider = compat_provider(upstream, preset)
    try:
        builder = ResponseBuilder()
        builder.add(await read_all(provider, request))
        return builder.build()
    finally:
        await provider.aclose()


async def test_a_relayed_body_reaches_the_upstream_with_its_unknown_members(
    upstream: FakeOpenAI,
) -> None:
    request = relaying("plain", chat_members(top_k=40, chat_template_kwargs={"x": 1}))
    response = await respond(upstream, request)

    assert upstream.last == {
        "model": "plain",
        "messages": [{"role": "user", "content": "Hi"}],
        "top_k": 40,
        "chat_template_kwargs": {"x": 1},
    }
    assert upstream.requests[-1].raw.startswith(b'{"model":')
    assert request.journal.relayed
    assert response.usage == USAGE
    assert response.relayed is not None
    assert json.loads(response.relayed)["choices"][0]["message"]["content"] == "You said: Hi"


@pytest.mark.parametrize("asked", [True, False])
async def test_usage_is_always_asked_for_and_shown_to_who_asked(
    upstream: FakeOpenAI, asked: bool
) -> None:
    options: JsonObject = {"include_usage": asked, "include_obfuscation": False}
    members = chat_members(stream=True, stream_options=options)
    response = await respond(upstream, relaying("plain", members, include_usage=asked))

    assert upstream.last["stream_options"] == {"include_usage": True, "include_obfuscation": False}
    assert response.usage == USAGE
    assert response.relayed is not None
    assert (b'"prompt_tokens"' in response.relayed) is asked
    assert response.relayed.endswith(b"data: [DONE]\n\n")


async def test_reasoning_is_relayed_in_the_spelling_of_the_house(upstream: FakeOpenAI) -> None:
    request = relaying("plain", chat_members("think", stream=True))
    response = await respond(upstream, request)
    assert response.relayed is not None
    assert b'"reasoning":' not in response.relayed
    assert b'"reasoning_content":"Let"' in response.relayed


@pytest.mark.parametrize(
    "unknown",
    [
        {"messages": [{"role": "developer", "content": "Be brief"}]},
        {"functions": [{"name": "weather"}]},
        {"tools": [{"type": "custom", "custom": {"name": "sql"}}]},
        {"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}}},
    ],
    ids=lambda unknown: next(iter(unknown)),
)
async def test_what_open_servers_do_not_know_is_translated_for_them_and_relayed_to_openai(
    upstream: FakeOpenAI, unknown: JsonObject
) -> None:
    request = relaying("plain", chat_members() | unknown, capabilities=GENERIC.capabilities)
    await respond(upstream, request)
    assert not request.journal.relayed
    assert upstream.last["messages"] == [{"role": "user", "content": "translated"}]

    request = relaying("missing", chat_members() | unknown)
    with pytest.raises(UpstreamModelNotFound):
        await respond(upstream, request, OPENAI)
    assert request.journal.relayed
    assert unknown.items() <= upstream.last.items()


async def test_embeddings_and_completions_are_relayed(upstream: FakeOpenAI) -> None:
    embeddings = await respond(
        upstream,
        relaying("plain", {"model": "r", "input": ["a", "b"]}, dialect=Dialect.EMBEDDINGS),
    )
    assert embeddings.usage == Usage(2, 0)
    assert embeddings.relayed is not None
    assert len(json.loads(embeddings.relayed)["data"]) == 2
    assert upstream.requests[-1].path == "/v1/embeddings"

    completion = await respond(
        upstream,
        relaying("plain", {"prompt": "Hello", "max_tokens": 1}, dialect=Dialect.COMPLETIONS),
        OPENAI,
    )
    assert completion.candidates[0].reason is FinishReason.LENGTH
    assert upstream.requests[-1].path == "/v1/completions"
    assert upstream.last["max_tokens"] == 1


async def test_embeddings_are_not_made_of_chat(upstream: FakeOpenAI) -> None:
    request = replace(
        relaying("plain", {"input": "a"}, dialect=Dialect.EMBEDDINGS),
        capabilities=replace(GENERIC.capabilities, dialects=frozenset()),
    )
    with pytest.raises(UnsupportedFeature, match="embeddings"):
        await respond(upstream, request)
    assert not upstream.requests


async def test_a_tool_conversation_goes_round(upstream: FakeOpenAI) -> None:
    first = await respond(upstream, translated("plain", saying("parallel", tools=(WEATHER,))))
    calls = [item for item in first.candidates[0].items if isinstance(item, ToolCall)]
    assert len(calls) == 2
    results = (ToolResult(call.id, (Text("sun"),)) for call in calls)
    second = await respond(
        upstream,
        translated("plain", saying("parallel", *calls, *results, tools=(WEATHER,)), stream=False),
    )
    (message,) = second.candidates[0].items
    assert message == Message(Role.ASSISTANT, (Text("The tools said: sun; sun"),))
    assert second.usage == USAGE


@pytest.mark.parametrize("unread", [True, False])
async def test_a_custom_tool_comes_back_as_one(upstream: FakeOpenAI, unread: bool) -> None:
    tools: JsonObject = {"tools": [{"type": "custom", "custom": {"name": "sql"}}]}
    request = replace(
        relaying("plain", chat_members() | tools, capabilities=GENERIC.capabilities),
        content=Deferred.of(replace(saying("call"), tools=(CustomTool("sql"),))),
    )
    if not unread:
        request = replace(request, verbatim=None)
    provider = compat_provider(upstream, GENERIC)
    builder = ResponseBuilder()
    builder.add(await read_all(Enforcing(Adjusting(provider)), request))
    await provider.aclose()
    (call,) = builder.build().candidates[0].items
    assert isinstance(call, ToolCall)
    assert (call.kind, call.name, call.arguments) == ("custom", "sql", "value 0")
    assert [tool["type"] for tool in upstream.last["tools"]] == ["function"]
    assert [str(one) for one in request.journal.told] == ["tools=emulated"]


async def test_a_request_for_openai_is_one_it_takes() -> None:
    async with fake_openai("openai") as upstream:
        members = chat_members(max_tokens=10, stream=True, metadata={"a": "b"})
        await respond(upstream, relaying("gpt-5", members), OPENAI)
        assert upstream.last["max_completion_tokens"] == 10
        assert "max_tokens" not in upstream.last

        content = replace(saying("Hi"), max_output_tokens=10, effort=Effort.LOW)
        await respond(upstream, translated("gpt-5", content), OPENAI)
        assert upstream.last["max_completion_tokens"] == 10


async def test_what_openai_refuses_is_told_in_its_words() -> None:
    async with fake_openai("openai") as upstream:
        with pytest.raises(UpstreamRejected) as caught:
            await respond(upstream, relaying("gpt-4.1", chat_members(bogus=1)), OPENAI)
    assert caught.value.message == "Unrecognized request argument supplied: bogus"
    assert caught.value.param == "bogus"
    assert caught.value.upstream_code == "unknown_parameter"
    assert caught.value.detail is not None
    assert "x-request-id up" in caught.value.detail


async def test_a_request_for_mistral_is_one_it_takes_and_the_caller_is_told() -> None:
    async with fake_openai("mistral") as upstream:
        members = chat_members(
            stream=True,
            seed=7,
            max_completion_tokens=5,
            user="u",
            store=False,
            stream_options={"include_usage": True},
        )
        request = relaying("plain", members, include_usage=True)
        request = replace(
            request,
            content=request.content.of(
                replace(
                    saying("Hi"),
                    sampling=Sampling(seed=7),
                    max_output_tokens=5,
                    user="u",
                )
            ),
        )
        response = await respond(upstream, request, MISTRAL)
        assert upstream.last == {
            "model": "plain",
            "messages": [{"role": "user", "content": "Hi"}],
            "random_seed": 7,
            "max_tokens": 5,
            "stream": True,
        }
        told = Adjustment("user", "dropped", "mistral does not take it")
        assert request.journal.adjustments == [told]
        assert request.journal.told == [told]
        assert response.usage == USAGE


async def test_a_route_that_rejects_changes_rejects_what_mistral_does_not_take() -> None:
    async with fake_openai("mistral") as upstream:
        request = replace(
            translated("plain", replace(saying("Hi"), user="u")), policy=Policy.REJECT
        )
        with pytest.raises(UnsupportedFeature) as caught:
            await respond(upstream, request, MISTRAL)
        assert caught.value.param == "user"
        assert not upstream.requests


async def test_embeddings_for_mistral_have_its_names() -> None:
    async with fake_openai("any") as upstream:
        members: JsonObject = {"input": "a", "dimensions": 2, "encoding_format": "float"}
        request = relaying("plain", members, dialect=Dialect.EMBEDDINGS)
        await respond(upstream, request, MISTRAL)
        assert upstream.last == {"model": "plain", "input": "a", "output_dimension": 2}


async def test_deepseek_gets_its_thoughts_back() -> None:
    async with fake_openai("deepseek") as upstream:
        content = saying("call", tools=(WEATHER,))
        first = await respond(upstream, translated("plain", content), DEEPSEEK)
        thought, call = first.candidates[0].items
        assert isinstance(thought, Reasoning)
        assert isinstance(call, ToolCall)
        assert thought.proof == Proof(
            Vendor.DEEPSEEK, "plain", "reasoning_content", "I need a tool."
        )

        result = ToolResult(call.id, (Text("sun"),))
        content = saying("call", thought, call, result, tools=(WEATHER,))
        second = await respond(upstream, translated("plain", content), DEEPSEEK)
        assert second.candidates[0].reason is FinishReason.STOP

        content = saying("call", call, result, tools=(WEATHER,))
        with pytest.raises(UpstreamRejected, match="reasoning_content"):
            await respond(upstream, translated("plain", content), DEEPSEEK)


@pytest.mark.parametrize("relay", [True, False])
async def test_deepseek_is_told_in_its_own_words_not_to_think(relay: bool) -> None:
    async with fake_openai("deepseek") as upstream:
        request = (
            relaying("plain", chat_members(reasoning_effort="none"))
            if relay
            else translated("plain", replace(saying("Hi"), effort=Effort.NONE), stream=False)
        )
        await respond(upstream, request, DEEPSEEK)
        assert request.journal.relayed is relay
        assert upstream.last["thinking"] == {"type": "disabled"}
        assert "reasoning_effort" not in upstream.last


async def test_a_key_may_have_any_header_and_there_may_be_more_headers(
    upstream: FakeOpenAI,
) -> None:
    upstream.key = None
    provider = compat_provider(
        upstream,
        auth=StaticKey(Secret("test-key-not-secret"), header="X-Key", scheme=""),
        extra_headers=(("x-team", "blue"), ("user-agent", "us")),
        organization="org",
        project="proj",
    )
    await read_all(provider, translated("plain"))
    await provider.aclose()
    headers = upstream.requests[-1].headers
    assert headers["x-key"] == "test-key-not-secret"
    assert "authorization" not in headers
    assert (headers["x-team"], headers["user-agent"]) == ("blue", "us")
    assert (headers["openai-organization"], headers["openai-project"]) == ("org", "proj")


async def test_there_may_be_no_key_at_all(upstream: FakeOpenAI) -> None:
    upstream.key = None
    provider = compat_provider(upstream, auth=None)
    await read_all(provider, translated("plain"))
    await provider.aclose()
    assert "authorization" not in upstream.requests[-1].headers


async def test_paths_are_settings(upstream: FakeOpenAI) -> None:
    provider = compat_provider(upstream, paths=Paths(chat_completions="/nowhere"))
    with pytest.raises(UpstreamRejected, match="Unknown path"):
        await provider.open(translated("plain"))
    await provider.aclose()
    assert upstream.requests[-1].path == "/v1/nowhere"


async def test_a_refused_key_is_our_trouble_and_is_not_shown(upstream: FakeOpenAI) -> None:
    provider = compat_provider(upstream, auth=StaticKey(Secret("wrong-key-not-secret")))
    with pytest.raises(UpstreamAuthFailed) as caught:
        await provider.open(translated("plain"))
    await provider.aclose()
    assert "wrong-key" not in caught.value.message
    assert caught.value.detail is not None
    assert "wrong-key" not in caught.value.detail
    assert "Incorrect API key provided: [hidden]." in caught.value.detail


async def test_a_model_that_is_not_there_is_told(upstream: FakeOpenAI) -> None:
    with pytest.raises(UpstreamModelNotFound, match="does not exist"):
        await respond(upstream, translated("missing"))


async def test_an_upstream_that_asks_to_wait_is_heard(upstream: FakeOpenAI) -> None:
    with pytest.raises(UpstreamRateLimited) as caught:
        await respond(upstream, translated("rate-limited"))
    assert caught.value.retry_after_s == 7.0
    assert caught.value.detail is not None
    assert "up-429" in caught.value.detail


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("file:other_no_index_no_id", FinishReason.TOOL_CALLS),
        ("file:mistral_thinking", FinishReason.STOP),
        ("file:azure_filters", FinishReason.STOP),
        ("file:other_no_done", FinishReason.STOP),
    ],
)
async def test_recorded_quirks_over_a_socket(
    upstream: FakeOpenAI, name: str, reason: FinishReason
) -> None:
    response = await respond(upstream, translated(name))
    assert response.candidates[0].reason is reason
    provider = compat_provider(upstream)
    events = await read_all(provider, relaying(name, chat_members(stream=True)))
    await provider.aclose()
    assert isinstance(events[-1], ResponseFinished)
    assert relayed(events).endswith(b"data: [DONE]\n\n")


async def test_answers_that_end_well_share_a_connection(upstream: FakeOpenAI) -> None:
    provider = compat_provider(upstream)
    for _ in range(5):
        await read_all(provider, translated("plain"))
        await read_all(provider, relaying("plain", chat_members()))
    await provider.aclose()
    assert upstream.server is not None
    assert upstream.server.connections == 1


def test_capabilities_follow_the_models_name() -> None:
    provider = compat_provider_without_upstream(OPENAI)
    assert provider.capabilities("gpt-6-astra").tools_only_on_responses
    assert "temperature" not in provider.capabilities("gpt-5").sampling
    assert "temperature" in provider.capabilities("gpt-5-chat-latest").sampling
    assert not provider.capabilities("gpt-4.1").restrictions
    assert compat_provider_without_upstream(OLLAMA).capabilities("qwen3").restrictions


def compat_provider_without_upstream(preset: Preset) -> OpenAICompatProvider:
    class Nowhere(FakeOpenAI):
        @property
        def root_url(self) -> str:
            return "http://127.0.0.1:9"

    return compat_provider(Nowhere(), preset)
