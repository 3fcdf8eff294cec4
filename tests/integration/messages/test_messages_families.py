"""Texts, tools and thinking over every provider family, as the official Anthropic SDK sees them.

What a caller says is the same everywhere; the fakes refuse what their services refuse.
"""

from collections.abc import Callable
from typing import Any

import anthropic
import pytest
from anthropic.types import Message

from modelmux.application.ports import SEAL_MARK
from tests.support.families import FAMILIES, Family, House
from tests.support.messages_asking import (
    ONE_CALL,
    TOOLS,
    TWO_CALLS,
    ask,
    ask_raw,
    streamed,
    streamed_by_the_laws,
    text_of,
    user,
    with_results,
)
from tests.support.messages_laws import Json

Asking = Callable[..., Message]
CLAUDES = ("claude", "anthropic")
THINKERS = (*CLAUDES, "gemini", "deepseek", "vllm")


@pytest.fixture(params=[ask, streamed], ids=["whole", "streamed"])
def asking(request: pytest.FixtureRequest) -> Asking:
    way: Asking = request.param
    return way


def test_a_text_is_answered_whole(sdk: anthropic.Anthropic, family: Family) -> None:
    message, headers = ask_raw(sdk, family.model, "Hello", system="Be kind.", stop_sequences=["X"])
    assert (message.type, message.role) == ("message", "assistant")
    assert message.id.startswith("msg_")
    assert text_of(message) == "You said: Hello"
    assert (message.stop_reason, message.stop_sequence) == ("end_turn", None)
    assert message.usage.input_tokens > 0
    assert message.usage.output_tokens > 0
    assert headers["request-id"].startswith("req_")
    assert headers["anthropic-version"] == "2026-10-21"
    assert headers["x-modelmux-provider"] == family.name
    if family.fake is not None:
        asked = str(family.asked())
        assert all(told in asked for told in ("['X']", "Be kind.", "3000"))


@pytest.mark.parametrize("said", ["one two three", ONE_CALL, TWO_CALLS])
def test_a_stream_keeps_the_laws_and_amounts_to_the_whole_answer(
    sdk: anthropic.Anthropic, family: Family, said: str
) -> None:
    whole = ask(sdk, family.model, said, tools=TOOLS).to_dict(mode="json")
    told = streamed_by_the_laws(sdk, family.model, said, tools=TOOLS)
    final = streamed(sdk, family.model, said, tools=TOOLS).to_dict(mode="json")
    assert comparable(told) == comparable(whole)
    assert comparable(final) == comparable(whole)
    if family.name != "demo":  # it counts otherwise when it streams
        assert figures(told) == figures(whole)


def figures(message: Json) -> list[int | None]:
    usage: Json = message["usage"]
    names = ("input_tokens", "output_tokens", "cache_read_input_tokens")
    return [usage.get(name) for name in names]


def comparable(message: Json) -> Json:
    """Return what does not differ from answer to answer, as ids and seals do."""
    fleeting = ("id", "signature", "parsed_output", "citations")
    blocks: list[Json] = message["content"]
    return {
        **{name: message[name] for name in ("role", "model", "stop_reason", "stop_sequence")},
        "content": [
            {name: value for name, value in block.items() if name not in fleeting}
            for block in blocks
        ],
    }


@pytest.mark.parametrize("said", [ONE_CALL, TWO_CALLS], ids=["one", "parallel"])
def test_a_tool_round_trip(
    sdk: anthropic.Anthropic, family: Family, asking: Asking, said: str
) -> None:
    called = asking(sdk, family.model, said, tools=TOOLS)
    assert called.stop_reason == "tool_use"
    calls = [block for block in called.content if block.type == "tool_use"]
    wanted = ["get_weather"] if said == ONE_CALL else ["get_weather", "get_time"]
    assert [call.name for call in calls] == wanted
    assert len({call.id for call in calls}) == len(wanted)
    for call in calls:
        assert isinstance(call.input, dict)
        assert isinstance(call.input["city"], str)
    final = asking(sdk, family.model, [user(said), *with_results(called)], tools=TOOLS)
    assert final.stop_reason == "end_turn"
    assert f"result {0 if family.fake else len(wanted) - 1}" in text_of(final)


def test_a_result_with_an_error_arrives(
    sdk: anthropic.Anthropic, family: Family, asking: Asking
) -> None:
    called = asking(sdk, family.model, ONE_CALL, tools=TOOLS)
    history = [user(ONE_CALL), *with_results(called, is_error=True)]
    final = asking(sdk, family.model, history, tools=TOOLS)
    assert "result 0" in text_of(final)
    if family.name in CLAUDES:
        assert "error result 0" in text_of(final)


def test_steps_follow_one_another(sdk: anthropic.Anthropic, family: Family, asking: Asking) -> None:
    if family.fake is None:
        pytest.skip("the demo calls each tool it was told of at once")
    history = [user("sequential")]
    for _ in range(2):
        called = asking(sdk, family.model, history, tools=TOOLS)
        assert called.stop_reason == "tool_use"
        history += with_results(called)
    final = asking(sdk, family.model, history, tools=TOOLS)
    assert text_of(final) == "The tools said: result 0; result 0"


def test_a_named_tool_is_called_whatever_is_said(
    sdk: anthropic.Anthropic, family: Family, asking: Asking
) -> None:
    choice = {"type": "tool", "name": "get_weather"}
    called = asking(sdk, family.model, "Hello", tools=TOOLS, tool_choice=choice)
    (call,) = (block for block in called.content if block.type == "tool_use")
    assert call.name == "get_weather"
    assert called.stop_reason == "tool_use"


def test_tools_that_may_not_be_called_are_not(sdk: anthropic.Anthropic, family: Family) -> None:
    answer = ask(sdk, family.model, ONE_CALL, tools=TOOLS, tool_choice={"type": "none"})
    assert answer.stop_reason == "end_turn"
    assert [block.type for block in answer.content] == ["text"]


def thinking(name: str) -> dict[str, Any]:
    """Return what asks for thoughts and may be called: new models take no budget."""
    form = {"type": "adaptive"} if name in CLAUDES else {"type": "enabled", "budget_tokens": 2000}
    return {"tools": TOOLS, "thinking": form}


@pytest.mark.parametrize("name", THINKERS)
@pytest.mark.parametrize("said", ["think, parallel", "think, sequential"])
def test_thinking_is_carried_through_a_tool_loop(
    every_house: House, sdk: anthropic.Anthropic, asking: Asking, name: str, said: str
) -> None:
    family = every_house.families[name]
    more = thinking(name)
    history = [user(said)]
    for _ in range(2 if "sequential" in said else 1):
        called = asking(sdk, family.model, history, **more)
        assert called.stop_reason == "tool_use"
        thoughts = [block for block in called.content if block.type == "thinking"]
        assert called.content[0].type == "thinking"
        assert thoughts[0].thinking == "Let me think."
        assert thoughts[0].signature.startswith(SEAL_MARK) == (name not in CLAUDES)
        history += with_results(called)
    final = asking(sdk, family.model, history, **more)
    assert "The tools said: result 0" in text_of(final)
    sent = str(family.asked())
    assert SEAL_MARK not in sent
    if name in CLAUDES:
        assert history[1]["content"] == family.asked()["messages"][1]["content"]
    elif name == "deepseek":
        assert family.asked()["messages"][1]["reasoning_content"] == "Let me think."


@pytest.mark.parametrize("name", ["gemini", "deepseek", "vllm"])
def test_thoughts_may_be_asked_for_without_their_words(
    every_house: House, sdk: anthropic.Anthropic, asking: Asking, name: str
) -> None:
    family = every_house.families[name]
    form = {"type": "enabled", "budget_tokens": 2000, "display": "omitted"}
    history = [user("think, call")]
    called = asking(sdk, family.model, history, tools=TOOLS, thinking=form)
    thoughts = [block for block in called.content if block.type == "thinking"]
    assert all(block.thinking == "" for block in thoughts)
    history += with_results(called)
    final = asking(sdk, family.model, history, tools=TOOLS, thinking=form)
    assert text_of(final) == "The tools said: result 0"
    if name == "deepseek":  # it had them back all the same
        assert family.asked()["messages"][1]["reasoning_content"] == "Let me think."


def test_thinking_of_one_family_may_go_to_another(
    every_house: House, sdk: anthropic.Anthropic, asking: Asking
) -> None:
    for first in THINKERS:
        history = [user("think, call")]
        history += with_results(asking(sdk, FAMILIES[first], history, **thinking(first)))
        for then in THINKERS:
            if then == first or {first, then} == {*CLAUDES}:
                continue  # a signature is of one model: Claude says so itself
            if then == "deepseek":
                continue  # it wants its own thoughts back in a tool loop, and refuses others'
            final = asking(sdk, FAMILIES[then], history, **thinking(then))
            assert "The tools said: result 0" in text_of(final), (first, then)
            assert SEAL_MARK not in str(every_house.families[then].asked())
