"""The automaton of stream laws itself: each law that is broken is found."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from modelmux.domain.events import (
    AnnotationAdded,
    FinishReason,
    ReasoningDelta,
    RefusalDelta,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from modelmux.entrypoints.responses.turn_wire import ResponsesWire
from tests.support.responses_laws import ResponsesStreamLaws
from tests.support.responses_records import OpenSealer, asked, whole_stream

Json = Any  # JSON, changed piece by piece
Events = list[Json]

STREAM = whole_stream(
    ResponsesWire(OpenSealer()),
    asked(),
    [
        ResponseStarted("", ""),
        ReasoningDelta("t"),
        TextDelta("a"),
        AnnotationAdded({"type": "url_citation"}),
        RefusalDelta("no"),
        ToolCallStarted(0, "call_a", "f"),
        ToolCallDelta(0, "{}"),
        ToolCallStarted(1, "call_b", "g", "custom"),
        ToolCallDelta(1, "w"),
        ResponseFinished((FinishReason.STOP,)),
    ],
)
DONE = STREAM[-1]


def events() -> Events:
    return [json.loads(frame.partition(b"data: ")[2]) for frame in STREAM[:-1]]


def framed(all_events: Events, *, renumbered: bool = True) -> list[bytes]:
    frames: list[bytes] = []
    for number, event in enumerate(all_events):
        if renumbered:
            event["sequence_number"] = number
        frames.append(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
    return frames


def judge(frames: list[bytes]) -> None:
    laws = ResponsesStreamLaws()
    for frame in frames:
        laws.feed(frame)
    laws.close()


def at(all_events: Events, kind: str, number: int = 0) -> int:
    """Return where the event of that kind stands."""
    places = [place for place, it in enumerate(all_events) if it["type"] == f"response.{kind}"]
    return places[number]


def left_out(kind: str, number: int = 0) -> Callable[[Events], None]:
    def change(all_events: Events) -> None:
        del all_events[at(all_events, kind, number)]

    return change


def twice(kind: str, number: int = 0) -> Callable[[Events], None]:
    def change(all_events: Events) -> None:
        place = at(all_events, kind, number)
        all_events.insert(place, json.loads(json.dumps(all_events[place])))

    return change


def altered(kind: str, path: str, value: Json, number: int = 0) -> Callable[[Events], None]:
    def change(all_events: Events) -> None:
        *way, last = [int(it) if it.lstrip("-").isdigit() else it for it in path.split(".")]
        inner = all_events[at(all_events, kind, number)]
        for step in way:
            inner = inner[step]
        inner[last] = value

    return change


def to_the_front(all_events: Events) -> None:
    all_events.insert(0, all_events.pop(at(all_events, "in_progress")))


def with_an_error(all_events: Events) -> None:
    all_events.insert(-1, {"type": "error", "code": None, "message": "m", "param": None})


def with_something_after_the_end(all_events: Events) -> None:
    all_events.append(json.loads(json.dumps(all_events[-1])))


BROKEN = {
    "created is missing": left_out("created"),
    "created comes twice": twice("created"),
    "in_progress is missing": left_out("in_progress"),
    "something comes before created": to_the_front,
    "the id changes": altered("completed", "response.id", "resp_other"),
    "output at the beginning": altered("created", "response.output", [{}]),
    "usage at the beginning": altered("in_progress", "response.usage", {}),
    "an item is not announced": left_out("output_item.added"),
    "an item is announced twice": twice("output_item.added"),
    "an item is not done": left_out("output_item.done"),
    "an item is done twice": twice("output_item.done"),
    "an index is left out": altered("output_item.added", "output_index", 7),
    "an item's id changes": altered("output_item.done", "item.id", "rs_other"),
    "an item's type changes": altered("output_item.done", "item.type", "message"),
    "a call's id changes": altered("output_item.done", "item.call_id", "other", 2),
    "an item begins with content": altered("output_item.added", "item.content", [{}], 1),
    "a call begins with arguments": altered("output_item.added", "item.arguments", "{}", 2),
    "a delta of another item": altered("output_text.delta", "item_id", "msg_other"),
    "a delta of an unknown item": altered("output_text.delta", "output_index", 9),
    "a delta of an unknown part": altered("output_text.delta", "content_index", 1),
    "a part is not announced": left_out("content_part.added"),
    "a part is announced twice": twice("content_part.added"),
    "a part is not done": left_out("content_part.done"),
    "a part begins with text": altered("content_part.added", "part.text", "a"),
    "a text is not told whole": left_out("output_text.done"),
    "a delta is lost": left_out("output_text.delta"),
    "a text is another in the end": altered("output_text.done", "text", "b"),
    "a part is another in the end": altered("content_part.done", "part.text", "b"),
    "a message is another in the end": altered("output_item.done", "item.content", [], 1),
    "logprobs are left out": altered("output_text.delta", "logprobs", None),
    "a citation is lost": left_out("output_text.annotation.added"),
    "a citation has another index": altered("output_text.annotation.added", "annotation_index", 1),
    "a refusal is another": altered("refusal.done", "refusal", "yes"),
    "a refusal is not told whole": left_out("refusal.done"),
    "a summary part is not announced": left_out("reasoning_summary_part.added"),
    "a summary part is not done": left_out("reasoning_summary_part.done"),
    "a summary is not told whole": left_out("reasoning_summary_text.done"),
    "a summary is another": altered("output_item.done", "item.summary", []),
    "arguments are not told whole": left_out("function_call_arguments.done"),
    "arguments are others": altered("function_call_arguments.done", "arguments", "{1}"),
    "arguments are of another": altered("function_call_arguments.done", "name", "h"),
    "arguments of the wrong kind": altered("function_call_arguments.delta", "output_index", 3),
    "a custom call's input is lost": left_out("custom_tool_call_input.delta"),
    "an end of another status": altered("completed", "response.status", "failed"),
    "an end with an error": altered("completed", "response.error", {"code": "x"}),
    "an end with no reason": altered("completed", "response.status", "incomplete"),
    "an item missing in the end": altered("completed", "response.output", []),
    "an item incomplete in the end": altered("completed", "response.output.3.status", "incomplete"),
    "an error event": with_an_error,
    "an event after the last": with_something_after_the_end,
    "no last event": left_out("completed"),
    "a truthy member error": altered("output_text.delta", "error", {"message": "m"}),
    "an event of nobody": altered("output_text.delta", "type", "response.unheard_of.delta"),
}


def test_the_stream_that_is_broken_below_is_lawful() -> None:
    judge(STREAM)
    judge([*framed(events()), DONE])


@pytest.mark.parametrize("break_", BROKEN.values(), ids=BROKEN)
def test_a_broken_law_is_found(break_: Callable[[Events], None]) -> None:
    changed = events()
    break_(changed)
    with pytest.raises((AssertionError, TypeError)):
        judge([*framed(changed), DONE])


def test_a_gap_in_the_numbers_is_found() -> None:
    changed = events()
    changed[4]["sequence_number"] += 1
    with pytest.raises(AssertionError, match="rise by one"):
        judge([*framed(changed, renumbered=False), DONE])


def test_a_missing_or_repeated_end_is_found() -> None:
    for frames in (STREAM[:-1], [*STREAM, DONE], [*STREAM, STREAM[0]], [DONE, *STREAM]):
        with pytest.raises(AssertionError):
            judge(frames)


def test_a_frame_in_two_chunks_is_found_where_that_matters() -> None:
    halves = [STREAM[0][:20], STREAM[0][20:], *STREAM[1:]]
    with pytest.raises(AssertionError, match="split"):
        judge(halves)
    laws = ResponsesStreamLaws(whole_frames=False)
    for half in halves:
        laws.feed(half)
    laws.close()


def test_a_frame_whose_name_is_not_its_type_is_found() -> None:
    with pytest.raises(AssertionError):
        judge([STREAM[0].replace(b"event: response.created", b"event: response.queued")])
    with pytest.raises(AssertionError):
        judge([STREAM[0].partition(b"\n")[2]])


def test_comments_keep_a_stream_alive() -> None:
    judge([STREAM[0], b": keep-alive\n\n", *STREAM[1:]])
