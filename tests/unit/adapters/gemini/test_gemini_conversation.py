"""Tool conversations with a fake Gemini that refuses what Gemini refuses."""

from dataclasses import replace
from functools import partial

import pytest

from modelmux.adapters.gemini.capabilities import BASE, RULES
from modelmux.adapters.gemini.decode import gemini_language
from modelmux.adapters.gemini.encode import encode_request
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
from tests.support.fake_gemini import FakeGemini
from tests.support.turns import Talk, final_text, results_of, user

CITY = FunctionTool(
    "get_weather", None, {"type": "object", "properties": {"city": {"type": "string"}}}
)
TOOLS = (CITY, FunctionTool("get_time"))
MODELS = ["gemini-3.8-flash", "gemini-2.5-flash"]


def talk(model: str, *, stream: bool = True, ids: bool = False) -> Talk:
    verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
    return Talk(
        FakeGemini(ids=ids),
        f"http://host/v1beta1/projects/p/locations/global/publishers/google/models/{model}:{verb}",
        stream,
        partial(encode_request, model=model, capabilities=resolve(BASE, RULES, model)),
        lambda _content: gemini_language(model),
    )


@pytest.mark.parametrize("ids", [True, False], ids=["with ids", "without ids"])
@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("way", "requests"), [("parallel", 2), ("sequential", 3)])
def test_a_tool_conversation_with_thoughts_runs_to_its_end(
    model: str, way: str, requests: int, stream: bool, ids: bool
) -> None:
    content = Generation((user(f"think, {way}"),), TOOLS, effort=Effort.LOW)
    items, count = talk(model, stream=stream, ids=ids).run(content)
    assert count == requests
    assert final_text(items).startswith("The tools said: result 0")
    calls = [item for item in items if isinstance(item, ToolCall)]
    assert len({call.id for call in calls}) == len(calls) == 2
    assert calls[0].name == "get_weather"
    assert (calls[0].proof is not None) == model.startswith("gemini-3")


@pytest.mark.parametrize("model", MODELS)
def test_turn_after_turn_goes_on(model: str) -> None:
    talking = talk(model)
    items: list[Item] = []
    for _ in range(4):
        items.append(user("think, parallel"))
        items, _ = talking.run(Generation(tuple(items), TOOLS))
    assert final_text(items) == "The tools said: result 0; result 1"


def first_answer(talking: Talk) -> tuple[Generation, tuple[Item, ...]]:
    content = Generation((user("call"),), TOOLS)
    return content, talking.ask(content).candidates[0].items


def continued(content: Generation, answered: tuple[Item, ...]) -> Generation:
    calls = [item for item in answered if isinstance(item, ToolCall)]
    return replace(content, items=(*content.items, *answered, *results_of(calls)))


def test_the_fake_refuses_a_signature_that_was_altered() -> None:
    talking = talk("gemini-3.8-flash")
    content, answered = first_answer(talking)
    altered = tuple(
        replace(item, proof=replace(item.proof, value=item.proof.value.swapcase()))
        if isinstance(item, ToolCall) and item.proof is not None
        else item
        for item in answered
    )
    with pytest.raises(UpstreamRejected, match="not valid"):
        talking.ask(continued(content, altered))


def test_the_fake_refuses_arguments_that_were_altered() -> None:
    talking = talk("gemini-3.8-flash")
    content, answered = first_answer(talking)
    altered = tuple(
        replace(item, arguments='{"city":"elsewhere"}') if isinstance(item, ToolCall) else item
        for item in answered
    )
    with pytest.raises(UpstreamRejected, match="not valid"):
        talking.ask(continued(content, altered))


def test_a_lost_signature_is_stood_in_for_as_documented() -> None:
    talking = talk("gemini-3.8-flash")
    content, answered = first_answer(talking)
    lost = tuple(
        replace(item, proof=None) if isinstance(item, ToolCall) else item for item in answered
    )
    items, _ = talking.run(continued(content, lost))
    call = talking.fake.last["contents"][1]["parts"][0]
    assert call["thoughtSignature"] == "skip_thought_signature_validator"
    assert final_text(items) == "The tools said: result 0"


@pytest.mark.parametrize("model", MODELS)
def test_a_history_of_other_vendors_is_taken(model: str) -> None:
    history: tuple[Item, ...] = (
        user("One"),
        Reasoning("from afar", Proof(Vendor.ANTHROPIC, "claude-x", "signature", "abc")),
        ToolCall("toolu_1", "get_weather", '{"city":"Oslo"}'),
        ToolResult("toolu_1", (Text("Rain."),)),
        Message(Role.ASSISTANT, (Text("It rains."),)),
        user("call"),
        Reasoning("more", Proof(Vendor.ANTHROPIC, "claude-x", "signature", "abc")),
        ToolCall("toolu_2", "get_weather", '{"city":"Rome"}'),
        ToolCall("toolu_3", "get_time", ""),
        ToolResult("toolu_3", (Text("noon"),)),
        ToolResult("toolu_2", (Text("Sun."),)),
    )
    items, _ = talk(model).run(Generation(history, TOOLS))
    assert final_text(items) == "The tools said: Sun.; noon"


def test_a_call_that_came_without_an_id_goes_back_without_one() -> None:
    talking = talk("gemini-3.8-flash")
    talking.run(Generation((user("call"),), TOOLS))
    _, asked, answered = talking.fake.last["contents"]
    assert "id" not in asked["parts"][0]["functionCall"]
    assert "id" not in answered["parts"][0]["functionResponse"]
