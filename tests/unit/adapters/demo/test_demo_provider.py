"""The demo provider: what it says, and to which name."""

import json
from dataclasses import replace
from typing import Any

import jsonschema_rs
import pytest

from modelmux.adapters.demo.provider import DemoProbe, DemoProvider
from modelmux.adapters.demo.samples import sample
from modelmux.adapters.memory.clock import LeapingClock
from modelmux.adapters.memory.ids import CountingIds
from modelmux.application.ports import LlmProvider, UpstreamProbe
from modelmux.domain.conversation import ImageUrl, Message, Role, Text, ToolCall, ToolResult
from modelmux.domain.effort import Effort
from modelmux.domain.errors import ModelNotFound, UnsupportedFeature
from modelmux.domain.events import FinishReason, ReasoningDelta
from modelmux.domain.request import Generation, JsonText, Sampling, SchemaText
from modelmux.domain.response import Response, ResponseBuilder
from modelmux.domain.tools import AnyTool, CustomTool, FunctionTool, NamedTool, NoTools
from tests.contracts.llm_provider import LlmProviderContract
from tests.contracts.upstream_probe import UpstreamProbeContract
from tests.support.asking import asking, content_of, drain, user

WEATHER = FunctionTool(
    "weather",
    parameters={
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 3}},
        "required": ["city", "days"],
    },
)
CLOCK = FunctionTool("clock")


def demo() -> DemoProvider:
    return DemoProvider(LeapingClock(), CountingIds())


class TestProbe(UpstreamProbeContract):
    @pytest.fixture
    def well(self) -> UpstreamProbe:
        return DemoProbe()


async def said(content: Generation) -> Response:
    builder = ResponseBuilder()
    builder.add(await drain(await demo().open(asking(content, model="demo"))))
    return builder.build()


class TestDemoContract(LlmProviderContract):
    model = "demo"

    @pytest.fixture
    def provider(self) -> LlmProvider:
        return demo()


async def test_it_echoes_the_last_message_and_counts_tokens() -> None:
    response = await said(content_of(user("Hello you")))
    (candidate,) = response.candidates
    assert candidate.items == (Message(Role.ASSISTANT, (Text("You said: Hello you"),)),)
    assert candidate.reason is FinishReason.STOP
    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.output_tokens) == (3, 5)


async def test_it_answers_to_no_other_name() -> None:
    with pytest.raises(ModelNotFound):
        await demo().open(asking(model="gpt-6"))


async def test_it_calls_an_offered_tool_with_arguments_valid_for_its_schema() -> None:
    response = await said(content_of(user("What now?"), tools=(WEATHER, CLOCK)))
    (candidate,) = response.candidates
    (call,) = candidate.items
    assert isinstance(call, ToolCall)
    assert call.name == "weather"
    assert json.loads(call.arguments) == {"city": "demo", "days": 3}
    assert candidate.reason is FinishReason.TOOL_CALLS


async def test_it_calls_the_tools_the_message_names_in_parallel_unless_told_not_to() -> None:
    words = user("Use weather and clock")
    both = await said(content_of(words, tools=(WEATHER, CLOCK)))
    assert len(both.candidates[0].items) == 2
    one = await said(content_of(words, tools=(WEATHER, CLOCK), parallel_tool_calls=False))
    assert len(one.candidates[0].items) == 1


async def test_tool_choice_is_obeyed() -> None:
    named = await said(
        content_of(user("x"), tools=(WEATHER, CLOCK), tool_choice=NamedTool("clock"))
    )
    assert isinstance(call := named.candidates[0].items[0], ToolCall)
    assert call.name == "clock"
    none = await said(content_of(user("x"), tools=(WEATHER,), tool_choice=NoTools()))
    assert none.candidates[0].reason is FinishReason.STOP
    custom = await said(content_of(user("x"), tools=(CustomTool("sh"),), tool_choice=AnyTool()))
    assert custom.candidates[0].items[0] == ToolCall(call_id(custom), "sh", "demo", "custom")


def call_id(response: Response) -> str:
    item = response.candidates[0].items[0]
    assert isinstance(item, ToolCall)
    return item.id


async def test_it_answers_with_the_result_of_a_tool() -> None:
    content = content_of(
        user("x"), ToolCall("c", "clock", "{}"), ToolResult("c", (Text("noon"),)), tools=(CLOCK,)
    )
    response = await said(content)
    assert response.candidates[0].items == (
        Message(Role.ASSISTANT, (Text("The tool clock answered: noon"),)),
    )


async def test_it_makes_json_for_a_schema_and_without_one() -> None:
    schema: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "number"}}}
    with_schema = await said(content_of(user("x"), output_format=SchemaText("s", schema)))
    assert with_schema.candidates[0].items == (Message(Role.ASSISTANT, (Text('{"a": 1.0}'),)),)
    free = await said(content_of(user("x"), output_format=JsonText()))
    assert free.candidates[0].items == (Message(Role.ASSISTANT, (Text('{"echo": "x"}'),)),)


async def test_it_thinks_stops_and_ends_early_when_asked_and_gives_n_answers() -> None:
    thinking = await drain(
        await demo().open(asking(content_of(user("x"), effort=Effort.LOW), model="demo"))
    )
    assert any(isinstance(event, ReasoningDelta) for event in thinking)
    cut = await said(content_of(user("a b c"), max_output_tokens=2))
    assert cut.candidates[0].reason is FinishReason.LENGTH
    several = await said(
        content_of(user("one STOP two"), sampling=Sampling(stop=("STOP",), candidates=2))
    )
    assert [candidate.items for candidate in several.candidates] == [
        (Message(Role.ASSISTANT, (Text("You said: one "),)),)
    ] * 2
    image = await said(content_of(Message(Role.USER, (Text("see"), ImageUrl("https://x/")))))
    assert image.candidates[0].items == (
        Message(Role.ASSISTANT, (Text("You said: see [an image]"),)),
    )


async def test_a_stream_has_its_pace_and_a_whole_answer_none() -> None:
    clock = LeapingClock()
    provider = DemoProvider(clock, CountingIds(), pace_s=0.5)
    await drain(await provider.open(asking(content_of(user("a b")), model="demo")))
    assert set(clock.slept) == {0.5}
    slept = len(clock.slept)
    await drain(await provider.open(replace(asking(model="demo"), stream=False)))
    assert len(clock.slept) == slept


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "minLength": 9, "maxLength": 9},
        {"type": "string", "format": "uuid"},
        {"type": "integer", "exclusiveMinimum": 4, "maximum": 6},
        {"type": "number", "minimum": -3, "maximum": -1, "multipleOf": 0.5},
        {"type": "array", "items": {"type": "boolean"}, "minItems": 3},
        {"type": "array", "prefixItems": [{"type": "null"}, {"const": 5}]},
        {"enum": ["x", "y"]},
        {"type": ["null", "string"]},
        {"anyOf": [{"type": "object", "required": ["k"]}, {"type": "null"}]},
        {
            "allOf": [
                {"properties": {"a": {"type": "integer"}}, "required": ["a"]},
                {"type": "object"},
            ]
        },
        {
            "$defs": {
                "node": {
                    "type": "object",
                    "properties": {"n": {"type": "integer"}},
                    "required": ["n"],
                }
            },
            "type": "object",
            "properties": {"head": {"$ref": "#/$defs/node"}},
            "required": ["head"],
            "additionalProperties": False,
        },
    ],
)
def test_samples_are_valid_for_their_schema(schema: dict[str, Any]) -> None:
    jsonschema_rs.validate(schema, sample(schema))


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "pattern": "^a+$"},
        {
            "$defs": {
                "n": {
                    "type": "object",
                    "properties": {"n": {"$ref": "#/$defs/n"}},
                    "required": ["n"],
                }
            },
            "$ref": "#/$defs/n",
        },
    ],
)
def test_what_cannot_be_filled_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedFeature):
        sample(schema)
