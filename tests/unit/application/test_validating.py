"""Validating: what becomes of answers that fit their schema, and of those that do not."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from modelmux.adapters.memory.schema_checker import PlainChecker
from modelmux.adapters.memory.scripted import Script, ScriptedProvider
from modelmux.application.filters.adjusting import Adjusting
from modelmux.application.filters.enforcing import Enforcing
from modelmux.application.filters.validating import Validating
from modelmux.domain.capabilities import Capabilities, SchemaForm, Structured
from modelmux.domain.conversation import Message, Role, Text
from modelmux.domain.dialect import Dialect
from modelmux.domain.errors import InvalidRequest, SchemaUnmet, UpstreamFailed
from modelmux.domain.events import (
    FinishReason,
    ReasoningDelta,
    RefusalDelta,
    ResponseFinished,
    ResponseStarted,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    Usage,
)
from modelmux.domain.json_values import JsonObject
from modelmux.domain.request import (
    LENIENT,
    GenerationRequest,
    JsonText,
    PlainText,
    SchemaRules,
    SchemaText,
    Verbatim,
)
from modelmux.domain.tools import FunctionTool, NamedTool
from tests.support.asking import asking, content_of, drain, text_of, user

SCHEMA: JsonObject = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
}
GOOD, BAD, WORSE = '{"city": "Bonn"}', '{"city": 7}', "I cannot tell."
NATIVE = Capabilities()
IN_WORDS = Capabilities(structured=Structured.NONE, forced_tool_choice=False)
BY_CALL = Capabilities(structured=Structured.NONE)
STRICT, REPAIR = SchemaRules(strict=True), SchemaRules(repair=True)
BOTH = SchemaRules(strict=True, repair=True)
STOP, CALLS, LENGTH = FinishReason.STOP, FinishReason.TOOL_CALLS, FinishReason.LENGTH


def request_of(
    can: Capabilities, rules: SchemaRules = LENIENT, *, stream: bool = False, **changes: Any
) -> GenerationRequest:
    wanted = SchemaText("city", changes.pop("schema", SCHEMA))
    content = content_of(user("Where?"), output_format=wanted, **changes)
    return replace(asking(content), stream=stream, capabilities=can, schema_rules=rules)


def saying(*events: StreamEvent | str, reasons: Sequence[FinishReason] = (STOP,)) -> Script:
    """Return an answer whose texts come in two pieces, for ten tokens."""
    batches: list[Sequence[StreamEvent]] = [(ResponseStarted("r", "m"),)]
    for event in events:
        if isinstance(event, str):
            batches += [(TextDelta(event[:5]),), (TextDelta(event[5:]),)] if event[5:] else []
        else:
            batches.append((event,))
    return Script((*batches, (ResponseFinished(tuple(reasons), Usage(8, 2)),)))


async def answered(
    request: GenerationRequest, first: Script, *further: Script
) -> tuple[list[StreamEvent], ScriptedProvider]:
    inner = ScriptedProvider(first, *further)
    house = Validating(Enforcing(Adjusting(inner)), PlainChecker())
    events = await drain(await house.open(request))
    assert inner.opens == inner.closes
    return events, inner


def told(request: GenerationRequest) -> list[str]:
    return [str(one) for one in request.journal.told]


def noted(request: GenerationRequest) -> list[str]:
    return [str(one) for one in request.journal.adjustments]


async def test_what_fits_is_passed_on_as_it_was() -> None:
    request = request_of(IN_WORDS)
    events, inner = await answered(request, saying(ReasoningDelta("Hm."), GOOD))
    assert text_of(events) == GOOD
    assert events[1] == ReasoningDelta("Hm.")
    assert events[-1] == ResponseFinished((STOP,), Usage(8, 2))
    assert told(request) == ["response_format=emulated"]
    assert inner.opens == 1


@pytest.mark.parametrize("rules", [LENIENT, REPAIR, STRICT, BOTH])
async def test_an_answer_that_is_relayed_stays_so_unless_the_route_asks(
    rules: SchemaRules,
) -> None:
    verbatim = Verbatim(Dialect.CHAT_COMPLETIONS, {})
    request = replace(request_of(NATIVE, rules), verbatim=verbatim)
    _, inner = await answered(request, saying(GOOD))
    asked = rules is not LENIENT
    assert (inner.requests[0].verbatim is None) is asked


async def test_without_a_schema_nothing_is_looked_at() -> None:
    checker = PlainChecker()
    inner = ScriptedProvider(saying(WORSE))
    request = replace(asking(), schema_rules=BOTH)
    await drain(await Validating(inner, checker).open(request))
    assert (checker.checked, inner.requests[0]) == ([], request)


async def test_a_misfit_is_delivered_and_told_where_the_route_is_lenient() -> None:
    request = request_of(IN_WORDS)
    events, inner = await answered(request, saying(BAD), saying(GOOD))
    assert text_of(events) == BAD
    assert told(request) == ["response_format=emulated", "response_format=unmet"]
    assert "$.city" in request.journal.told[1].detail
    assert inner.opens == 1


@pytest.mark.parametrize("can", [NATIVE, IN_WORDS])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_strict_route_refuses_a_misfit_before_any_of_it_is_told(
    can: Capabilities, stream: bool
) -> None:
    inner = ScriptedProvider(saying(BAD))
    request = request_of(can, STRICT, stream=stream)
    answer = await Validating(Enforcing(Adjusting(inner)), PlainChecker()).open(request)
    with pytest.raises(SchemaUnmet, match=r"\$\.city"):
        await answer.read()
    await answer.aclose()
    assert inner.opens == inner.closes == 1


@pytest.mark.parametrize("rules", [REPAIR, BOTH])
@pytest.mark.parametrize("can", [NATIVE, IN_WORDS, BY_CALL])
async def test_one_more_call_mends_an_answer_and_both_are_paid(
    can: Capabilities, rules: SchemaRules
) -> None:
    request = request_of(can, rules)
    events, inner = await answered(request, saying(WORSE), saying(GOOD), saying(WORSE))
    assert text_of(events) == GOOD
    assert events[-1] == ResponseFinished((STOP,), Usage(16, 4))
    assert [type(event) for event in events].count(ResponseStarted) == 1
    assert told(request)[-1] == "response_format=repaired"
    assert len(set(told(request))) == len(told(request)) == (1 if can is NATIVE else 2)
    assert inner.opens == 2
    *_, before, words = inner.requests[1].content.get().items
    assert before == Message(Role.ASSISTANT, (Text(WORSE),))
    assert isinstance(words, Message)
    assert isinstance(words.parts[0], Text)
    assert "$: not JSON" in words.parts[0].text


async def test_there_is_one_further_call_and_no_third() -> None:
    request = request_of(IN_WORDS, REPAIR)
    events, inner = await answered(request, saying(WORSE), saying(BAD), saying(GOOD))
    assert (text_of(events), inner.opens) == (BAD, 2)
    assert told(request)[-1] == "response_format=unmet"
    assert isinstance(events[-1], ResponseFinished)
    assert events[-1].usage == Usage(16, 4)
    strict = request_of(IN_WORDS, BOTH)
    with pytest.raises(SchemaUnmet):
        await answered(strict, saying(WORSE), saying(BAD), saying(GOOD))


@pytest.mark.parametrize(
    "second",
    [
        Script(open_error=UpstreamFailed("down")),
        Script(((ResponseStarted("r", "m"),),), read_error=UpstreamFailed("cut")),
        saying(RefusalDelta("No.")),
        saying(GOOD[:8], reasons=(LENGTH,)),
    ],
)
async def test_a_further_call_that_brings_nothing_leaves_the_first_answer(second: Script) -> None:
    request = request_of(IN_WORDS, REPAIR)
    events, _ = await answered(request, saying(BAD), second)
    assert text_of(events) == BAD
    assert told(request)[-1] == "response_format=unmet"
    with pytest.raises(SchemaUnmet):
        await answered(request_of(IN_WORDS, BOTH), saying(BAD), second)


@pytest.mark.parametrize(
    "script",
    [
        saying(BAD[:6], reasons=(LENGTH,)),
        saying(RefusalDelta("No.")),
        saying("Wait. ", ToolCallStarted(0, "c", "f"), reasons=(CALLS,)),
    ],
)
async def test_calls_refusals_and_answers_cut_short_are_not_judged(script: Script) -> None:
    tools = (FunctionTool("f"),)
    request = request_of(NATIVE, BOTH, tools=tools)
    events, inner = await answered(request, script)
    assert events == [event for batch in script.batches for event in batch]
    assert (inner.opens, told(request)) == (1, [])


@pytest.mark.parametrize("fence", ["```json\n%s\n```", "\n```\n%s\n```\n", "```json\r\n%s\r\n```"])
async def test_a_fence_around_the_answer_is_taken_off_and_told(fence: str) -> None:
    request = request_of(IN_WORDS)
    events, _ = await answered(request, saying(fence % GOOD))
    assert text_of(events) == GOOD
    assert told(request) == ["response_format=emulated", "response_format=unfenced"]
    # A target with a word for schemas is not given that much credit.
    with pytest.raises(SchemaUnmet):
        await answered(request_of(NATIVE, STRICT), saying(fence % GOOD))


async def test_a_stream_comes_as_it_comes_with_a_verdict_in_the_log() -> None:
    request = request_of(IN_WORDS, REPAIR, stream=True)
    script = saying(BAD)
    events, inner = await answered(request, script)
    assert events == [event for batch in script.batches for event in batch]
    assert told(request) == ["response_format=emulated"]
    assert noted(request) == ["response_format=emulated", "response_format=unmet"]
    assert inner.opens == 1


async def test_a_strict_stream_waits_until_it_was_checked_and_may_be_mended() -> None:
    request = request_of(IN_WORDS, BOTH, stream=True)
    events, inner = await answered(request, saying(WORSE), saying(GOOD))
    assert (text_of(events), inner.opens) == (GOOD, 2)


async def test_a_stream_that_breaks_off_is_never_whole() -> None:
    cut = Script(((ResponseStarted("r", "m"),), (TextDelta(GOOD),)), read_error=UpstreamFailed("x"))
    for stream in (False, True):
        with pytest.raises(UpstreamFailed):
            await answered(request_of(IN_WORDS, STRICT, stream=stream), cut)


REMOTE: JsonObject = {"$ref": "http://127.0.0.1/s"}


async def test_a_schema_nothing_can_be_checked_against_is_told_or_refused() -> None:
    request = request_of(NATIVE, REPAIR, schema=REMOTE)
    await answered(request, saying(GOOD))
    assert told(request) == ["response_format=unchecked"]
    inner = ScriptedProvider(saying(GOOD))
    strict = replace(request_of(NATIVE, STRICT, schema=REMOTE), dialect=Dialect.RESPONSES)
    with pytest.raises(InvalidRequest) as caught:
        await Validating(inner, PlainChecker()).open(strict)
    assert (caught.value.param, inner.opens) == ("text.format", 0)


async def test_closing_before_the_first_read_closes_the_answer() -> None:
    for stream in (False, True):
        inner = ScriptedProvider(saying(GOOD))
        answer = await Validating(inner, PlainChecker()).open(request_of(IN_WORDS, stream=stream))
        await answer.aclose()
        await answer.aclose()
        assert inner.opens == inner.closes == 1


def calling(name: str, text: str, *before: StreamEvent) -> Script:
    deltas = [ToolCallDelta(0, text[at : at + 5]) for at in range(0, len(text), 5)]
    return saying(*before, ToolCallStarted(0, "c", name), *deltas, reasons=(CALLS,))


@pytest.mark.parametrize("stream", [False, True])
async def test_the_answer_may_be_a_forced_call(stream: bool) -> None:
    request = request_of(BY_CALL, stream=stream)
    events, inner = await answered(request, calling("give_answer", GOOD))
    sent = inner.requests[0].content.get()
    (tool,) = sent.tools
    assert isinstance(tool, FunctionTool)
    assert (tool.parameters, sent.tool_choice) == (SCHEMA, NamedTool(tool.name))
    assert text_of(events) == GOOD
    assert not any(isinstance(event, ToolCallStarted | ToolCallDelta) for event in events)
    assert events[-1] == ResponseFinished((STOP,), Usage(8, 2))
    assert noted(request) == ["response_format=emulated"]


async def test_words_and_other_calls_beside_the_forced_one_are_left_out_and_noted() -> None:
    request = request_of(BY_CALL)
    script = saying(
        "Here it is: ",
        ToolCallStarted(0, "c", "give_answer"),
        ToolCallDelta(0, GOOD),
        ToolCallStarted(1, "d", "give_answer"),
        ToolCallDelta(1, GOOD),
        reasons=(CALLS,),
    )
    events, _ = await answered(request, script)
    assert text_of(events) == GOOD
    assert noted(request) == ["response_format=emulated", "response_format=suppressed"]


async def test_a_model_that_does_not_call_has_said_what_it_said() -> None:
    request = request_of(BY_CALL)
    events, _ = await answered(request, saying(GOOD))
    assert text_of(events) == GOOD
    assert noted(request) == ["response_format=emulated"]


@pytest.mark.parametrize(
    ("can", "changes"),
    [
        ({"tools": False}, {}),
        ({"forced_tool_choice": False}, {}),
        ({}, {"tools": (FunctionTool("f"),)}),
        ({}, {"schema": {"type": "array"}}),
    ],
)
async def test_elsewhere_the_schema_is_said_in_words(
    can: dict[str, Any], changes: dict[str, Any]
) -> None:
    request = request_of(replace(BY_CALL, **can), **changes)
    _, inner = await answered(request, saying(GOOD))
    sent = inner.requests[0].content.get()
    assert isinstance(sent.items[0], Message)
    assert sent.items[0].role is Role.SYSTEM
    assert not any(
        isinstance(tool, FunctionTool) and tool.name == "give_answer" for tool in sent.tools
    )


@pytest.mark.parametrize("stream", [False, True])
async def test_a_target_that_was_told_less_is_not_believed(stream: bool) -> None:
    can = Capabilities(refused_schema_keywords=frozenset({"minimum"}))
    schema: JsonObject = {**SCHEMA, "minimum": 3}
    request = request_of(can, stream=stream, schema=schema)
    events, inner = await answered(request, saying(BAD))
    assert text_of(events) == BAD
    assert noted(request) == ["response_format.schema=dropped", "response_format=unmet"]
    assert told(request) == noted(request)[: 1 if stream else 2]
    assert inner.opens == 1


@pytest.mark.parametrize(
    ("schema", "form"),
    [
        ({"type": "object", "properties": {"more": {"$ref": "#"}}}, SchemaForm.RECURSION),
        ({"type": "object", "additionalProperties": {}}, SchemaForm.OPEN_OBJECTS),
        ({"type": "array"}, SchemaForm.ROOT),
    ],
)
async def test_what_a_target_has_no_form_for_is_asked_for_otherwise(
    schema: JsonObject, form: SchemaForm
) -> None:
    request = request_of(Capabilities(said_otherwise=frozenset({form})), schema=schema)
    await answered(request, saying(GOOD))
    assert noted(request)[0] == "response_format=emulated"


async def test_no_mode_of_objects_stands_against_a_list() -> None:
    can = Capabilities(structured=Structured.JSON_OBJECT, forced_tool_choice=False)
    for schema, form in (({"type": "array"}, PlainText), (SCHEMA, JsonText)):
        request = request_of(can, schema=schema)
        _, inner = await answered(request, saying(GOOD))
        assert isinstance(inner.requests[0].content.get().output_format, form)


async def test_a_call_has_what_the_top_of_the_schema_refers_to() -> None:
    request = request_of(BY_CALL, schema={"$defs": {"city": SCHEMA}, "$ref": "#/$defs/city"})
    _, inner = await answered(request, saying(GOOD))
    (tool,) = inner.requests[0].content.get().tools
    assert isinstance(tool, FunctionTool)
    assert tool.parameters == {"$defs": {"city": SCHEMA}, **SCHEMA}
