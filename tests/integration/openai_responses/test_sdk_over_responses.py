"""What the SDK sees over an upstream that speaks Responses: chat with tools, and Responses."""

import json
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Final

import openai
import pytest
from openai.types.chat import (
    ChatCompletionMessage,
    ChatCompletionMessageParam,
    ChatCompletionToolParam,
)
from openai.types.responses import Response

from tests.support.fake_openai import KEY, FakeOpenAI, fake_openai_in_thread
from tests.support.sdk_asking import client_at
from tests.support.serving import serving

MODEL: Final = "gpt-5.6"
SEALED: Final = "reasoning.encrypted_content"
WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


@dataclass(frozen=True, slots=True)
class Gateway:
    client: openai.OpenAI
    upstream: FakeOpenAI


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Generator[Gateway, None, None]:
    with fake_openai_in_thread("openai") as upstream:
        config = (
            f'[[providers]]\nname = "up"\ntype = "openai_compat"\npreset = "openai"\n'
            f'base_url = "{upstream.base_url}"\napi_key = "{KEY}"\nmodels = ["{MODEL}"]\n'
            "trust_env_proxy = false\n"
        )
        with (
            serving(tmp_path_factory.mktemp("gateway"), config=config) as served,
            client_at(f"{served.url}/v1", "unused") as client,
        ):
            yield Gateway(client, upstream)


def _ask(
    gateway: Gateway, messages: list[ChatCompletionMessageParam], *, stream: bool
) -> ChatCompletionMessage:
    if not stream:
        whole = gateway.client.chat.completions.create(
            model=MODEL, messages=messages, tools=[WEATHER]
        )
        return whole.choices[0].message
    with gateway.client.chat.completions.stream(
        model=MODEL, messages=messages, tools=[WEATHER]
    ) as events:
        return events.get_final_completion().choices[0].message


@pytest.mark.parametrize("stream", [True, False])
def test_a_conversation_of_two_calls_comes_to_its_end(gateway: Gateway, stream: bool) -> None:
    messages: list[ChatCompletionMessageParam] = [
        {"role": "user", "content": f"sequential please, streamed {stream}"}
    ]
    for step in range(2):
        message = _ask(gateway, messages, stream=stream)
        assert message.tool_calls is not None
        (call,) = message.tool_calls
        assert call.type == "function"
        assert json.loads(call.function.arguments) == {"city": f"value {step}"}
        said: ChatCompletionMessageParam = {
            "role": "assistant",
            "tool_calls": [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {
                        "name": call.function.name,
                        "arguments": call.function.arguments,
                    },
                }
            ],
        }
        result: ChatCompletionMessageParam = {
            "role": "tool",
            "tool_call_id": call.id,
            "content": f"result {step}",
        }
        messages += [said, result]
    answer = _ask(gateway, messages, stream=stream)
    assert answer.content == "The tools said: result 0; result 1"
    # The fake refuses a call of the running turn that comes back without its thoughts.
    asked = gateway.upstream.requests[-3:]
    assert [one.path for one in asked] == ["/v1/responses"] * 3
    kinds = [item["type"] for item in asked[-1].body["input"]]
    assert kinds.count("reasoning") == 2


def test_without_tools_chat_stays_chat(gateway: Gateway) -> None:
    answer = gateway.client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "Hello"}]
    )
    assert answer.choices[0].message.content == "You said: Hello"
    assert gateway.upstream.requests[-1].path == "/v1/chat/completions"


@pytest.mark.parametrize("stream", [True, False])
def test_a_stateless_call_comes_back_under_our_id(gateway: Gateway, stream: bool) -> None:
    response = _respond(gateway, "think about it", stream=stream, store=False)
    assert response.id.startswith("resp_mmx")
    assert response.output_text == "You said: think about it"
    asked = gateway.upstream.last
    assert asked["model"] == MODEL
    assert asked.get("include") is None, "the caller's own body went on"
    # What came back goes back as it is, as clients without memory do it.
    told = [item.model_dump(exclude_none=True) for item in response.output]
    more = [{"role": "user", "content": "A"}, *told, {"role": "user", "content": "B"}]
    assert _respond(gateway, more, stream=stream, store=False).output_text == "You said: B"


@pytest.mark.parametrize("stream", [True, False])
def test_a_turn_of_ours_continues_with_its_thoughts(gateway: Gateway, stream: bool) -> None:
    tools = [{"type": "function", **WEATHER["function"]}]
    asked = "sequential please"
    response = _respond(gateway, asked, stream=stream, tools=tools)
    for step in range(2):
        (call,) = [item for item in response.output if item.type == "function_call"]
        output = {"type": "function_call_output", "call_id": call.call_id, "output": f"r{step}"}
        response = _respond(
            gateway, [output], stream=stream, tools=tools, previous_response_id=response.id
        )
    assert response.output_text == "The tools said: r0; r1"
    sent = gateway.upstream.last
    assert sent["store"] is False
    assert "previous_response_id" not in sent
    assert "mmx" not in json.dumps(sent["input"])
    assert [item["type"] for item in sent["input"]].count("reasoning") == 2


@pytest.mark.parametrize("stream", [True, False])
def test_sealed_thoughts_are_carried_by_the_client(gateway: Gateway, stream: bool) -> None:
    """Instructions are no bar to relaying; an envelope of ours is."""
    tools = [{"type": "function", **WEATHER["function"]}]
    items: list[Any] = [{"role": "user", "content": "sequential please"}]
    first = _respond(gateway, items, stream=stream, tools=tools, include=[SEALED])
    (call,) = [item for item in first.output if item.type == "function_call"]
    items += [item.model_dump(exclude_none=True) for item in first.output]
    items.append({"type": "function_call_output", "call_id": call.call_id, "output": "r0"})
    second = _respond(gateway, items, stream=stream, tools=tools, store=False)
    assert [item.type for item in second.output] == ["reasoning", "function_call"]
    sent = gateway.upstream.last["input"]
    (thoughts,) = [item for item in sent if item["type"] == "reasoning"]
    assert thoughts["encrypted_content"].startswith("gAAAAfake")


def _respond(
    gateway: Gateway,
    said: Any,  # Any: what the SDK takes, and whatever a caller may add
    *,
    stream: bool,
    **more: Any,
) -> Response:
    if stream:
        with gateway.client.responses.stream(model=MODEL, input=said, **more) as events:
            return events.get_final_response()
    body = {"model": MODEL, "input": said, **more}
    return gateway.client.post("/responses", cast_to=Response, body=body)
