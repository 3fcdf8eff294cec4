"""Texts and tools over every provider family, as the official SDK sees them.

What a caller says is the same everywhere; the fakes refuse what their services refuse.
"""

import json
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from tests.support.families import CHAT, CLAUDES, NEWEST_CHAT, Family
from tests.support.sdk_asking import (
    ONE_CALL,
    TOOLS,
    TWO_CALLS,
    as_sent_back,
    ask,
    ask_raw,
    chunks,
    deltas_of,
    streamed,
    user,
)


def test_a_text_is_answered_whole(sdk: openai.OpenAI, family: Family) -> None:
    answer, headers = ask_raw(sdk, family.model, "Hello", metadata={"team": "red"}, stop=["X"])
    (choice,) = answer.choices
    assert choice.message.content == "You said: Hello"
    assert choice.finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert headers["x-request-id"]
    assert headers["x-modelmux-provider"] == family.name
    assert headers["x-modelmux-model"] == family.model
    assert headers["x-modelmux-attempts"] == "1"
    adjusted = {
        "claude": "metadata=dropped",
        "anthropic": "metadata=dropped",
        "bedrock-claude": "metadata=dropped",
        "deepseek": "metadata=dropped",
        "gemini-api": "metadata=dropped",
        "cohere": "metadata=dropped",
        "ollama": "metadata=dropped",
    }
    assert headers.get("x-modelmux-adjusted") == adjusted.get(family.name)
    if family.fake is None:
        return
    asked = family.asked()
    if family.name in CLAUDES:
        assert asked["stop_sequences"] == ["X"]
    elif family.name == "bedrock":
        assert asked["inferenceConfig"]["stopSequences"] == ["X"]
        assert asked["requestMetadata"] == {"team": "red"}
    elif family.name.startswith("gemini"):
        assert asked["generationConfig"]["stopSequences"] == ["X"]
        assert asked.get("labels") == ({"team": "red"} if family.name == "gemini" else None)
    elif family.name == "cohere":
        assert asked["stop_sequences"] == ["X"]
    elif family.name == "ollama":
        assert asked["options"]["stop"] == ["X"]
    else:
        assert asked["stop"] == ["X"]
        assert asked.get("metadata") == (None if family.name == "deepseek" else {"team": "red"})


def test_a_text_is_streamed_in_the_shape_the_reference_gives(
    sdk: openai.OpenAI, family: Family
) -> None:
    told = chunks(sdk, family.model, "one two three", stream_options={"include_usage": True})
    if family.name.startswith("azure"):
        assert "prompt_filter_results" in told.pop(0)
    *with_choice, last = told
    assert {chunk["object"] for chunk in told} == {"chat.completion.chunk"}
    for name in ("id", "created", "model"):
        assert len({chunk[name] for chunk in told}) == 1, name
    assert last["choices"] == []
    assert last["usage"]["total_tokens"] > 0
    assert all(chunk["usage"] is None for chunk in with_choice)
    choices = [chunk["choices"][0] for chunk in with_choice]
    assert choices[0]["delta"]["role"] == "assistant"
    assert all("role" not in choice["delta"] for choice in choices[1:])
    assert [choice["finish_reason"] for choice in choices] == [None] * (len(choices) - 1) + ["stop"]
    assert not choices[-1]["delta"].get("content")
    texts = [choice["delta"].get("content") or "" for choice in choices]
    assert "".join(texts) == "You said: one two three"
    assert sum(bool(text) for text in texts) > 1
    assert streamed(sdk, family.model, "one").choices[0].message.content == "You said: one"


def test_usage_that_nobody_asked_for_is_not_streamed(sdk: openai.OpenAI, family: Family) -> None:
    told = chunks(sdk, family.model, "one")
    assert all(chunk["choices"] or "prompt_filter_results" in chunk for chunk in told)
    assert not any(chunk.get("usage") for chunk in told)


@pytest.mark.parametrize("said", [ONE_CALL, TWO_CALLS], ids=["one", "parallel"])
def test_a_tool_round_trip_is_streamed(sdk: openai.OpenAI, family: Family, said: str) -> None:
    history: list[ChatCompletionMessageParam] = [user(said)]
    called = streamed(sdk, family.model, history, tools=TOOLS)
    (choice,) = called.choices
    assert choice.finish_reason == "tool_calls"
    calls = choice.message.tool_calls or []
    wanted = ["get_weather"] if said == ONE_CALL else ["get_weather", "get_time"]
    assert [call.function.name for call in calls if call.type == "function"] == wanted
    assert len({call.id for call in calls}) == len(wanted)
    for call in calls:
        assert call.type == "function"
        assert isinstance(json.loads(call.function.arguments)["city"], str)
    history += as_sent_back(called)
    final = streamed(sdk, family.model, history, tools=TOOLS)
    assert final.choices[0].finish_reason == "stop"
    text = final.choices[0].message.content or ""
    assert f"result {0 if family.fake else len(wanted) - 1}" in text


def test_streamed_calls_have_dense_indexes_and_open_with_their_names(
    sdk: openai.OpenAI, family: Family
) -> None:
    told = chunks(sdk, family.model, TWO_CALLS, tools=TOOLS)
    deltas = [call for delta in deltas_of(told) for call in delta.get("tool_calls", ())]
    arguments = {0: "", 1: ""}
    opened: list[int] = []
    for delta in deltas:
        index, function = delta["index"], delta["function"]
        if index in opened:
            assert set(delta) == {"index", "function"}
            assert set(function) == {"arguments"}
        else:
            opened.append(index)
            assert delta["id"]
            assert delta["type"] == "function"
            assert function["name"]
        arguments[index] += function["arguments"]
    assert opened == [0, 1]
    assert all("city" in json.loads(text) for text in arguments.values())


def test_a_named_tool_is_called_whatever_is_said(sdk: openai.OpenAI, family: Family) -> None:
    choice = {"type": "function", "function": {"name": "get_time"}}
    answer = ask(sdk, family.model, "Hello", tools=TOOLS, tool_choice=choice)
    calls = answer.choices[0].message.tool_calls or []
    assert len(calls) == 1
    if family.name not in CHAT:  # their fake calls the first one there is
        assert calls[0].type == "function"
        assert calls[0].function.name == "get_time"
    else:
        assert family.asked()["tool_choice"] == choice


def test_tools_that_may_not_be_called_are_not(sdk: openai.OpenAI, family: Family) -> None:
    answer = ask(sdk, family.model, ONE_CALL, tools=TOOLS, tool_choice="none")
    assert answer.choices[0].finish_reason == "stop"
    assert answer.choices[0].message.tool_calls is None


def test_the_old_form_of_functions_makes_a_round_trip(sdk: openai.OpenAI, family: Family) -> None:
    functions = [tool["function"] for tool in TOOLS]
    asked: dict[str, Any] = {"functions": functions, "function_call": "auto"}
    answer = ask(sdk, family.model, ONE_CALL, **asked)
    if family.name in NEWEST_CHAT:  # they know it themselves; their fake does not
        assert family.asked()["functions"] == functions
        return
    (choice,) = answer.choices
    assert choice.finish_reason == "function_call"
    called = choice.message.function_call
    assert called is not None
    assert called.name == "get_weather"
    assert choice.message.tool_calls is None
    if family.name == "deepseek":
        return  # it wants its thoughts back, and the old form has no id to find them by
    history: list[Any] = [
        user(ONE_CALL),
        {"role": "assistant", "content": None, "function_call": called.to_dict()},
        {"role": "function", "name": "get_weather", "content": "sunny"},
    ]
    assert "sunny" in (ask(sdk, family.model, history, **asked).choices[0].message.content or "")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_custom_tool_is_called_with_a_text(
    sdk: openai.OpenAI, family: Family, stream: bool
) -> None:
    tools = [{"type": "custom", "custom": {"name": "get_weather", "description": "a place"}}]
    if family.name in NEWEST_CHAT:  # they know it themselves; their fake does not
        ask(sdk, family.model, ONE_CALL, tools=tools)
        assert family.asked()["tools"] == tools
        return
    if stream:
        told = chunks(sdk, family.model, ONE_CALL, tools=tools)
        deltas = [call for delta in deltas_of(told) for call in delta.get("tool_calls", ())]
        assert deltas[0]["type"] == "custom"
        assert deltas[0]["custom"]["name"] == "get_weather"
        assert "".join(delta["custom"].get("input", "") for delta in deltas)
        return
    answer, headers = ask_raw(sdk, family.model, ONE_CALL, tools=tools)
    (call,) = answer.choices[0].message.tool_calls or []
    assert call.type == "custom"
    assert call.custom.name == "get_weather"
    assert call.custom.input
    emulated = None if family.name == "demo" else "tools=emulated"
    assert headers.get("x-modelmux-adjusted") == emulated
