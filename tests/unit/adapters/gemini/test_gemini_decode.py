"""Gemini's answers, whole and streamed, as events."""

import itertools
import json
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmux.adapters.gemini.decode import GeminiStreamDecoder, decode_reason, decode_whole
from modelmux.adapters.transport.sse import SseFrame
from modelmux.domain.conversation import Message, Proof, Reasoning, Role, Text, ToolCall, Vendor
from modelmux.domain.errors import (
    ConversionError,
    ProviderProtocolBroken,
    StreamCut,
    UpstreamFailed,
    UpstreamOverloaded,
)
from modelmux.domain.events import (
    FinishReason,
    ReasoningFinished,
    ResponseFinished,
    ResponseStarted,
    StreamEvent,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    ToolCallStarted,
    Usage,
)
from tests.support.streams import at_every_byte, cut_after_frames, fold, read_chunks

FIXTURES = Path(__file__).parents[3] / "fixtures" / "gemini"
MODEL = "gemini-3.8-flash"
make = partial(GeminiStreamDecoder, MODEL)
WHOLE_STREAMS = [
    "text", "thoughts-and-calls", "custom-tool", "newer-than-us", "blocked-prompt", "all-thought",
    "two-candidates",
]  # fmt: skip


def recorded(name: str) -> bytes:
    return (FIXTURES / name).read_bytes()


def events_of(name: str) -> list[StreamEvent]:
    return read_chunks(make, [recorded(f"{name}.sse")])


def signed(value: str) -> Proof:
    return Proof(Vendor.GOOGLE, MODEL, "thought_signature", value)


def test_text_comes_in_its_pieces_and_a_lone_signature_is_kept() -> None:
    assert events_of("text") == [
        ResponseStarted("resp-A_1", MODEL),
        TextDelta("Grüße"),
        TextDelta(", 世界!"),
        ReasoningFinished(signed("CiQBtext")),
        ResponseFinished((FinishReason.STOP,), Usage(22, 38, 5, 0, 30)),
    ]


def test_a_call_bears_its_signature_and_gets_an_id_that_is_always_the_same() -> None:
    response = fold(events_of("thoughts-and-calls"))
    assert response.candidates[0].items == (
        Reasoning("Two cities: two calls."),
        Message(Role.ASSISTANT, (Text("Let me look."),)),
        ToolCall("call_g_resp-A_1_0", "get_weather", '{"city": "Oslo"}', proof=signed("CiQBcall")),
        ToolCall("call_g_resp-A_1_1", "get_time", "{}"),
    )
    assert response.candidates[0].reason is FinishReason.TOOL_CALLS


def test_a_whole_answer_and_its_stream_fold_to_the_same_items() -> None:
    whole = fold(decode_whole(recorded("thoughts-and-calls.json"), model=MODEL))
    streamed = fold(events_of("thoughts-and-calls"))
    assert (whole.candidates, whole.usage) == (streamed.candidates, streamed.usage)


def test_the_escapes_of_arguments_stay() -> None:
    started, *deltas, _ = events_of("custom-tool")[1:]
    assert started == ToolCallStarted(0, "g1", "shell", proof=signed("CiQBcall"))
    told = "".join(one.arguments for one in deltas if isinstance(one, ToolCallDelta))
    assert json.loads(told) == {"input": 'ls "a b"ä'}


def test_calls_of_answers_without_an_id_differ_from_answer_to_answer() -> None:
    ids: set[str] = set()
    for created in ("10:00", "10:01"):
        body = (
            f'{{"createTime":"{created}","candidates":[{{"finishReason":"STOP","content":'
            '{"parts":[{"functionCall":{"name":"f"}}]}}]}'
        )
        events = decode_whole(body.encode(), model=MODEL)
        ids.update(event.id for event in events if isinstance(event, ToolCallStarted))
    assert len(ids) == 2


def test_parts_and_reasons_of_tomorrow_are_no_error() -> None:
    response = fold(events_of("newer-than-us"))
    assert response.candidates[0].items == (Message(Role.ASSISTANT, (Text("Hi"),)),)
    assert response.candidates[0].reason is FinishReason.OTHER


def test_a_blocked_prompt_is_filtered_content_without_text() -> None:
    response = fold(events_of("blocked-prompt"))
    assert response.candidates[0].reason is FinishReason.CONTENT_FILTER
    assert response.candidates[0].items == ()


def test_an_answer_may_be_all_thought() -> None:
    response = fold(events_of("all-thought"))
    assert response.candidates[0].reason is FinishReason.LENGTH
    assert response.usage == Usage(20, 30, 0, 0, 30)


def test_candidates_keep_apart() -> None:
    first, second = fold(events_of("two-candidates")).candidates
    assert first.items == (Message(Role.ASSISTANT, (Text("A!"),)),)
    assert second.items == (Message(Role.ASSISTANT, (Text("B?"),)),)
    assert (first.reason, second.reason) == (FinishReason.STOP, FinishReason.LENGTH)


def test_log_probabilities_stand_with_the_text() -> None:
    events = decode_whole(recorded("logprobs.json"), model=MODEL)
    likeliest = (
        TokenLogprob("Hi", -0.1, tuple(b"Hi")),
        TokenLogprob("Yo", -2.5, tuple(b"Yo")),
    )
    chosen = TokenLogprob("Hi", -0.1, tuple(b"Hi"), likeliest)
    assert events[1] == TextDelta("Hi", 0, (chosen,))


def test_an_error_inside_the_stream_is_raised() -> None:
    with pytest.raises(UpstreamOverloaded, match="overloaded"):
        events_of("error-midway")


def test_a_list_of_one_error_inside_the_stream_is_raised() -> None:
    frame = SseFrame(b"", b'[{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}]')
    with pytest.raises(UpstreamOverloaded, match="busy"):
        make().feed((frame,))


def test_a_call_the_model_spoiled_is_its_failure() -> None:
    with pytest.raises(UpstreamFailed, match="MALFORMED_FUNCTION_CALL"):
        events_of("malformed-call")


def test_media_in_an_answer_is_not_dropped_in_silence() -> None:
    frame = b'{"candidates":[{"content":{"parts":[{"inlineData":{"mimeType":"image/png"}}]}}]}'
    with pytest.raises(ConversionError):
        make().feed((SseFrame(b"", frame),))


@pytest.mark.parametrize("name", WHOLE_STREAMS)
def test_cutting_between_any_two_bytes_changes_no_event(name: str) -> None:
    assert read_chunks(make, at_every_byte(recorded(f"{name}.sse"))) == events_of(name)


@given(st.sampled_from(WHOLE_STREAMS), st.lists(st.integers(0, 4000), max_size=12))
def test_however_a_stream_is_cut_up_its_events_are_the_same(name: str, cuts: list[int]) -> None:
    body = recorded(f"{name}.sse")
    places = sorted({0, len(body), *(cut % len(body) for cut in cuts)})
    chunks = [body[a:b] for a, b in itertools.pairwise(places)]
    assert read_chunks(make, chunks) == events_of(name)


@pytest.mark.parametrize("name", ["text", "thoughts-and-calls", "newer-than-us", "two-candidates"])
def test_a_stream_that_ends_after_any_frame_but_the_last_is_cut(name: str) -> None:
    for beginning in cut_after_frames(recorded(f"{name}.sse")):
        with pytest.raises(StreamCut):
            read_chunks(make, [beginning])


def test_a_stream_without_a_frame_is_no_answer() -> None:
    with pytest.raises(ProviderProtocolBroken):
        read_chunks(make, [b": keep-alive\n\n"])


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"null", b"<html>", b'{"candidates":[{"index":0}]}', b'{"candidates":1}']
)
def test_a_body_that_is_no_answer_is_a_broken_protocol(body: bytes) -> None:
    with pytest.raises(ProviderProtocolBroken):
        decode_whole(body, model=MODEL)


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("STOP", FinishReason.STOP),
        ("MAX_TOKENS", FinishReason.LENGTH),
        ("SAFETY", FinishReason.CONTENT_FILTER),
        ("IMAGE_RECITATION", FinishReason.CONTENT_FILTER),
        ("LANGUAGE", FinishReason.CONTENT_FILTER),
    ],
)
def test_finish_reasons_have_their_own(word: str, reason: FinishReason) -> None:
    assert decode_reason(word, called=False) is reason
