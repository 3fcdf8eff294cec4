"""Enforcing: targets that disobey, and what the caller sees of it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmux.adapters.demo.provider import DemoProvider
from modelmux.adapters.memory.clock import ManualClock
from modelmux.adapters.memory.ids import CountingIds
from modelmux.adapters.memory.scripted import Script, ScriptedProvider
from modelmux.application.adjusting import adjust
from modelmux.application.filters.adjusting import Adjusting
from modelmux.application.filters.enforcing import Enforcing
from modelmux.application.filters.rules import rules_of
from modelmux.domain.capabilities import Capabilities
from modelmux.domain.dialect import Dialect
from modelmux.domain.events import (
    FinishReason,
    RelayedBytes,
    ResponseFinished,
    ResponseStarted,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from modelmux.domain.request import GenerationRequest
from modelmux.domain.tools import AllowedTools, CustomTool, FunctionTool, NamedTool, ToolNamespace
from tests.support.asking import asking, content_of, drain, user

CRM = ToolNamespace("crm", (FunctionTool("find"), CustomTool("note")))
TOOLS = (FunctionTool("a"), FunctionTool("b"), CRM)
CALLS, STOP = FinishReason.TOOL_CALLS, FinishReason.STOP
START = ResponseStarted("r", "m")


def call(index: int, name: str, arguments: str = "{}", choice: int = 0) -> list[StreamEvent]:
    return [
        ToolCallStarted(index, f"c{index}", name, choice=choice),
        ToolCallDelta(index, arguments, choice),
    ]


def request_with(**changes: Any) -> GenerationRequest:
    content = content_of(user("Hi"), **{"tools": TOOLS, **changes})
    return replace(
        asking(content), dialect=Dialect.RESPONSES, capabilities=Capabilities(dialects=frozenset())
    )


async def held(
    request: GenerationRequest, *events: StreamEvent, reasons: Sequence[FinishReason] = (CALLS,)
) -> list[StreamEvent]:
    """Return what is left of an answer whose events come one by one, its start left out."""
    batches = [(event,) for event in (START, *events, ResponseFinished(tuple(reasons)))]
    answer = await Enforcing(ScriptedProvider(Script(tuple(batches)))).open(request)
    return (await drain(answer))[1:]


def noted(request: GenerationRequest) -> list[str]:
    return [str(one) for one in request.journal.adjustments]


async def test_calls_outside_the_allowed_tools_are_left_out_and_indexes_stay_dense() -> None:
    request = request_with(tool_choice=AllowedTools(("b",)))
    left = await held(request, *call(0, "a"), *call(1, "b", "[1]"), *call(2, "made up"))
    assert left == [
        ToolCallStarted(0, "c1", "b"), ToolCallDelta(0, "[1]"), ResponseFinished((CALLS,)),
    ]  # fmt: skip
    assert noted(request) == ["tool_choice=suppressed"]
    assert request.journal.told == []


async def test_an_answer_that_only_called_what_it_may_not_simply_stops() -> None:
    request = request_with(tool_choice=AllowedTools(("b",), required=True))
    left = await held(request, TextDelta("Let me."), *call(0, "a"))
    assert left == [TextDelta("Let me."), ResponseFinished((STOP,))]


@pytest.mark.parametrize("reason", [FinishReason.LENGTH, FinishReason.CONTENT_FILTER])
async def test_another_reason_to_end_stays(reason: FinishReason) -> None:
    request = request_with(tool_choice=AllowedTools(("b",)))
    assert await held(request, *call(0, "a"), reasons=(reason,)) == [ResponseFinished((reason,))]


async def test_one_call_at_a_time_means_the_first_of_each_choice() -> None:
    request = request_with(parallel_tool_calls=False)
    left = await held(
        request,
        *call(0, "a"), *call(0, "b", choice=1), *call(1, "b"), *call(1, "a", choice=1),
        reasons=(CALLS, CALLS),
    )  # fmt: skip
    assert left == [
        *call(0, "a"), *call(0, "b", choice=1), ResponseFinished((CALLS, CALLS)),
    ]  # fmt: skip
    assert noted(request) == ["parallel_tool_calls=suppressed"]


async def test_the_first_call_that_is_allowed_is_the_one_that_is_kept() -> None:
    request = request_with(parallel_tool_calls=False, tool_choice=AllowedTools(("b",)))
    left = await held(request, *call(0, "a"), *call(1, "b"), *call(2, "b"))
    assert [event for event in left if isinstance(event, ToolCallStarted)] == [
        ToolCallStarted(0, "c1", "b")
    ]
    assert noted(request) == ["tool_choice=suppressed", "parallel_tool_calls=suppressed"]


async def test_flat_names_get_their_namespace_back() -> None:
    left = await held(request_with(), *call(0, "crm__find"), *call(1, "a"))
    assert left[0] == ToolCallStarted(0, "c0", "find", namespace="crm")
    assert left[2] == ToolCallStarted(1, "c1", "a")


async def test_a_namespace_that_the_target_knows_is_not_looked_for() -> None:
    native = replace(
        request_with(tools=(*TOOLS, FunctionTool("crm__x"))),
        capabilities=Capabilities(dialects=frozenset({Dialect.RESPONSES})),
    )
    inner = ScriptedProvider(Script(((START, ResponseFinished((STOP,))),)))
    assert type(await Enforcing(inner).open(native)) is type(await inner.open(native))


async def test_allowed_tools_may_stand_in_namespaces() -> None:
    request = request_with(tool_choice=AllowedTools(("crm",)))
    left = await held(request, *call(0, "crm__note"), *call(1, "a"), *call(2, "crm__find"))
    assert [(e.namespace, e.name) for e in left if isinstance(e, ToolCallStarted)] == [
        ("crm", "note"),
        ("crm", "find"),
    ]


async def test_what_is_relayed_and_what_has_nothing_to_be_held_to_is_not_wrapped() -> None:
    inner = ScriptedProvider(Script(((START, RelayedBytes(b"x"), ResponseFinished((STOP,))),)))
    bare = type(await inner.open(request_with()))
    relayed = request_with()
    relayed.journal.relayed = True
    for request in (relayed, request_with(tools=TOOLS[:2]), request_with(tools=())):
        assert type(await Enforcing(inner).open(request)) is bare
    assert type(await Enforcing(inner).open(request_with())) is not bare


async def test_closing_it_closes_the_answer() -> None:
    inner = ScriptedProvider(Script(((START, ResponseFinished((STOP,))),)))
    answer = await Enforcing(inner).open(request_with())
    await answer.aclose()
    await answer.aclose()
    assert inner.opens == inner.closes == 1


calls = st.lists(st.sampled_from(["a", "b", "crm__find", "crm__note", "other"]), max_size=6)
choices = st.lists(st.sampled_from(["a", "b", "crm", "find", "note"]), max_size=3)


@given(calls, st.none() | choices, st.booleans())
async def test_whatever_is_called_what_is_left_obeys_the_laws(
    called: list[str], allowed: list[str] | None, alone: bool
) -> None:
    choice = {"tool_choice": AllowedTools(tuple(allowed))} if allowed is not None else {}
    request = request_with(parallel_tool_calls=False if alone else None, **choice)
    events = [event for index, name in enumerate(called) for event in call(index, name, name)]
    left = await held(request, *events)
    started = [event for event in left if isinstance(event, ToolCallStarted)]
    assert [event.index for event in started] == list(range(len(started)))
    assert len(started) <= 1 or not alone
    # Each call that is left has its own arguments, which are the name it was called by.
    content, _ = adjust(request.content.get(), request.capabilities, "m", request.dialect)
    choice_told = content.tool_choice
    deltas = {event.index: event.arguments for event in left if isinstance(event, ToolCallDelta)}
    for event in started:
        flat = f"{event.namespace}__{event.name}" if event.namespace else event.name
        assert deltas[event.index] == flat
        assert not isinstance(choice_told, AllowedTools) or flat in choice_told.names


def test_a_request_without_tools_has_no_rules() -> None:
    content = content_of(user("Hi"), tool_choice=AllowedTools(("a",)), parallel_tool_calls=False)
    can = Capabilities(dialects=frozenset())
    assert rules_of(content, can, Dialect.RESPONSES) is None


names = st.text(st.sampled_from("ab_-. /ü"), min_size=1, max_size=70)


@given(names, names)
async def test_a_tool_of_any_name_is_called_by_it_though_it_went_out_flat(
    space: str, name: str
) -> None:
    tools = (FunctionTool("plain"), ToolNamespace(space, (FunctionTool(name),)))
    request = replace(request_with(tools=tools, tool_choice=NamedTool(name)), model="demo")
    provider = Enforcing(Adjusting(DemoProvider(ManualClock(), CountingIds(), pace_s=0)))
    events = await drain(await provider.open(request))
    assert [(e.namespace, e.name) for e in events if isinstance(e, ToolCallStarted)] == [
        (space, name)
    ]
    assert request.journal.adjustments == []
