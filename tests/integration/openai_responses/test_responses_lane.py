"""What goes out on /v1/responses, what on chat completions, and what comes back."""

import json
from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest

from modelmux.adapters.azure.provider import AzureOptions, AzureProvider, api_key
from modelmux.adapters.memory.proof_vault import MemoryProofVault
from modelmux.adapters.openai_compat.auth import StaticKey
from modelmux.adapters.openai_compat.preset import Preset
from modelmux.adapters.openai_compat.presets import DEEPSEEK, MISTRAL, OLLAMA, OPENAI
from modelmux.adapters.openai_compat.provider import OpenAICompatProvider
from modelmux.adapters.system.clock import SystemClock
from modelmux.adapters.transport.url import Url
from modelmux.adapters.vllm.provider import PRESET as VLLM
from modelmux.application.filters.adjusting import Adjusting
from modelmux.application.filters.enforcing import Enforcing
from modelmux.application.filters.proving import Proving
from modelmux.application.ports import LlmProvider
from modelmux.domain.conversation import Message, OpaqueItem, Role, Text, ToolCall, ToolResult
from modelmux.domain.dialect import Dialect
from modelmux.domain.effort import Effort
from modelmux.domain.errors import (
    ProviderProtocolBroken,
    UnsupportedFeature,
    UpstreamFailed,
    UpstreamModelNotFound,
)
from modelmux.domain.events import RelayedBytes, StreamEvent, TextDelta
from modelmux.domain.json_values import JsonValue
from modelmux.domain.request import Generation, GenerationRequest, Sampling
from modelmux.domain.response import Response, ResponseBuilder
from modelmux.domain.secret import Secret
from modelmux.domain.tools import AllowedTools, CustomTool, FunctionTool, HostedTool, ToolNamespace
from tests.contracts.llm_provider import read_all, read_on
from tests.support.asking import text_of, user
from tests.support.chat_asking import WEATHER, saying
from tests.support.clients import QUICK
from tests.support.compat_providers import compat_provider
from tests.support.fake_openai import KEY, FakeOpenAI, fake_openai
from tests.support.openai_replay import relayed
from tests.support.responses_laws import ResponsesStreamLaws
from tests.support.responses_outward import OUR_ID, passing, responding, response_members

PRESETS = {"openai": OPENAI, "vllm": VLLM}
SOLVER = "gpt-5.6"


@pytest.fixture
async def upstream(request: pytest.FixtureRequest) -> AsyncGenerator[FakeOpenAI, None]:
    async with fake_openai(getattr(request, "param", "openai")) as fake:  # the flavour, if any
        yield fake


@pytest.fixture
async def provider(upstream: FakeOpenAI) -> AsyncGenerator[OpenAICompatProvider, None]:
    provider = compat_provider(upstream, PRESETS[upstream.flavour])
    yield provider
    await provider.aclose()


def aimed(request: GenerationRequest, provider: OpenAICompatProvider) -> GenerationRequest:
    return replace(request, capabilities=provider.capabilities(request.model))


def fitted(provider: LlmProvider, vault: MemoryProofVault | None = None) -> LlmProvider:
    """Return the provider behind the filters that fit requests to it, as the gateway has them."""
    return Enforcing(Proving(Adjusting(provider), vault or MemoryProofVault(SystemClock())))


def folded(events: list[StreamEvent]) -> Response:
    builder = ResponseBuilder()
    builder.add(events)
    return builder.build()


@pytest.mark.parametrize("stream", [True, False])
async def test_a_relayed_call_is_the_callers_own_and_its_answer_goes_by_our_id(
    upstream: FakeOpenAI, provider: OpenAICompatProvider, stream: bool
) -> None:
    members = response_members("Hello", stream=stream, metadata={"a": "b"})
    request = aimed(passing("gpt-4.1", members), provider)

    data = relayed(await read_all(provider, request))

    assert upstream.last == members | {"model": "gpt-4.1"}
    assert request.journal.relayed
    assert b"resp_upstream" not in data
    if stream:
        laws = ResponsesStreamLaws()
        laws.feed(data)
        laws.close()
        response = laws.final
    else:
        response = json.loads(data)
    assert response is not None
    assert response["id"] == OUR_ID
    assert response["output"][0]["content"][0]["text"] == "You said: Hello"


async def test_an_answer_that_comes_whole_where_a_stream_was_asked_is_translated(
    provider: OpenAICompatProvider,
) -> None:
    request = passing("unstreamed", response_members("Hello", stream=True))
    events = await read_all(provider, request)
    assert not request.journal.relayed
    assert not any(isinstance(event, RelayedBytes) for event in events)
    assert text_of(events) == "You said: Hello"


@pytest.mark.parametrize("lane", ["translated", "relayed"])
async def test_a_response_that_fails_after_its_first_words_raises(
    provider: OpenAICompatProvider, lane: str
) -> None:
    model = "failed-midway"
    request = (
        responding(model) if lane == "translated" else passing(model, response_members(stream=True))
    )
    answer = await provider.open(request)
    try:
        assert await answer.read()
        with pytest.raises(UpstreamFailed, match="It broke"):
            await read_on(answer)
    finally:
        await answer.aclose()


async def test_a_stream_that_ends_in_good_order_but_early_is_no_answer(
    provider: OpenAICompatProvider,
) -> None:
    with pytest.raises(ProviderProtocolBroken):
        await read_all(provider, responding("empty"))


@pytest.mark.parametrize("upstream", ["vllm", "openai"], indirect=True)
async def test_a_turn_of_ours_is_told_whole_and_nothing_is_kept_there(
    upstream: FakeOpenAI, provider: OpenAICompatProvider
) -> None:
    turns = saying("Hello", Message(Role.ASSISTANT, (Text("Hi."),)), user("And now?"))
    request = aimed(responding("org/plain", turns), provider)
    events = await read_all(fitted(provider), request)
    assert text_of(events) == "You said: And now?"
    assert upstream.requests[-1].path == "/v1/responses"
    assert upstream.last["store"] is False
    assert OUR_ID not in str(upstream.last)
    assert "mmx" not in str(upstream.last)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("tool", [WEATHER, CustomTool("patch")])
async def test_chat_with_tools_goes_out_on_responses_and_comes_back_over_two_turns(
    upstream: FakeOpenAI,
    provider: OpenAICompatProvider,
    stream: bool,
    tool: FunctionTool | CustomTool,
) -> None:
    vault = MemoryProofVault(SystemClock())
    llm = fitted(provider, vault)
    items: tuple[Message | ToolCall | ToolResult, ...] = ()
    for step in range(2):
        asked = replace(saying("sequential please", *items), tools=(tool,))
        request = aimed(
            responding(SOLVER, asked, stream=stream, dialect=Dialect.CHAT_COMPLETIONS), provider
        )
        (candidate,) = folded(await read_all(llm, request)).candidates
        (call,) = [item for item in candidate.items if isinstance(item, ToolCall)]
        assert call.name == tool.name
        # A chat client keeps no thoughts: the fake refuses calls that come back without them.
        items = (
            *items,
            replace(call, proof=None),
            ToolResult(call.id, (Text(f"r{step}"),), kind=call.kind),
        )
    asked = replace(saying("sequential please", *items), tools=(tool,))
    request = aimed(
        responding(SOLVER, asked, stream=stream, dialect=Dialect.CHAT_COMPLETIONS), provider
    )
    assert text_of(await read_all(llm, request)) == "The tools said: r0; r1"
    assert [one.path for one in upstream.requests] == ["/v1/responses"] * 3
    sent = [item["type"] for item in upstream.last["input"]]
    assert sent.count("reasoning") == 2


async def test_without_its_thoughts_the_fake_takes_no_call_back(
    provider: OpenAICompatProvider,
) -> None:
    turns = saying("call", ToolCall("c", "weather", "{}"), ToolResult("c", (Text("x"),)))
    with pytest.raises(Exception, match="without its reasoning"):
        await read_all(provider, aimed(responding(SOLVER, turns), provider))


@pytest.mark.parametrize(
    ("content", "path"),
    [
        (saying("Hi"), "/v1/chat/completions"),
        (replace(saying("Hi", tools=(WEATHER,)), effort=Effort.NONE), "/v1/chat/completions"),
        (saying("Hi", tools=(WEATHER,)), "/v1/responses"),
    ],
)
async def test_chat_stays_chat_where_it_can(
    upstream: FakeOpenAI, provider: OpenAICompatProvider, content: Generation, path: str
) -> None:
    request = responding(SOLVER, content, dialect=Dialect.CHAT_COMPLETIONS)
    await read_all(fitted(provider), aimed(request, provider))
    assert [one.path for one in upstream.requests] == [path]


async def test_what_chat_allows_and_responses_does_not_is_told(
    upstream: FakeOpenAI, provider: OpenAICompatProvider
) -> None:
    content = replace(
        saying("Hi", tools=(WEATHER,)), max_output_tokens=5, sampling=Sampling(seed=7)
    )
    request = aimed(responding(SOLVER, content, dialect=Dialect.CHAT_COMPLETIONS), provider)
    await read_all(fitted(provider), request)
    assert upstream.last["max_output_tokens"] == 16
    assert "seed" not in upstream.last
    assert {str(one) for one in request.journal.told} == {
        "max_completion_tokens=clamped",
        "seed=dropped",
    }


async def test_a_search_of_the_vendors_own_comes_through_and_goes_back(
    upstream: FakeOpenAI, provider: OpenAICompatProvider
) -> None:
    tools = (HostedTool("web_search", {"type": "web_search"}),)
    content = replace(saying("search it"), tools=tools)
    response = folded(await read_all(provider, aimed(responding("gpt-4.1", content), provider)))
    search, message = response.candidates[0].items
    assert isinstance(search, OpaqueItem)
    assert isinstance(message, Message)
    assert message.phase == "final_answer"
    more = replace(content, items=(*content.items, search, message, user("thanks")))
    await read_all(provider, aimed(responding("gpt-4.1", more), provider))
    assert upstream.last["input"][1] == search.value


@pytest.mark.parametrize("upstream", ["vllm", "openai"], indirect=True)
async def test_tools_in_a_namespace_are_called_in_it_wherever_they_go(
    upstream: FakeOpenAI, provider: OpenAICompatProvider
) -> None:
    maps = ToolNamespace("maps", (FunctionTool("find", None, WEATHER.parameters),), "Maps")
    content = replace(saying("call it"), tools=(maps,))
    request = aimed(responding("org/plain", content), provider)
    (candidate,) = folded(await read_all(fitted(provider), request)).candidates
    (call,) = [item for item in candidate.items if isinstance(item, ToolCall)]
    assert (call.namespace, call.name) == ("maps", "find")
    assert upstream.last["tools"][0]["type"] == (
        "function" if upstream.flavour == "vllm" else "namespace"
    )


@pytest.mark.parametrize("upstream", ["vllm"], indirect=True)
async def test_vllm_is_relayed_what_it_knows_and_told_the_rest_in_its_words(
    upstream: FakeOpenAI, provider: OpenAICompatProvider
) -> None:
    plain = response_members("Hello", top_k=4)
    request = aimed(passing("org/plain", plain), provider)
    await read_all(fitted(provider), request)
    assert request.journal.relayed
    assert upstream.last["top_k"] == 4

    said: list[JsonValue] = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
    ]
    content = Generation((Message(Role.DEVELOPER, (Text("Be brief."),)), user("Hi")))
    request = passing("org/plain", response_members(input=said), content=content)
    await read_all(fitted(provider), request := aimed(request, provider))
    assert not request.journal.relayed
    assert upstream.last["input"][0]["role"] == "system"

    codex = replace(
        saying("call it"),
        tools=(HostedTool("web_search", {"type": "web_search"}), CustomTool("patch"), WEATHER),
    )
    request = passing("org/plain", response_members(), content=codex)
    events = await read_all(fitted(provider), request := aimed(request, provider))
    assert not request.journal.relayed
    assert [tool["type"] for tool in upstream.last["tools"]] == ["function", "function"]
    (call,) = [it for it in folded(events).candidates[0].items if isinstance(it, ToolCall)]
    assert (call.name, call.kind, call.arguments) == ("patch", "custom", "value 0")
    assert {str(one) for one in request.journal.told} == {
        "tools[0].type=dropped",
        "tools=emulated",
    }


@pytest.mark.parametrize("upstream", ["vllm"], indirect=True)
async def test_a_choice_that_vllm_has_no_word_for_is_not_relayed(
    upstream: FakeOpenAI, provider: OpenAICompatProvider
) -> None:
    named: JsonValue = {"type": "function", "name": "weather"}
    choice: JsonValue = {"type": "allowed_tools", "mode": "required", "tools": [named]}
    content = replace(
        saying("call", tools=(WEATHER, FunctionTool("time"))),
        tool_choice=AllowedTools(("weather",), required=True),
    )
    request = passing("org/plain", response_members(tool_choice=choice), content=content)
    await read_all(fitted(provider), request := aimed(request, provider))
    assert not request.journal.relayed
    assert upstream.last["tool_choice"] == "required"
    assert len(upstream.last["tools"]) == 1


@pytest.mark.parametrize("upstream", ["vllm"], indirect=True)
@pytest.mark.parametrize("stream", [True, False])
async def test_a_server_without_the_path_is_asked_in_chat_from_then_on(
    upstream: FakeOpenAI, provider: OpenAICompatProvider, stream: bool
) -> None:
    upstream.lacks_responses = True
    llm = fitted(provider)
    first = aimed(
        passing("org/plain", response_members("Hello", stream=stream), content=saying("Hello")),
        provider,
    )
    assert text_of(await read_all(llm, first)) == "You said: Hello"
    assert not first.journal.relayed
    maps = ToolNamespace("maps", (FunctionTool("find", None, WEATHER.parameters),), "Maps")
    second = aimed(
        responding("org/plain", replace(saying("call it"), tools=(maps,)), stream=stream), provider
    )
    (candidate,) = folded(await read_all(llm, second)).candidates
    (call,) = [item for item in candidate.items if isinstance(item, ToolCall)]
    assert (call.namespace, call.name) == ("maps", "find")
    paths = [one.path for one in upstream.requests]
    assert paths == ["/v1/responses", "/v1/chat/completions", "/v1/chat/completions"]


@pytest.mark.parametrize("upstream", ["vllm"], indirect=True)
async def test_what_only_responses_has_a_word_for_is_refused_without_the_path(
    upstream: FakeOpenAI, provider: OpenAICompatProvider
) -> None:
    upstream.lacks_responses = True
    item = OpaqueItem("mcp_call", {"type": "mcp_call", "id": "mcp_1"})
    with pytest.raises(UnsupportedFeature, match="mcp_call"):
        await read_all(
            fitted(provider), aimed(responding("org/plain", saying("Hi", item)), provider)
        )


@pytest.mark.parametrize("upstream", ["vllm"], indirect=True)
async def test_a_model_that_is_not_there_is_no_missing_path(
    upstream: FakeOpenAI, provider: OpenAICompatProvider
) -> None:
    with pytest.raises(UpstreamModelNotFound):
        await read_all(provider, aimed(responding("missing"), provider))
    await read_all(provider, aimed(responding("org/plain"), provider))
    assert upstream.requests[-1].path == "/v1/responses"


@pytest.mark.parametrize("preset", [DEEPSEEK, MISTRAL], ids=lambda preset: preset.name)
async def test_services_whose_responses_are_not_known_are_asked_in_chat(preset: Preset) -> None:
    async with fake_openai(preset.name) as upstream:
        provider = compat_provider(upstream, preset)
        request = aimed(responding("plain", "Hello"), provider)
        events = await read_all(fitted(provider), request)
        assert "Hello" in text_of(events)
        assert upstream.requests[-1].path == "/v1/chat/completions"
        await provider.aclose()


def test_ollama_is_asked_on_responses() -> None:
    assert Dialect.RESPONSES in OLLAMA.capabilities.dialects
    assert not OLLAMA.capabilities.tool_namespaces


@pytest.mark.parametrize(
    ("version", "deployments", "path"),
    [
        (None, False, "/openai/v1/responses"),
        ("preview", False, "/openai/v1/responses?api-version=preview"),
        ("2025-04-01-preview", True, "/openai/responses?api-version=2025-04-01-preview"),
        (
            "2024-10-21",
            True,
            "/openai/deployments/prod/chat/completions?api-version=2024-10-21",
        ),
    ],
)
async def test_azure_has_one_address_for_all_deployments(
    version: str | None, deployments: bool, path: str
) -> None:
    async with fake_openai("azure") as upstream:
        provider = AzureProvider(
            AzureOptions(
                name="up",
                resource=Url.parse(upstream.root_url),
                auth=api_key(Secret(KEY)),
                api_version=version,
                deployments=deployments,
                transport=QUICK,
            )
        )
        request = aimed(responding("prod", "Hello"), provider)
        events = await read_all(fitted(provider), request)
        assert text_of(events) == "You said: Hello"
        assert upstream.requests[-1].path == path
        await provider.aclose()


async def test_our_key_does_not_come_back_in_a_message(upstream: FakeOpenAI) -> None:
    provider = compat_provider(upstream, OPENAI, auth=StaticKey(Secret("wrong-key-not-secret")))
    with pytest.raises(Exception, match="credentials") as caught:
        await read_all(provider, responding("plain"))
    assert "wrong-key" not in str(caught.value)
    await provider.aclose()


async def test_deltas_come_one_by_one(provider: OpenAICompatProvider) -> None:
    events = await read_all(provider, aimed(responding("gpt-4.1", "a b c"), provider))
    assert [it.text for it in events if isinstance(it, TextDelta)] == [
        "You",
        " said:",
        " a",
        " b",
        " c",
    ]
