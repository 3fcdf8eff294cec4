"""Custom tools for targets that know functions alone: what goes out, and what comes back."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmux.adapters.memory.scripted import Script, ScriptedProvider
from modelmux.application.adjusting import CUSTOM_TOOLS_EMULATED, adjust
from modelmux.application.filters.adjusting import Adjusting
from modelmux.application.filters.enforcing import Enforcing
from modelmux.domain.capabilities import Capabilities
from modelmux.domain.conversation import Item, Text, ToolCall, ToolResult
from modelmux.domain.dialect import Dialect
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
from modelmux.domain.tools import (
    CustomTool,
    FunctionTool,
    Grammar,
    NamedTool,
    ToolDefinition,
    ToolNamespace,
)
from tests.support.asking import asking, content_of, drain, user

CAN = Capabilities(dialects=frozenset(), custom_tools=False)
PATCH = CustomTool("patch", "Changes files.", Grammar("lark", "start: /x/"))
WEATHER = FunctionTool("weather", parameters={"type": "object"})
CRM = ToolNamespace("crm", (CustomTool("note"), FunctionTool("find")))
ARGUMENT: JsonObject = {
    "type": "object",
    "properties": {"input": {"type": "string"}},
    "required": ["input"],
}
CLOSED: JsonObject = {**ARGUMENT, "additionalProperties": False}
DESCRIBED = "Changes files.\nThe input follows this lark grammar:\nstart: /x/"
START, END = ResponseStarted("r", "m"), ResponseFinished((FinishReason.TOOL_CALLS,))


def test_a_custom_tool_goes_out_as_a_function_with_its_grammar_in_words() -> None:
    asked = content_of(user("Hi"), tools=(PATCH, WEATHER), tool_choice=NamedTool("patch"))
    content, made = adjust(asked, CAN)
    assert content.tools == (FunctionTool("patch", DESCRIBED, ARGUMENT), WEATHER)
    assert content.tool_choice == NamedTool("patch")
    assert made == (CUSTOM_TOOLS_EMULATED,)
    assert adjust(content, CAN) == (content, ())


def test_a_target_that_has_them_is_told_them() -> None:
    asked = content_of(user("Hi"), ToolCall("c", "patch", "x", "custom"), tools=(PATCH, CRM))
    can = Capabilities(dialects=frozenset({Dialect.RESPONSES}))
    assert adjust(asked, can, dialect=Dialect.RESPONSES) == (asked, ())


@pytest.mark.parametrize(
    ("outward", "strict"), [(Dialect.RESPONSES, False), (Dialect.CHAT_COMPLETIONS, None)]
)
def test_the_responses_api_is_told_that_the_function_is_not_strict(
    outward: Dialect, strict: bool | None
) -> None:
    can = replace(CAN, dialects=frozenset({outward}))
    content, _ = adjust(content_of(user("Hi"), tools=(PATCH,)), can, dialect=outward)
    assert content.tools == (FunctionTool("patch", DESCRIBED, CLOSED, strict),)


def test_what_is_remembered_goes_out_alike_though_the_tool_is_gone() -> None:
    call = ToolCall("c", "patch", 'say "ä"\n', "custom")
    result = ToolResult("c", (Text("done"),), kind="custom")
    content, made = adjust(content_of(user("Hi"), call, result), CAN)
    assert content.items[1:] == (
        ToolCall("c", "patch", '{"input":"say \\"ä\\"\\n"}'),
        ToolResult("c", (Text("done"),)),
    )
    assert made == ()


def test_those_in_namespaces_too_whether_they_stay_in_them_or_not() -> None:
    flat, _ = adjust(content_of(user("Hi"), tools=(CRM,)), CAN)
    assert flat.tools == (
        FunctionTool("crm__note", None, ARGUMENT),
        FunctionTool("crm__find"),
    )
    can = replace(CAN, dialects=frozenset({Dialect.RESPONSES}))
    kept, made = adjust(content_of(user("Hi"), tools=(CRM,)), can, dialect=Dialect.RESPONSES)
    inner = (FunctionTool("note", None, CLOSED, False), FunctionTool("find"))
    assert kept.tools == (replace(CRM, tools=inner),)
    assert made == (CUSTOM_TOOLS_EMULATED,)


async def answered(
    *events: StreamEvent,
    tools: tuple[ToolDefinition, ...] = (PATCH, WEATHER, CRM),
    can: Capabilities = CAN,
) -> list[StreamEvent]:
    """Return the events of an answer as the caller of `tools` gets them, its start left out."""
    request = asking(content_of(user("Hi"), tools=tools))
    request = replace(request, dialect=Dialect.RESPONSES, capabilities=can)
    script = Script(tuple((event,) for event in (START, *events, END)))
    answer = await Enforcing(Adjusting(ScriptedProvider(script))).open(request)
    return (await drain(answer))[1:]


def called(index: int, name: str, *pieces: str) -> list[StreamEvent]:
    return [
        ToolCallStarted(index, f"c{index}", name),
        *(ToolCallDelta(index, piece) for piece in pieces),
    ]


async def test_a_call_comes_back_as_free_text_and_those_of_functions_as_they_are() -> None:
    left = await answered(
        *called(0, "patch", '{"inp', 'ut": "a\\', 'nb"}'), *called(1, "weather", '{"input":"x"}')
    )
    assert left == [
        ToolCallStarted(0, "c0", "patch", "custom"),
        ToolCallDelta(0, "a\nb"),
        ToolCallStarted(1, "c1", "weather"),
        ToolCallDelta(1, '{"input":"x"}'),
        END,
    ]


async def test_a_call_is_told_as_soon_as_something_follows_it() -> None:
    left = await answered(*called(0, "patch", '{"input":"a"}'), TextDelta("So."))
    assert left[1:-1] == [ToolCallDelta(0, "a"), TextDelta("So.")]


async def test_calls_that_are_told_at_once_keep_their_own_texts() -> None:
    first, second = (
        called(0, "patch", '{"input":', '"a"}'),
        called(1, "crm__note", '{"in', 'put":"b"}'),
    )
    left = await answered(first[0], second[0], first[1], second[1], first[2], second[2])
    assert left == [
        ToolCallStarted(0, "c0", "patch", "custom"),
        ToolCallStarted(1, "c1", "note", "custom", namespace="crm"),
        ToolCallDelta(0, "a"),
        ToolCallDelta(1, "b"),
        END,
    ]


async def test_white_space_behind_a_call_is_none_of_its_text() -> None:
    first = called(0, "patch", '{"input":"a"}', "\n")
    left = await answered(*first[:2], *called(1, "patch", '{"input":"b"}'), first[2])
    deltas = [event for event in left if isinstance(event, ToolCallDelta)]
    assert deltas == [ToolCallDelta(0, "a"), ToolCallDelta(1, "b")]


@pytest.mark.parametrize(
    "arguments",
    ["no JSON", '{"input": "cut', '{"text":"x"}', '{"input":1}', '["x"]', '"x"', "[" * 20_000],
    ids=lambda arguments: arguments[:12],
)
async def test_a_model_that_did_not_keep_to_the_argument_is_taken_at_its_word(
    arguments: str,
) -> None:
    left = await answered(*called(0, "patch", arguments))
    assert left[1:-1] == [ToolCallDelta(0, arguments)]


@pytest.mark.parametrize("arguments", [(), ("{}",), ('{"input":""}',)])
async def test_a_call_without_a_text_has_none(arguments: tuple[str, ...]) -> None:
    left = await answered(*called(0, "patch", *arguments))
    assert left == [ToolCallStarted(0, "c0", "patch", "custom"), END]


async def test_a_field_that_goes_by_another_name_comes_back_too() -> None:
    can = replace(CAN, field_names="^f[a-z0-9_]*$")
    content, _ = adjust(content_of(user("Hi"), tools=(PATCH,)), can)
    (tool,) = content.tools
    assert isinstance(tool, FunctionTool)
    assert tool.parameters is not None
    properties = tool.parameters["properties"]
    assert isinstance(properties, dict)
    (name,) = properties
    assert name != "input"
    left = await answered(*called(0, "patch", f'{{"{name}":"x"}}'), tools=(PATCH,), can=can)
    assert left[1:-1] == [ToolCallDelta(0, "x")]


@given(st.text(st.characters(exclude_categories=["Cs"])), st.lists(st.integers(0, 200), max_size=8))
async def test_any_text_comes_back_as_it_went_out_in_any_cut(text: str, cuts: list[int]) -> None:
    items: tuple[Item, ...] = (user("Hi"), ToolCall("c", "patch", text, "custom"))
    content, _ = adjust(content_of(*items), CAN)
    call = content.items[1]
    assert isinstance(call, ToolCall)
    places = sorted({0, *(min(cut, len(call.arguments)) for cut in cuts), len(call.arguments)})
    pieces = [call.arguments[a:b] for a, b in pairwise(places)]
    left = await answered(*called(0, "patch", *pieces))
    assert left[0] == ToolCallStarted(0, "c0", "patch", "custom")
    assert "".join(event.arguments for event in left if isinstance(event, ToolCallDelta)) == text
