"""The automaton of stream laws itself: each law that is broken is found."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from modelmux.adapters.memory.sealer import MemorySealer
from modelmux.domain.events import (
    AnnotationAdded,
    FinishReason,
    ReasoningDelta,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    Usage,
)
from modelmux.entrypoints.client_dialect import AnswerHead
from modelmux.entrypoints.messages.envelope import MessagesEnvelope
from modelmux.entrypoints.messages.stream import MessageStream
from tests.support.messages_laws import judged

Json = Any  # JSON, changed piece by piece
Events = list[Json]

STREAM = MessageStream(AnswerHead("msg_1", 12, MessagesEnvelope("m")), MemorySealer()).encode(
    [
        ResponseStarted("", ""),
        ReasoningDelta("t"),
        TextDelta("a"),
        AnnotationAdded({"type": "char_location", "cited_text": "a"}),
        ToolCallStarted(0, "call_a", "f"),
        ToolCallDelta(0, '{"a":1}'),
        ResponseFinished((FinishReason.TOOL_CALLS,), Usage(3, 2)),
    ]
)


def events() -> Events:
    return [json.loads(frame.partition(b"data: ")[2]) for frame in STREAM.split(b"\n\n")[:-1]]


def framed(all_events: Events) -> bytes:
    return b"".join(
        f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in all_events
    )


def at(all_events: Events, kind: str, number: int = 0) -> int:
    """Return where the event, or the delta, of that kind stands."""
    places = [
        place
        for place, it in enumerate(all_events)
        if kind in (it["type"], it.get("delta", {}).get("type"))
    ]
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


def moved(kind: str, to: int, number: int = 0) -> Callable[[Events], None]:
    def change(all_events: Events) -> None:
        all_events.insert(to, all_events.pop(at(all_events, kind, number)))

    return change


def altered(kind: str, path: str, value: Json, number: int = 0) -> Callable[[Events], None]:
    def change(all_events: Events) -> None:
        inner = all_events[at(all_events, kind, number)]
        *way, last = path.split(".")
        for step in way:
            inner = inner[step]
        inner[last] = value

    return change


BROKEN = {
    "message_start is missing": left_out("message_start"),
    "message_start comes twice": twice("message_start"),
    "something comes before message_start": moved("message_start", 1),
    "the message begins with content": altered("message_start", "message.content", [{}]),
    "the message begins with its end": altered("message_start", "message.stop_reason", "end_turn"),
    "usage at the start lacks a figure": altered("message_start", "message.usage", {}),
    "a block is not announced": left_out("content_block_start"),
    "a block is announced twice": twice("content_block_start"),
    "a block is not stopped": left_out("content_block_stop"),
    "a block is stopped twice": twice("content_block_stop"),
    "the last block is not stopped": left_out("content_block_stop", -1),
    "an index is left out": altered("content_block_start", "index", 2, 1),
    "a delta of another block": altered("text_delta", "index", 0),
    "a stop of another block": altered("content_block_stop", "index", 0, 1),
    "blocks are woven": moved("content_block_stop", 6),
    "a text begins with words": altered("content_block_start", "content_block.text", "a", 1),
    "thinking begins without a signature": altered(
        "content_block_start", "content_block", {"type": "thinking", "thinking": ""}
    ),
    "a call begins with an input": altered(
        "content_block_start", "content_block.input", {"a": 1}, 2
    ),
    "a call has no id": altered("content_block_start", "content_block.id", "", 2),
    "a delta of the wrong kind": altered(
        "text_delta", "delta", {"type": "thinking_delta", "thinking": "a"}
    ),
    "a delta nobody knows": altered("text_delta", "delta.type", "poem_delta"),
    "a text without words": left_out("text_delta"),
    "thinking without a signature": left_out("signature_delta"),
    "thinking with two signatures": twice("signature_delta"),
    "thinking after its signature": moved("thinking_delta", 3),
    "an input that is cut": altered("input_json_delta", "delta.partial_json", '{"a":'),
    "an input that is no object": altered("input_json_delta", "delta.partial_json", "[]"),
    "message_delta is missing": left_out("message_delta"),
    "message_delta comes twice": twice("message_delta"),
    "a block after message_delta": moved("message_delta", 1),
    "a reason nobody knows": altered("message_delta", "delta.stop_reason", "stop"),
    "calls that nobody waits for": altered("message_delta", "delta.stop_reason", "end_turn"),
    "a sequence without its reason": altered("message_delta", "delta.stop_sequence", "X"),
    "a reason without its sequence": altered("message_delta", "delta.stop_reason", "stop_sequence"),
    "usage at the end lacks a figure": altered("message_delta", "usage", {"input_tokens": 1}),
    "usage below nothing": altered("message_delta", "usage.input_tokens", -1),
    "message_stop is missing": left_out("message_stop"),
    "message_stop comes twice": twice("message_stop"),
    "message_stop comes too early": moved("message_stop", -1),
    "an event nobody knows": altered("message_stop", "type", "message_end"),
}


def test_the_stream_that_is_broken_below_is_lawful() -> None:
    assert judged(STREAM) == judged(framed(events()))


@pytest.mark.parametrize("break_", BROKEN.values(), ids=BROKEN)
def test_a_broken_law_is_found(break_: Callable[[Events], None]) -> None:
    changed = events()
    break_(changed)
    with pytest.raises((AssertionError, KeyError)):
        judged(framed(changed))


@pytest.mark.parametrize(
    "data",
    [
        STREAM + b"data: [DONE]\n\n",
        STREAM[:-1],
        STREAM.replace(b"event: message_delta\n", b""),
        STREAM.replace(b"event: message_stop", b"event: message_delta"),
        b"",
    ],
    ids=["a mark of the end", "a frame is cut", "no name", "another name", "nothing"],
)
def test_broken_frames_are_found(data: bytes) -> None:
    with pytest.raises(AssertionError):
        judged(data)


def test_pings_may_come_anywhere() -> None:
    ping = b'event: ping\ndata: {"type":"ping"}\n\n'
    assert judged(ping + STREAM.replace(b"\n\n", b"\n\n" + ping, 5)) == judged(STREAM)
