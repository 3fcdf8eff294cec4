"""Claude's answers, whole and streamed, as events."""

import itertools
import json
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmux.adapters.anthropic_messages.decode import (
    MessagesStreamDecoder,
    decode_whole,
)
from modelmux.adapters.anthropic_messages.endings import decode_reason
from modelmux.adapters.transport.sse import SseFrame
from modelmux.domain.conversation import (
    Message,
    OpaqueItem,
    Proof,
    Reasoning,
    Role,
    Text,
    ToolCall,
    Vendor,
)
from modelmux.domain.dialect import Dialect
from modelmux.domain.errors import ProviderProtocolBroken, StreamCut, UpstreamOverloaded
from modelmux.domain.events import (
    AnnotationAdded,
    FinishReason,
    OpaqueItemAdded,
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
from tests.support.streams import at_every_byte, cut_after_frames, fold, read_chunks

FIXTURES = Path(__file__).parents[3] / "fixtures" / "anthropic_messages"
MODEL = "claude-sonnet-5-5"
make = partial(MessagesStreamDecoder, MODEL)
WHOLE_STREAMS = ["text", "thinking-and-tools", "custom-tool", "newer-than-us", "refusal"]


def recorded(name: str) -> bytes:
    return (FIXTURES / name).read_bytes()


def events_of(name: str) -> list[StreamEvent]:
    return read_chunks(make, [recorded(f"{name}.sse")])


def test_text_comes_in_the_pieces_it_was_sent_in() -> None:
    assert events_of("text") == [
        ResponseStarted("msg_01", MODEL),
        TextDelta("Grüße"),
        TextDelta(", 世界!"),
        ResponseFinished((FinishReason.STOP,), Usage(133, 15, 100, 8)),
    ]


def test_thoughts_keep_their_proofs_and_calls_are_counted_among_themselves() -> None:
    response = fold(events_of("thinking-and-tools"))
    signature = Proof(Vendor.ANTHROPIC, MODEL, "signature", "EqQBCgIYAhIM")
    redacted = Proof(Vendor.ANTHROPIC, MODEL, "redacted_thinking", "EmwKAhgBEgy3va3p")
    assert response.candidates[0].items == (
        Reasoning("Two cities: two calls.", signature),
        Reasoning("", redacted),
        Message(Role.ASSISTANT, (Text("Let me look."),)),
        ToolCall("toolu_01", "get_weather", '{"city": "Oslo"}'),
        ToolCall("toolu_02", "get_time", "{}"),
    )
    assert response.candidates[0].reason is FinishReason.TOOL_CALLS
    assert response.usage == Usage(133, 15, 100, 8, 9)


def test_a_whole_answer_and_its_stream_fold_to_the_same_items() -> None:
    whole = fold(decode_whole(recorded("thinking-and-tools.json"), model=MODEL))
    streamed = fold(events_of("thinking-and-tools"))
    assert whole.usage == streamed.usage
    assert whole.candidates == streamed.candidates


def test_the_escapes_of_arguments_stay() -> None:
    started, *deltas, _ = events_of("custom-tool")[1:]
    assert started == ToolCallStarted(0, "toolu_01", "shell")
    told = "".join(one.arguments for one in deltas if isinstance(one, ToolCallDelta))
    assert json.loads(told) == {"input": 'ls "a b"ä'}


def test_events_blocks_deltas_and_reasons_of_tomorrow_are_no_error() -> None:
    response = fold(events_of("newer-than-us"))
    assert response.candidates[0].items == (Message(Role.ASSISTANT, (Text("Hi"),)),)
    assert response.candidates[0].reason is FinishReason.OTHER


def test_a_refusal_is_filtered_content() -> None:
    assert fold(events_of("refusal")).candidates[0].reason is FinishReason.CONTENT_FILTER


def test_an_error_inside_the_stream_is_raised() -> None:
    with pytest.raises(UpstreamOverloaded, match="Overloaded") as raised:
        events_of("error-midway")
    assert raised.value.status == 529


@pytest.mark.parametrize("name", WHOLE_STREAMS)
def test_cutting_between_any_two_bytes_changes_no_event(name: str) -> None:
    assert read_chunks(make, at_every_byte(recorded(f"{name}.sse"))) == events_of(name)


@given(st.sampled_from(WHOLE_STREAMS), st.lists(st.integers(0, 4000), max_size=12))
def test_however_a_stream_is_cut_up_its_events_are_the_same(name: str, cuts: list[int]) -> None:
    body = recorded(f"{name}.sse")
    places = sorted({0, len(body), *(cut % len(body) for cut in cuts)})
    chunks = [body[a:b] for a, b in itertools.pairwise(places)]
    assert read_chunks(make, chunks) == events_of(name)


@pytest.mark.parametrize("name", WHOLE_STREAMS)
def test_a_stream_that_ends_after_any_frame_but_the_last_is_cut(name: str) -> None:
    beginnings = cut_after_frames(recorded(f"{name}.sse"))
    assert len(beginnings) > 3
    for beginning in beginnings:
        with pytest.raises(StreamCut):
            read_chunks(make, [beginning])


def test_a_stream_without_a_frame_is_no_answer() -> None:
    with pytest.raises(ProviderProtocolBroken):
        read_chunks(make, [b": keep-alive\n\n"])


@pytest.mark.parametrize(
    "frame",
    [
        SseFrame(b"message_start", b"{"),
        SseFrame(b"content_block_delta", b'{"index":"x","delta":{}}'),
        SseFrame(b"content_block_delta", b'{"index":0,"delta":{"type":"text_delta","text":"x"}}'),
        SseFrame(b"message_start", b"\xff"),
    ],
    ids=["broken", "wrong type", "before the start", "not UTF-8"],
)
def test_what_is_not_the_language_is_a_broken_protocol(frame: SseFrame) -> None:
    with pytest.raises(ProviderProtocolBroken):
        make().feed((frame,))


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"<html>", b'{"content":null}'])
def test_a_body_that_is_no_message_is_a_broken_protocol(body: bytes) -> None:
    with pytest.raises(ProviderProtocolBroken):
        decode_whole(body, model=MODEL)


def test_a_stream_without_event_names_is_read_by_its_types() -> None:
    body = recorded("text.sse").decode()
    nameless = "".join(line for line in body.splitlines(True) if not line.startswith("event:"))
    assert read_chunks(make, [nameless.encode()]) == events_of("text")


def test_nothing_counts_after_the_end() -> None:
    decoder = make()
    decoder.feed((SseFrame(b"message_start", b'{"message":{}}'), SseFrame(b"message_stop", b"{}")))
    late = SseFrame(b"content_block_delta", b'{"index":0,"delta":{"type":"text_delta","text":"x"}}')
    assert decoder.feed((late,)) == []
    assert decoder.close() == []


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("end_turn", FinishReason.STOP),
        ("pause_turn", FinishReason.PAUSED),
        ("stop_sequence", FinishReason.STOP),
        ("max_tokens", FinishReason.LENGTH),
        ("model_context_window_exceeded", FinishReason.LENGTH),
        ("tool_use", FinishReason.TOOL_CALLS),
        ("refusal", FinishReason.CONTENT_FILTER),
        (None, FinishReason.OTHER),
    ],
)
def test_stop_reasons_have_their_finish_reasons(word: str | None, reason: FinishReason) -> None:
    assert decode_reason(word) is reason


def frame(name: str, **members: object) -> bytes:
    data = json.dumps({"type": name, **members})
    return f"event: {name}\ndata: {data}\n\n".encode()


SEARCH: JsonObject = {
    "type": "server_tool_use",
    "id": "s1",
    "name": "web_search",
    "input": {"query": "x"},
}
FOUND: JsonObject = {"type": "web_search_tool_result", "tool_use_id": "s1", "content": []}
CITED: JsonObject = {
    "type": "web_search_result_location",
    "url": "https://a.test",
    "cited_text": "so",
}
WITH_SEARCH = b"".join(
    [
        frame("message_start", message={"id": "m", "model": MODEL}),
        frame("content_block_start", index=0, content_block=SEARCH | {"input": {}}),
        *(
            frame(
                "content_block_delta",
                index=0,
                delta={"type": "input_json_delta", "partial_json": piece},
            )
            for piece in ('{"que', 'ry": "x"}')
        ),
        frame("content_block_stop", index=0),
        frame("content_block_start", index=1, content_block=FOUND),
        frame("content_block_stop", index=1),
        frame("content_block_start", index=2, content_block={"type": "text", "text": ""}),
        frame("content_block_delta", index=2, delta={"type": "text_delta", "text": "So."}),
        frame("content_block_delta", index=2, delta={"type": "citations_delta", "citation": CITED}),
        frame("content_block_stop", index=2),
        frame("message_delta", delta={"stop_reason": "pause_turn", "stop_sequence": None}),
        frame("message_stop"),
    ]
)
WHOLE_SEARCH = json.dumps(
    {
        "id": "m",
        "model": MODEL,
        "content": [SEARCH, FOUND, {"type": "text", "text": "So.", "citations": [CITED]}],
        "stop_reason": "pause_turn",
    }
).encode()


@pytest.mark.parametrize("whole", [True, False])
def test_blocks_of_the_vendors_own_tools_are_told_to_who_understands_them(whole: bool) -> None:
    if whole:
        events = decode_whole(WHOLE_SEARCH, model=MODEL, opaque=True)
    else:
        events = read_chunks(partial(MessagesStreamDecoder, MODEL, opaque=True), [WITH_SEARCH])
    assert events[1:-1] == [
        OpaqueItemAdded(OpaqueItem("server_tool_use", SEARCH, Dialect.MESSAGES)),
        OpaqueItemAdded(OpaqueItem("web_search_tool_result", FOUND, Dialect.MESSAGES)),
        TextDelta("So."),
        AnnotationAdded(CITED),
    ]
    assert events[-1] == ResponseFinished((FinishReason.PAUSED,))


@pytest.mark.parametrize("whole", [True, False])
def test_to_others_they_are_nothing(whole: bool) -> None:
    if whole:
        events = decode_whole(WHOLE_SEARCH, model=MODEL)
    else:
        events = read_chunks(partial(MessagesStreamDecoder, MODEL), [WITH_SEARCH])
    assert events[1:-1] == [TextDelta("So.")]


@pytest.mark.parametrize("opaque", [True, False])
@pytest.mark.parametrize("member", ["text", "data", "id", "citations"])
def test_a_block_of_tomorrow_may_hold_anything(opaque: bool, member: str) -> None:
    block: JsonObject = {"type": "hologram", member: {"of": 7}}
    body = json.dumps({"content": [block], "stop_reason": "end_turn"}).encode()
    stream = [
        frame("message_start", message={"id": "m", "model": MODEL}),
        frame("content_block_start", index=0, content_block=block),
        frame("content_block_stop", index=0),
        frame("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}),
        frame("message_stop"),
    ]
    told = [OpaqueItemAdded(OpaqueItem("hologram", block, Dialect.MESSAGES))] if opaque else []
    assert decode_whole(body, model=MODEL, opaque=opaque)[1:-1] == told
    decoder = partial(MessagesStreamDecoder, MODEL, opaque=opaque)
    assert read_chunks(decoder, [b"".join(stream)])[1:-1] == told
    known = body.replace(b"hologram", b"text")
    with pytest.raises(ProviderProtocolBroken):
        decode_whole(known.replace(f'"{member}"'.encode(), b'"text"'), model=MODEL)


def test_a_call_of_the_vendors_own_that_is_no_json_is_told() -> None:
    broken = WITH_SEARCH.replace(b'\\"x\\"}', b'\\"x')
    with pytest.raises(ProviderProtocolBroken, match="tool of its own"):
        read_chunks(partial(MessagesStreamDecoder, MODEL, opaque=True), [broken])


def test_the_stop_sequence_that_was_met_is_told() -> None:
    body: JsonObject = {"content": [], "stop_reason": "stop_sequence", "stop_sequence": "END"}
    assert decode_whole(json.dumps(body).encode(), model=MODEL)[-1] == ResponseFinished(
        (FinishReason.STOP,), None, "END"
    )


def test_a_refusal_says_why_if_the_model_does() -> None:
    details: JsonObject = {"type": "refusal", "category": "cyber", "explanation": "Not that."}
    body: JsonObject = {"content": [], "stop_reason": "refusal", "stop_details": details}
    assert decode_whole(json.dumps(body).encode(), model=MODEL)[1:] == [
        RefusalDelta("Not that."),
        ResponseFinished((FinishReason.CONTENT_FILTER,)),
    ]
