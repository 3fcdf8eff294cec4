"""Names of tools and of their fields: fitting ones on the way out, the caller's on the way back."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmux.adapters.memory.scripted import Script, ScriptedProvider
from modelmux.application.adjusting import adjust
from modelmux.application.adjusting.fields import field_names, rename
from modelmux.application.filters.adjusting import Adjusting
from modelmux.application.filters.enforcing import Enforcing
from modelmux.domain.capabilities import Capabilities
from modelmux.domain.conversation import ToolCall
from modelmux.domain.dialect import Dialect
from modelmux.domain.errors import UnsupportedFeature
from modelmux.domain.events import (
    FinishReason,
    ResponseFinished,
    ResponseStarted,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from modelmux.domain.json_values import JsonObject
from modelmux.domain.request import Generation, GenerationRequest
from modelmux.domain.tools import (
    AllowedTools,
    CustomTool,
    FunctionTool,
    NamedTool,
    ToolNamespace,
)
from tests.support.asking import asking, content_of, drain, user

NAMES = r"[a-zA-Z_][a-zA-Z0-9_]{0,39}"
CAN = Capabilities(dialects=frozenset(), tool_names=NAMES, field_names=r"[a-zA-Z0-9_.-]{1,20}")
START, CALLS = ResponseStarted("r", "m"), FinishReason.TOOL_CALLS
ODD: JsonObject = {
    "type": "object",
    "properties": {
        "the city": {"type": "string"},
        "plain": {
            "type": "array",
            "items": {"type": "object", "properties": {"größe": {"type": "integer"}}},
        },
        "properties": {"type": "object", "properties": {"required": {"type": "string"}}},
    },
    "required": ["the city", "plain"],
}

any_names = st.text(st.sampled_from("ab_-. /ü1"), min_size=1, max_size=60)


def out(content: Generation, can: Capabilities = CAN) -> Generation:
    return adjust(content, can, "m", Dialect.RESPONSES)[0]


@given(st.lists(any_names, min_size=1, max_size=5, unique=True))
async def test_tools_of_any_names_go_out_fitting_and_come_back_as_they_were(
    names: list[str],
) -> None:
    tools = tuple(FunctionTool(name) for name in names)
    asked = content_of(user("Hi"), ToolCall("c", names[0], "{}"), tools=tools)
    sent = [tool.name for tool in out(asked).tools if isinstance(tool, FunctionTool)]
    assert len(set(sent)) == len(names)
    assert all(re.fullmatch(NAMES, name) for name in sent)
    assert out(asked).items[1] == ToolCall("c", sent[0], "{}")
    assert all(name in sent for name in names if re.fullmatch(NAMES, name))
    called = [ToolCallStarted(at, f"c{at}", name) for at, name in enumerate(sent)]
    events = await answered(asked, *called)
    assert [e.name for e in events if isinstance(e, ToolCallStarted)] == names


async def answered(content: Generation, *events: StreamEvent) -> list[StreamEvent]:
    """Return what a caller gets of an answer whose events come one by one, its ends left out."""
    batches = [(event,) for event in (START, *events, ResponseFinished((CALLS,)))]
    request: GenerationRequest = replace(
        asking(content), dialect=Dialect.RESPONSES, capabilities=CAN
    )
    provider = Enforcing(Adjusting(ScriptedProvider(Script(tuple(batches)))))
    return (await drain(await provider.open(request)))[1:-1]


def test_choices_and_calls_of_tools_that_are_gone_are_renamed_alike() -> None:
    tools = (FunctionTool("a b"), CustomTool("c d"), FunctionTool("ok"))
    gone = ToolCall("c", "x y", "{}")
    asked = content_of(user("Hi"), gone, tools=tools, tool_choice=NamedTool("a b"))
    content = out(asked)
    first = content.tools[0]
    assert isinstance(first, FunctionTool)
    assert content.tool_choice == NamedTool(first.name)
    call = content.items[1]
    assert isinstance(call, ToolCall)
    assert re.fullmatch(NAMES, call.name)
    allowed = replace(asked, tool_choice=AllowedTools(("c d", "ok")))
    second = content.tools[1]
    assert isinstance(second, CustomTool)
    assert out(allowed).tool_choice == AllowedTools((second.name, "ok"))


def test_names_in_namespaces_that_the_target_knows_stay() -> None:
    space = ToolNamespace("n", (FunctionTool("a b"),))
    can = Capabilities(dialects=frozenset({Dialect.RESPONSES}), tool_names=NAMES)
    assert out(content_of(user("Hi"), tools=(space,)), can).tools == (space,)


def test_a_pattern_that_no_name_fits_is_a_refusal() -> None:
    can = Capabilities(dialects=frozenset(), tool_names="[!]+")
    with pytest.raises(UnsupportedFeature, match="'f'"):
        out(content_of(user("Hi"), tools=(FunctionTool("f"),)), can)


def test_fields_that_do_not_fit_are_renamed_at_any_depth() -> None:
    call = ToolCall("c", "f", '{"the city":"Bonn","plain":[{"größe":1}]}')
    content = out(content_of(user("Hi"), call, tools=(FunctionTool("f", parameters=ODD),)))
    (tool,) = content.tools
    assert isinstance(tool, FunctionTool)
    names = field_names(ODD, CAN)
    assert set(names) == {"the city", "größe"}
    schema: Any = tool.parameters
    assert set(schema["properties"]) == {names["the city"], "plain", "properties"}
    assert schema["required"] == [names["the city"], "plain"]
    assert set(schema["properties"]["plain"]["items"]["properties"]) == {names["größe"]}
    said = content.items[1]
    assert isinstance(said, ToolCall)
    assert json.loads(said.arguments) == {
        names["the city"]: "Bonn",
        "plain": [{names["größe"]: 1}],
    }
    assert rename(said.arguments, {made: name for name, made in names.items()}) == call.arguments


NAMED = field_names(ODD, CAN)
SENT = json.dumps({NAMED["the city"]: "Köln", "plain": [{NAMED["größe"]: 2}]})
BACK = '{"the city":"Köln","plain":[{"größe":2}]}'
TOOLS = (FunctionTool("f", parameters=ODD), FunctionTool("g"))


def pieces(index: int, text: str) -> list[ToolCallDelta]:
    return [ToolCallDelta(index, text[at : at + 7]) for at in range(0, len(text), 7)]


async def test_arguments_come_back_whole_and_before_what_follows_them() -> None:
    events = await answered(
        content_of(user("Hi"), tools=TOOLS),
        ToolCallStarted(0, "c0", "f"),
        *pieces(0, SENT),
        TextDelta("And"),
        ToolCallStarted(1, "c1", "g"),
        ToolCallDelta(1, "{"),
        ToolCallDelta(1, "}"),
        ToolCallStarted(2, "c2", "f"),
        *pieces(2, SENT),
    )
    assert events == [
        ToolCallStarted(0, "c0", "f"),
        ToolCallDelta(0, BACK),
        TextDelta("And"),
        ToolCallStarted(1, "c1", "g"),
        ToolCallDelta(1, "{"),
        ToolCallDelta(1, "}"),
        ToolCallStarted(2, "c2", "f"),
        ToolCallDelta(2, BACK),
    ]


async def test_arguments_that_are_cut_short_come_as_they_are() -> None:
    events = await answered(
        content_of(user("Hi"), tools=TOOLS), ToolCallStarted(0, "c0", "f"), *pieces(0, SENT[:20])
    )
    assert events[1:] == [ToolCallDelta(0, SENT[:20])]


async def test_fields_of_tools_in_namespaces_come_back_too() -> None:
    space = ToolNamespace("n", TOOLS)
    events = await answered(
        content_of(user("Hi"), tools=(space,)), ToolCallStarted(0, "c0", "n__f"), *pieces(0, SENT)
    )
    assert events == [
        ToolCallStarted(0, "c0", "f", namespace="n"),
        ToolCallDelta(0, BACK),
    ]
