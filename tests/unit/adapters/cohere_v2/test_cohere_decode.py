"""Cohere's answers, whole and streamed, as events."""

import itertools
import json
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmux.adapters.cohere_v2.decode import CohereStreamDecoder, decode_whole
from modelmux.adapters.cohere_v2.endings import decode_reason
from modelmux.adapters.transport.sse import SseFrame
from modelmux.domain.conversation import Message, Reasoning, Role, Text, ToolCall
from modelmux.domain.errors import ProviderProtocolBroken, StreamCut, UpstreamFailed
from modelmux.domain.events import (
    AnnotationAdded,
    FinishReason,
    ResponseFinished,
    ResponseStarted,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    Usage,
)
from tests.support.streams import at_every_byte, cut_after_frames, fold, read_chunks

FIXTURES = Path(__file__).parents[3] / "fixtures" / "cohere_v2"
MODEL = "command-a-reasoning-08-2025"
make = partial(CohereStreamDecoder, MODEL)
WHOLE_STREAMS = [
    "text", "plan-and-calls", "thinking", "citations", "custom-tool", "newer-than-us",
]  # fmt: skip
USAGE = Usage(507, 12, 32)


def recorded(name: str) -> bytes:
    return (FIXTURES / name).read_bytes()


def events_of(name: str) -> list[StreamEvent]:
    return read_chunks(make, [recorded(f"{name}.sse")])


def frame(text: str) -> SseFrame:
    return SseFrame(b"", text.encode())


def test_text_comes_in_its_pieces_and_usage_is_what_was_counted_not_billed() -> None:
    assert events_of("text") == [
        ResponseStarted("c-1", MODEL),
        TextDelta("Grüße"),
        TextDelta(", 世界!"),
        ResponseFinished((FinishReason.STOP,), USAGE),
    ]


def test_a_plan_is_what_was_thought_before_the_calls() -> None:
    (answer,) = fold(events_of("plan-and-calls")).candidates
    assert answer.reason is FinishReason.TOOL_CALLS
    assert answer.items == (
        Reasoning("Two cities: two calls."),
        ToolCall("get_weather_1", "get_weather", '{"city": "Oslo"}'),
        ToolCall("get_time_2", "get_time", "{}"),
    )


def test_thoughts_are_apart_from_the_text() -> None:
    (answer,) = fold(events_of("thinking")).candidates
    assert answer.items == (
        Reasoning("Let me think."),
        Message(Role.ASSISTANT, (Text("Four."),)),
    )


@pytest.mark.parametrize("name", ["plan-and-calls", "thinking"])
def test_a_whole_answer_and_its_stream_fold_to_the_same(name: str) -> None:
    whole = fold(decode_whole(recorded(f"{name}.json"), model=MODEL))
    assert whole == fold(events_of(name))


def test_citations_are_told_where_their_source_has_an_address() -> None:
    cited = [event.annotation for event in events_of("citations") if type(event) is AnnotationAdded]
    assert cited == [
        {
            "type": "url_citation",
            "start_index": 3,
            "end_index": 8,
            "url": "https://weather.example/oslo",
            "title": "Oslo",
        }
    ]


def test_a_citation_counts_in_its_own_block_of_a_whole_answer() -> None:
    body = (
        b'{"id":"c","finish_reason":"COMPLETE","message":{"content":[{"type":"text","text":"One. "}'
        b',{"type":"text","text":"Two."}],"citations":[{"start":0,"end":3,"content_index":1,'
        b'"sources":[{"type":"tool","tool_output":{"url":"https://a.example/","title":7}}]}]}}'
    )
    (told,) = [e.annotation for e in decode_whole(body, model=MODEL) if type(e) is AnnotationAdded]
    assert (told["start_index"], told["end_index"], told["title"]) == (5, 8, "")


def test_the_escapes_of_arguments_stay() -> None:
    started, *deltas, _ = events_of("custom-tool")[1:]
    assert started == ToolCallStarted(0, "shell_1", "shell")
    told = "".join(one.arguments for one in deltas if isinstance(one, ToolCallDelta))
    assert json.loads(told) == {"input": 'ls "a b"ä'}


def test_frames_and_reasons_of_tomorrow_are_no_error() -> None:
    (answer,) = fold(events_of("newer-than-us")).candidates
    assert answer.items == (Message(Role.ASSISTANT, (Text("Hi"),)),)
    assert answer.reason is FinishReason.OTHER


def test_a_model_that_failed_did_not_finish() -> None:
    with pytest.raises(UpstreamFailed, match="ERROR") as caught:
        events_of("failed-midway")
    assert caught.value.detail == "internal: model worker lost"
    assert "worker" not in caught.value.message


@pytest.mark.parametrize("name", WHOLE_STREAMS)
def test_cutting_between_any_two_bytes_changes_no_event(name: str) -> None:
    assert read_chunks(make, at_every_byte(recorded(f"{name}.sse"))) == events_of(name)


@given(st.sampled_from(WHOLE_STREAMS), st.lists(st.integers(0, 4000), max_size=12))
def test_however_a_stream_is_cut_up_its_events_are_the_same(name: str, cuts: list[int]) -> None:
    body = recorded(f"{name}.sse")
    places = sorted({0, len(body), *(cut % len(body) for cut in cuts)})
    chunks = [body[a:b] for a, b in itertools.pairwise(places)]
    assert read_chunks(make, chunks) == events_of(name)


# `text` ends with [DONE], which nobody waits for.
@pytest.mark.parametrize("name", [name for name in WHOLE_STREAMS if name != "text"])
def test_a_stream_that_ends_after_any_frame_but_the_last_is_cut(name: str) -> None:
    for beginning in cut_after_frames(recorded(f"{name}.sse")):
        with pytest.raises(StreamCut):
            read_chunks(make, [beginning])


def test_a_done_without_a_reason_is_a_cut() -> None:
    with pytest.raises(StreamCut):
        read_chunks(make, [b'data: {"type":"message-start","id":"c"}\n\ndata: [DONE]\n\n'])


def test_a_stream_without_a_frame_is_no_answer() -> None:
    with pytest.raises(ProviderProtocolBroken):
        read_chunks(make, [b": keep-alive\n\n"])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "nonsense",
        '{"type":"content-delta","delta":{"message":{"content":["x"]}}}',
        '{"type":"tool-call-delta","delta":{"message":{"tool_calls":{"function":'
        '{"arguments":"x"}}}}}',
        '{"type":"tool-call-start","delta":{"message":{"tool_calls":{"id":"","function":{}}}}}',
        '{"type":"message-end","delta":{}}',
    ],
)
def test_a_frame_that_is_none_is_a_broken_protocol(text: str) -> None:
    with pytest.raises(ProviderProtocolBroken):
        make().feed((frame(text),))


def test_calls_that_are_mixed_keep_apart() -> None:
    decoder = make()
    start = (
        '{{"type":"tool-call-start","index":{0},"delta":{{"message":{{"tool_calls":'
        '{{"id":"c{0}","function":{{"name":"f"}}}}}}}}}}'
    )
    more = (
        '{{"type":"tool-call-delta","index":{0},"delta":{{"message":{{"tool_calls":'
        '{{"function":{{"arguments":"{0}"}}}}}}}}}}'
    )
    # The upstream's numbers need not begin with 0.
    frames = [frame(start.format(3)), frame(start.format(4))]
    frames += [frame(more.format(3)), frame(more.format(4))]
    deltas = [event for event in decoder.feed(frames) if type(event) is ToolCallDelta]
    assert deltas == [ToolCallDelta(0, "3"), ToolCallDelta(1, "4")]


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"null", b"<html>", b'{"message":{}}', b'{"message":1}']
)
def test_a_body_that_is_no_answer_is_a_broken_protocol(body: bytes) -> None:
    with pytest.raises(ProviderProtocolBroken):
        decode_whole(body, model=MODEL)


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("COMPLETE", FinishReason.STOP),
        ("STOP_SEQUENCE", FinishReason.STOP),
        ("MAX_TOKENS", FinishReason.LENGTH),
        ("TOOL_CALL", FinishReason.TOOL_CALLS),
        ("ERROR_TOXIC", FinishReason.CONTENT_FILTER),
    ],
)
def test_finish_reasons_have_their_own(word: str, reason: FinishReason) -> None:
    assert decode_reason(word) is reason


@pytest.mark.parametrize("word", ["ERROR", "TIMEOUT"])
def test_failures_are_no_reasons(word: str) -> None:
    with pytest.raises(UpstreamFailed, match=word):
        decode_reason(word)
