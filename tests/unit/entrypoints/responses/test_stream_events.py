"""The events of a Responses stream, one by one; and how streams of a turn end."""

import json
from dataclasses import replace
from typing import Any

import pytest

from modelmux.domain.conversation import OpaqueItem, Proof, Reasoning, Vendor
from modelmux.domain.errors import (
    InvalidRequest,
    ModelmuxError,
    StoreError,
    StreamCut,
    UpstreamOverloaded,
    UpstreamRateLimited,
)
from modelmux.domain.events import (
    AnnotationAdded,
    FinishReason,
    MessageStarted,
    OpaqueItemAdded,
    ReasoningDelta,
    ReasoningFinished,
    RefusalDelta,
    RelayedBytes,
    ResponseFinished,
    ResponseStarted,
    StreamEvent,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    ToolCallStarted,
)
from modelmux.domain.response import Response, ResponseBuilder
from modelmux.domain.turn import Failure, ResponseRecord, Status, Turn
from modelmux.entrypoints.client_dialect import AnswerHead
from modelmux.entrypoints.errors import describe
from modelmux.entrypoints.responses.envelope import ResponsesEnvelope
from modelmux.entrypoints.responses.handler import responses_dialect
from modelmux.entrypoints.responses.turn_wire import ResponsesWire
from modelmux.entrypoints.sealing import open_reasoning
from tests.support.responses_laws import ResponsesStreamLaws
from tests.support.responses_records import RESPONSE_ID, OpenSealer, answered, asked, whole_stream

SEALER = OpenSealer()
WIRE = ResponsesWire(SEALER)
DIALECT = responses_dialect(SEALER)
MARKED = RESPONSE_ID.removeprefix("resp_")
STARTED = ResponseStarted("up_1", "upstream")
STOP = ResponseFinished((FinishReason.STOP,))
LENGTH = ResponseFinished((FinishReason.LENGTH,))
CITED = {"type": "url_citation", "url": "https://example.com/"}
PROOF = Proof(Vendor.ANTHROPIC, "claude", "signature", "s1g")


def told(*events: StreamEvent, record: ResponseRecord | None = None) -> list[Any]:
    """Return what comes between `response.in_progress` and the end, checked by the laws."""
    laws = ResponsesStreamLaws()
    for frame in whole_stream(WIRE, record or asked(), [STARTED, *events]):
        laws.feed(frame)
    laws.close()
    return [
        {name: value for name, value in event.items() if name != "sequence_number"}
        for event in laws.events[2:-1]
    ]


def kinds(events: list[Any]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events]


def test_a_text_has_every_event_in_full() -> None:
    id_ = f"msg_{MARKED}_o0"
    place = {"item_id": id_, "output_index": 0, "content_index": 0}
    item = {"type": "message", "id": id_, "role": "assistant", "phase": "final_answer"}
    empty: dict[str, Any] = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
    whole = {**empty, "text": 'a"\n\u2028b', "annotations": [CITED]}
    assert told(
        MessageStarted("final_answer"),
        TextDelta('a"\n'),
        TextDelta("\u2028b"),
        AnnotationAdded(dict(CITED)),
        STOP,
    ) == [
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": {**item, "status": "in_progress", "content": []},
        },
        {"type": "response.content_part.added", **place, "part": empty},
        {"type": "response.output_text.delta", **place, "delta": 'a"\n', "logprobs": []},
        {"type": "response.output_text.delta", **place, "delta": "\u2028b", "logprobs": []},
        {
            "type": "response.output_text.annotation.added",
            **place,
            "annotation_index": 0,
            "annotation": CITED,
        },
        {"type": "response.output_text.done", **place, "text": 'a"\n\u2028b', "logprobs": []},
        {"type": "response.content_part.done", **place, "part": whole},
        {
            "type": "response.output_item.done",
            "output_index": 0,
            "item": {**item, "status": "completed", "content": [whole]},
        },
    ]


def test_thoughts_have_every_event_in_full() -> None:
    id_ = f"rs_{MARKED}_o0"
    place = {"item_id": id_, "output_index": 0, "summary_index": 0}
    empty = {"type": "summary_text", "text": ""}
    whole = {"type": "summary_text", "text": "ab"}
    item = {"type": "reasoning", "id": id_}
    *events, done = told(
        ReasoningDelta("a"),
        ReasoningDelta("b"),
        ReasoningFinished(PROOF),
        STOP,
        record=asked(store=False),
    )
    assert events == [
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": {**item, "status": "in_progress", "summary": []},
        },
        {"type": "response.reasoning_summary_part.added", **place, "part": empty},
        {"type": "response.reasoning_summary_text.delta", **place, "delta": "a"},
        {"type": "response.reasoning_summary_text.delta", **place, "delta": "b"},
        {"type": "response.reasoning_summary_text.done", **place, "text": "ab"},
        {"type": "response.reasoning_summary_part.done", **place, "part": whole},
    ]
    sealed = done["item"].pop("encrypted_content")
    assert open_reasoning(SEALER, "acme", sealed) == Reasoning("ab", PROOF)
    assert done == {
        "type": "response.output_item.done",
        "output_index": 0,
        "item": {**item, "status": "completed", "summary": [whole]},
    }


def test_calls_mix_and_are_done_in_their_order() -> None:
    events = told(
        ToolCallStarted(0, "call_a", "f", namespace="ns"),
        ToolCallStarted(1, "call_b", "g", "custom"),
        ToolCallDelta(1, "wo"),
        ToolCallDelta(0, '{"a":'),
        ToolCallDelta(1, "rd"),
        ToolCallDelta(0, "1}"),
        ResponseFinished((FinishReason.TOOL_CALLS,)),
    )
    first = {"item_id": f"fc_{MARKED}_o0", "output_index": 0}
    second = {"item_id": f"ctc_{MARKED}_o1", "output_index": 1}
    function_delta = "response.function_call_arguments.delta"
    custom_delta = "response.custom_tool_call_input.delta"
    assert [event["item"]["type"] for event in events[:2]] == ["function_call", "custom_tool_call"]
    assert (events[0]["item"]["arguments"], events[1]["item"]["input"]) == ("", "")
    assert events[2:6] == [
        {"type": custom_delta, **second, "delta": "wo"},
        {"type": function_delta, **first, "delta": '{"a":'},
        {"type": custom_delta, **second, "delta": "rd"},
        {"type": function_delta, **first, "delta": "1}"},
    ]
    assert events[6] == {
        "type": "response.function_call_arguments.done",
        **first,
        "name": "f",
        "arguments": '{"a":1}',
    }
    assert events[7]["item"] == {
        "type": "function_call",
        "id": f"fc_{MARKED}_o0",
        "status": "completed",
        "arguments": '{"a":1}',
        "call_id": "call_a",
        "name": "f",
        "namespace": "ns",
    }
    done = {"type": "response.custom_tool_call_input.done", **second, "input": "word"}
    assert events[8] == done
    assert kinds(events[9:]) == ["output_item.done"]


def test_a_function_without_arguments_is_called_with_an_empty_object() -> None:
    events = told(ToolCallStarted(0, "call_a", "f"), ToolCallDelta(0, ""), STOP)
    assert [event.get("delta") for event in events] == [None, "{}", None, None]
    assert events[-1]["item"]["arguments"] == "{}"


def test_a_refusal_is_a_part_of_its_own() -> None:
    events = told(TextDelta("a"), RefusalDelta("n"), RefusalDelta("o"), TextDelta("b"), STOP)
    assert events[-1]["item"]["content"] == [
        {"type": "output_text", "text": "a", "annotations": [], "logprobs": []},
        {"type": "refusal", "refusal": "no"},
        {"type": "output_text", "text": "b", "annotations": [], "logprobs": []},
    ]
    place = {"item_id": f"msg_{MARKED}_o0", "output_index": 0, "content_index": 1}
    assert [event for event in events if "refusal" in event["type"]] == [
        {"type": "response.refusal.delta", **place, "delta": "n"},
        {"type": "response.refusal.delta", **place, "delta": "o"},
        {"type": "response.refusal.done", **place, "refusal": "no"},
    ]


def test_messages_of_their_own_are_items_of_their_own() -> None:
    events = told(
        MessageStarted("commentary"), TextDelta("a"), MessageStarted(), TextDelta("b"), STOP
    )
    done = [event["item"] for event in events if event["type"].endswith("item.done")]
    assert [item.get("phase") for item in done] == ["commentary", None]
    assert [item["content"][0]["text"] for item in done] == ["a", "b"]


def test_an_item_of_the_vendors_comes_whole_under_an_id_of_ours() -> None:
    search = OpaqueItem("web_search_call", {"type": "web_search_call", "id": "ws_1", "x": [1]})
    added, done = told(OpaqueItemAdded(search), STOP)
    assert added["item"] == {"type": "web_search_call", "id": f"item_{MARKED}_o0", "x": [1]}
    assert done == {**added, "type": "response.output_item.done"}


def test_the_last_item_of_a_cut_answer_is_incomplete_whenever_it_ended() -> None:
    answers: list[list[StreamEvent]] = [
        [TextDelta("a"), ToolCallStarted(0, "call_a", "f"), ToolCallDelta(0, "{")],
        [ToolCallStarted(0, "call_a", "f"), ReasoningDelta("a"), ReasoningFinished(PROOF)],
        [ToolCallStarted(0, "call_a", "f"), TextDelta("a"), MessageStarted()],
    ]
    for events in answers:
        done = [
            event["item"]
            for event in told(*events, LENGTH)
            if event["type"] == "response.output_item.done"
        ]
        assert [item["status"] for item in done] == ["completed", "incomplete"]


def test_logprobs_are_told_where_they_were_asked() -> None:
    delta = TextDelta("ab", logprobs=(TokenLogprob("ab", -1.0),))
    shape = {"token": "ab", "logprob": -1.0, "bytes": [97, 98], "top_logprobs": []}
    for record, logprobs in ((asked(top_logprobs=1), [shape]), (asked(), [])):
        events = told(delta, STOP, record=record)
        assert [event["logprobs"] for event in events[2:4]] == [logprobs] * 2
        assert events[4]["part"]["logprobs"] == logprobs


def test_another_choice_than_the_first_is_not_told() -> None:
    both = ResponseFinished((FinishReason.STOP, FinishReason.STOP))
    assert told(TextDelta("a"), TextDelta("b", choice=1), both) == told(TextDelta("a"), STOP)


@pytest.mark.parametrize(
    ("record", "heads"),
    [
        (asked(), [("created", "in_progress"), ("in_progress", "in_progress")]),
        (
            asked(background=True),
            [("created", "queued"), ("queued", "queued"), ("in_progress", "in_progress")],
        ),
    ],
)
def test_a_stream_begins_with_where_the_response_is(
    record: ResponseRecord, heads: list[tuple[str, str]]
) -> None:
    begun = [json.loads(frame.partition(b"data: ")[2]) for frame in WIRE.writer(record).begin()]
    assert [(event["type"], event["response"]["status"]) for event in begun] == [
        (f"response.{kind}", status) for kind, status in heads
    ]
    for event in begun:
        assert event["response"]["model"] == "m"
        assert (event["response"]["output"], event["response"]["usage"]) == ([], None)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (Status.COMPLETED, "completed"),
        (Status.INCOMPLETE, "incomplete"),
        (Status.CANCELLED, "incomplete"),
        (Status.FAILED, "failed"),
    ],
)
def test_a_stream_ends_with_how_the_response_did(status: Status, kind: str) -> None:
    record = replace(asked(), status=status)
    name, _, data = WIRE.last(record, 7).partition(b"\ndata: ")
    assert name.decode() == f"event: response.{kind}"
    event = json.loads(data)
    assert (event["sequence_number"], event["response"]["status"]) == (7, status)
    assert event["response"] == json.loads(WIRE.body(record))


@pytest.mark.parametrize("status", [Status.QUEUED, Status.IN_PROGRESS])
def test_a_response_that_runs_has_no_last_event(status: Status) -> None:
    with pytest.raises(ValueError, match="runs"):
        WIRE.last(replace(asked(), status=status), 0)


# What the handler of generation calls does with it


def head_of(turn: Turn | None) -> AnswerHead[ResponsesEnvelope]:
    return AnswerHead(RESPONSE_ID, 1, ResponsesEnvelope("m", True), turn)


def laws_of(*chunks: bytes) -> ResponsesStreamLaws:
    laws = ResponsesStreamLaws()
    for chunk in chunks:
        laws.feed(chunk)
    laws.close()
    return laws


def test_a_turn_is_streamed_to_its_record() -> None:
    events: list[StreamEvent] = [STARTED, TextDelta("a"), STOP]
    turn = Turn(asked())
    encoder = DIALECT.stream_encoder(head_of(turn))
    first = encoder.encode(events[:2])
    assert b"response.output_text.delta" in first
    turn.record = answered(turn.asked, events)
    laws = laws_of(first, encoder.encode(events[2:]))
    assert laws.final == json.loads(WIRE.body(turn.record))
    assert encoder.refuse(describe(StreamCut("late")), "req_1") == b""


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (StreamCut("cut"), "server_error"),
        (StoreError("down"), "server_error"),
        (UpstreamRateLimited("slow"), "rate_limit_exceeded"),
        (UpstreamOverloaded("full"), "rate_limit_exceeded"),
        (InvalidRequest("wrong"), "invalid_prompt"),
    ],
)
@pytest.mark.parametrize("events", [[], [STARTED], [STARTED, TextDelta("a")]])
def test_a_turn_that_fails_says_so_once(
    error: ModelmuxError, code: str, events: list[StreamEvent]
) -> None:
    encoder = DIALECT.stream_encoder(head_of(Turn(asked())))
    chunks = [encoder.encode(events)] if events else []
    laws = laws_of(*chunks, encoder.refuse(describe(error), "req_1"))
    assert laws.final is not None
    assert laws.final["status"] == "failed"
    assert laws.final["error"] == {"code": code, "message": f"{error.message} (request id: req_1)"}


def test_a_failure_is_told_as_it_is_kept() -> None:
    turn = Turn(asked())
    turn.record = replace(
        turn.asked, status=Status.FAILED, failure=Failure("invalid_prompt", "kept")
    )
    encoder = DIALECT.stream_encoder(head_of(turn))
    final = laws_of(encoder.refuse(describe(StreamCut("cut")), "req_1")).final
    assert final is not None
    assert final["error"]["code"] == "invalid_prompt"


def test_an_answer_in_the_dialect_passes_as_it_is() -> None:
    encoder = DIALECT.relay_encoder(head_of(Turn(asked(store=False))))
    frames = whole_stream(WIRE, asked(), [STARTED, TextDelta("a"), STOP])
    relayed: list[StreamEvent] = [STARTED, *(RelayedBytes(frame) for frame in frames)]
    assert encoder.encode([*relayed, STOP]) == b"".join(frames)
    assert encoder.refuse(describe(StreamCut("late")), "req_1") == b""


def test_a_passed_answer_that_breaks_off_goes_on_in_its_numbering() -> None:
    turn = Turn(asked(store=False))
    encoder = DIALECT.relay_encoder(head_of(turn))
    frames = whole_stream(WIRE, turn.asked, [STARTED, TextDelta('"sequence_number":99'), STOP])
    passed = [encoder.encode([RelayedBytes(frame)]) for frame in frames[:5]]
    passed.append(encoder.encode([RelayedBytes(b": keep-alive\n\n")]))
    laws = laws_of(*passed, encoder.refuse(describe(StreamCut("cut")), "req_1"))
    assert laws.events[-1]["sequence_number"] == 5
    assert laws.events[-1]["type"] == "response.failed"


def test_a_passed_answer_that_fails_before_its_first_event_is_begun_by_us() -> None:
    encoder = DIALECT.relay_encoder(head_of(Turn(asked(store=False))))
    laws = laws_of(encoder.encode([STARTED]) + encoder.refuse(describe(StreamCut("cut")), "r"))
    assert kinds(laws.events) == ["created", "in_progress", "failed"]


def test_a_background_stream_that_breaks_off_tells_no_end_of_its_response() -> None:
    turn = Turn(asked(background=True))
    encoder = DIALECT.relay_encoder(head_of(turn))
    encoder.encode([RelayedBytes(b"".join(WIRE.writer(turn.asked).begin()))])
    end = encoder.refuse(describe(StreamCut("cut")), "req_1")
    assert end.startswith(b'data: {"error":')
    assert end.count(b"data: ") == 1


def test_a_whole_answer_is_its_record_or_the_relayed_body() -> None:
    events: list[StreamEvent] = [STARTED, TextDelta("a"), STOP]
    builder = ResponseBuilder()
    builder.add(events)
    turn = Turn(asked())
    turn.record = answered(turn.asked, events)
    encoded = DIALECT.encode_response(head_of(turn), builder.build())
    assert encoded == WIRE.body(turn.record)
    relayed = Response("", "", (), None, b'{"id":"r"}')
    assert DIALECT.encode_response(head_of(Turn(asked())), relayed) == b'{"id":"r"}'
