"""Tool conversations with a fake Claude that refuses what Claude refuses."""

from dataclasses import replace
from functools import partial

import pytest

from modelmux.adapters.anthropic_messages.capabilities import VERTEX_BASE, VERTEX_RULES
from modelmux.adapters.anthropic_messages.decode import messages_language
from modelmux.adapters.anthropic_messages.encode import encode_request
from modelmux.domain.capabilities import resolve
from modelmux.domain.conversation import (
    Item,
    Message,
    Proof,
    Reasoning,
    Role,
    Text,
    ToolCall,
    ToolResult,
    Vendor,
)
from modelmux.domain.effort import Effort
from modelmux.domain.errors import UpstreamRejected
from modelmux.domain.request import Generation
from modelmux.domain.tools import FunctionTool
from tests.support.fake_claude import FakeClaude
from tests.support.turns import Talk, final_text, results_of, user

CITY = FunctionTool(
    "get_weather", None, {"type": "object", "properties": {"city": {"type": "string"}}}
)
TOOLS = (CITY, FunctionTool("get_time"))
MODELS = ["claude-sonnet-4-5@20250929", "claude-opus-4-6", "claude-opus-4-8", "claude-sonnet-5-5"]


def talk(model: str, *, stream: bool = True) -> Talk:
    verb = "streamRawPredict" if stream else "rawPredict"
    return Talk(
        FakeClaude(),
        f"http://host/v1/projects/p/locations/global/publishers/anthropic/models/{model}:{verb}",
        stream,
        partial(
            encode_request,
            model=model,
            stream=stream,
            capabilities=resolve(VERTEX_BASE, VERTEX_RULES, model),
            version="vertex-2023-10-16",
            in_body_model=False,
        ),
        lambda _content: messages_language(model),
    )


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("way", "requests"), [("parallel", 2), ("sequential", 3)])
def test_a_tool_conversation_with_thinking_runs_to_its_end(
    model: str, way: str, requests: int, stream: bool
) -> None:
    content = Generation((user(f"think, {way}"),), TOOLS, effort=Effort.LOW)
    items, count = talk(model, stream=stream).run(content)
    assert count == requests
    assert final_text(items).startswith("The tools said: result 0")
    assert any(isinstance(item, Reasoning) for item in items)


@pytest.mark.parametrize("model", MODELS)
def test_turn_after_turn_goes_on(model: str) -> None:
    talking = talk(model)
    items: list[Item] = []
    for _ in range(4):
        items.append(user("think, parallel"))
        items, _ = talking.run(Generation(tuple(items), TOOLS, effort=Effort.LOW))
    assert final_text(items) == "The tools said: result 0; result 1"


def first_answer(talking: Talk) -> tuple[Generation, tuple[Item, ...]]:
    content = Generation((user("think, call"),), TOOLS, effort=Effort.LOW)
    return content, talking.ask(content).candidates[0].items


def continued(content: Generation, answered: tuple[Item, ...]) -> Generation:
    calls = [item for item in answered if isinstance(item, ToolCall)]
    return replace(content, items=(*content.items, *answered, *results_of(calls)))


@pytest.mark.parametrize("model", MODELS[1:])
def test_the_fake_refuses_a_turn_whose_thinking_was_lost(model: str) -> None:
    talking = talk(model)
    content, answered = first_answer(talking)
    forgetful = tuple(item for item in answered if not isinstance(item, Reasoning))
    with pytest.raises(UpstreamRejected, match="must come back"):
        talking.ask(continued(content, forgetful))


@pytest.mark.parametrize("model", MODELS)
def test_the_fake_refuses_thinking_that_was_altered(model: str) -> None:
    talking = talk(model)
    content, answered = first_answer(talking)
    altered = tuple(
        replace(item, text=item.text + "!") if isinstance(item, Reasoning) and item.text else item
        for item in answered
    )
    with pytest.raises(UpstreamRejected, match="Invalid `signature`"):
        talking.ask(continued(content, altered))


def test_a_budget_model_goes_on_without_thinking_where_its_thinking_was_lost() -> None:
    talking = talk(MODELS[0])
    content, answered = first_answer(talking)
    forgetful = tuple(item for item in answered if not isinstance(item, Reasoning))
    items, _ = talking.run(continued(content, forgetful))
    assert "thinking" not in talking.fake.last
    assert final_text(items) == "The tools said: result 0"


@pytest.mark.parametrize("model", MODELS)
def test_a_history_of_other_vendors_and_models_is_taken(model: str) -> None:
    history: tuple[Item, ...] = (
        user("One"),
        Reasoning("from afar", Proof(Vendor.GOOGLE, "gemini-3", "thought_signature", "xyz")),
        ToolCall("call.1", "get_weather", '{"city":"Oslo"}'),
        ToolResult("call.1", (Text("Rain."),)),
        Message(Role.ASSISTANT, (Text("It rains."),)),
        user("Two"),
        Reasoning("of a sister", Proof(Vendor.ANTHROPIC, "claude-x", "signature", "abc")),
        Message(Role.ASSISTANT, (Text("Well."),)),
        user("think, sequential"),
    )
    items, count = talk(model).run(Generation(history, TOOLS, effort=Effort.LOW))
    assert (count, final_text(items)) == (3, "The tools said: result 0; result 0")
