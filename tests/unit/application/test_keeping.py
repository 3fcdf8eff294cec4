"""What of an answer is kept for others."""

import itertools

import pytest
from hypothesis import given

from modelmux.application.keeping import held_bytes, merged, worth_keeping
from modelmux.domain.adjustments import Adjustment
from modelmux.domain.conversation import OpaqueItem
from modelmux.domain.events import (
    FinishReason,
    OpaqueItemAdded,
    ReasoningDelta,
    RefusalDelta,
    RelayedBytes,
    ResponseFinished,
    ResponseStarted,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from modelmux.domain.response import ResponseBuilder
from tests.support.lawful_answers import lawful_answers

START = ResponseStarted("up-1", "upstream-model")
STOP = ResponseFinished((FinishReason.STOP,))
CALLS = ResponseFinished((FinishReason.TOOL_CALLS,))


def is_kept(*events: StreamEvent, tools: bool = False, told: str = "") -> bool:
    param, _, action = told.partition("=")
    adjustments = [Adjustment(param, action, "")] if told else []
    return worth_keeping((START, *events), adjustments, tools=tools)


def test_whole_answers_are_kept() -> None:
    assert is_kept(TextDelta("Hi"), STOP)
    assert is_kept(ReasoningDelta("Hm"), TextDelta("Hi"), STOP)
    assert is_kept(STOP, told="user=dropped")


@pytest.mark.parametrize("reason", [one for one in FinishReason if one is not FinishReason.STOP])
def test_what_ended_otherwise_is_not(reason: FinishReason) -> None:
    assert not is_kept(TextDelta("Hi"), ResponseFinished((reason,)))
    assert not is_kept(TextDelta("Hi"), ResponseFinished((FinishReason.STOP, reason)))


def test_calls_of_tools_are_kept_where_that_is_wanted() -> None:
    call = (ToolCallStarted(0, "call_1", "look"), ToolCallDelta(0, "{}"))
    assert not is_kept(*call, CALLS)
    assert not is_kept(*call, STOP)
    assert is_kept(*call, CALLS, tools=True)
    assert is_kept(*call, STOP, tools=True)
    assert not is_kept(*call, ResponseFinished((FinishReason.LENGTH,)), tools=True)


@pytest.mark.parametrize(
    "event",
    [
        OpaqueItemAdded(OpaqueItem("web_search_call", {"type": "web_search_call"})),
        RefusalDelta("No."),
        RelayedBytes(b"data"),
    ],
)
def test_what_is_a_vendors_own_or_a_refusal_is_not_kept(event: StreamEvent) -> None:
    assert not is_kept(event, STOP, tools=True)


def test_bytes_nobody_read_are_kept_where_that_is_wanted() -> None:
    assert worth_keeping((START, RelayedBytes(b"{}"), STOP), (), tools=False, relayed=True)


@pytest.mark.parametrize(
    "told",
    [
        "temperature=dropped", "top_k=dropped", "response_format=unmet",
        "response_format=unchecked", "proofs=lost",
    ],
)  # fmt: skip
def test_what_was_not_drawn_or_does_not_fit_as_asked_is_not_kept(told: str) -> None:
    assert not is_kept(TextDelta("Hi"), STOP, told=told)


def test_an_answer_without_an_end_is_not_kept() -> None:
    assert not is_kept(TextDelta("Hi"))


@given(lawful_answers())
def test_merging_changes_nothing_but_the_id_and_the_number_of_events(
    events: list[StreamEvent],
) -> None:
    few = merged(events)
    before, after = ResponseBuilder(), ResponseBuilder()
    before.add([ResponseStarted("", "upstream"), *events[1:]])
    after.add(few)
    assert after.build() == before.build()
    assert merged(few) == few
    kinds = [type(event) for event in few]
    for kind in (TextDelta, ReasoningDelta):
        assert not any(pair == (kind, kind) for pair in itertools.pairwise(kinds))


@given(lawful_answers())
def test_what_is_held_has_a_size(events: list[StreamEvent]) -> None:
    size = held_bytes(events)
    assert size >= 100 * len(events)
    assert held_bytes([*events, TextDelta("x" * 1000)]) > size + 1000
