"""Ollama's answers, whole and streamed, as events."""

import itertools
import json
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmux.adapters.ollama_native.decode import OllamaDecoder, OllamaReader, decode_whole
from modelmux.adapters.ollama_native.lines import LineSplitter
from modelmux.domain.conversation import Message, Reasoning, Role, Text, ToolCall
from modelmux.domain.errors import ProviderProtocolBroken, StreamCut, UpstreamFailed
from modelmux.domain.events import (
    FinishReason,
    ResponseFinished,
    ResponseStarted,
    StreamEvent,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    ToolCallStarted,
    Usage,
)
from tests.support.streams import at_every_byte, fold

FIXTURES = Path(__file__).parents[3] / "fixtures" / "ollama_native"
MODEL = "qwen3:8b"
WHOLE_STREAMS = [
    "text", "thoughts-and-calls", "ids", "custom-tool", "length", "logprobs", "newer-than-us",
    "loaded",
]  # fmt: skip
USAGE = Usage(26, 290)


def recorded(name: str) -> bytes:
    return (FIXTURES / name).read_bytes()


def read(chunks: Iterable[bytes], longest: int = 1 << 20) -> list[StreamEvent]:
    """Return the events of a body that came in `chunks`, read as the transport does."""
    reader = OllamaReader(OllamaDecoder("asked"), longest)
    events: list[StreamEvent] = []
    for chunk in chunks:
        events += reader.feed(chunk)
        if events and isinstance(events[-1], ResponseFinished):
            return events
    return events + reader.close()


def events_of(name: str) -> list[StreamEvent]:
    return read([recorded(f"{name}.ndjson")])


def test_text_comes_in_its_pieces() -> None:
    assert events_of("text") == [
        ResponseStarted("", MODEL),
        TextDelta("Grüße"),
        TextDelta(", 世界!"),
        ResponseFinished((FinishReason.STOP,), USAGE),
    ]


def test_calls_get_ids_that_are_always_the_same() -> None:
    (answer,) = fold(events_of("thoughts-and-calls")).candidates
    assert answer.reason is FinishReason.TOOL_CALLS
    thoughts, said, first, second = answer.items
    assert thoughts == Reasoning("Two cities: two calls.")
    assert said == Message(Role.ASSISTANT, (Text("Let me look."),))
    assert isinstance(first, ToolCall)
    assert isinstance(second, ToolCall)
    assert (first.name, first.arguments) == ("get_weather", '{"city": "Oslo"}')
    assert (second.name, second.arguments) == ("get_time", "{}")
    assert first.id.removesuffix("_0") == second.id.removesuffix("_1") != first.id
    assert fold(events_of("thoughts-and-calls")).candidates == (answer,)


def test_calls_of_another_answer_have_other_ids() -> None:
    body = recorded("thoughts-and-calls.ndjson")
    later = body.replace(b"123456789Z", b"123456790Z")
    ids = [
        {event.id for event in read([one]) if isinstance(event, ToolCallStarted)}
        for one in (body, later)
    ]
    assert not ids[0] & ids[1]


def test_ids_that_are_given_are_kept() -> None:
    assert events_of("ids")[1:3] == [
        ToolCallStarted(0, "call_abc", "get_time"),
        ToolCallDelta(0, "{}"),
    ]


def test_a_whole_answer_and_its_stream_fold_to_the_same_but_for_the_ids() -> None:
    whole = fold(decode_whole(recorded("thoughts-and-calls.json"), model="asked"))
    streamed = fold(events_of("thoughts-and-calls"))
    assert whole.candidates[0].items[:2] == streamed.candidates[0].items[:2]
    assert whole.candidates[0].reason is streamed.candidates[0].reason
    assert whole.usage == streamed.usage


def test_the_escapes_of_arguments_stay() -> None:
    _, *deltas, _ = events_of("custom-tool")[1:]
    told = "".join(one.arguments for one in deltas if isinstance(one, ToolCallDelta))
    assert json.loads(told) == {"input": 'ls "a b"ä'}


def test_log_probabilities_stand_with_the_text() -> None:
    likeliest = (
        TokenLogprob("Hi", -0.1, tuple(b"Hi")),
        TokenLogprob("Yo", -2.5, tuple(b"Yo")),
    )
    chosen = TokenLogprob("Hi", -0.1, tuple(b"Hi"), likeliest)
    assert events_of("logprobs")[1] == TextDelta("Hi", 0, (chosen,))


@pytest.mark.parametrize(
    ("name", "reason", "usage"),
    [
        ("length", FinishReason.LENGTH, USAGE),
        # A prompt that was kept from before is not counted again.
        ("newer-than-us", FinishReason.OTHER, Usage(0, 290)),
        ("loaded", FinishReason.OTHER, None),
    ],
)
def test_reasons_and_usage_are_told(name: str, reason: FinishReason, usage: Usage | None) -> None:
    assert events_of(name)[-1] == ResponseFinished((reason,), usage)


def test_an_error_inside_the_stream_is_raised() -> None:
    with pytest.raises(UpstreamFailed, match="CUDA error"):
        events_of("error-midway")


@pytest.mark.parametrize("name", WHOLE_STREAMS)
def test_cutting_between_any_two_bytes_changes_no_event(name: str) -> None:
    assert read(at_every_byte(recorded(f"{name}.ndjson"))) == events_of(name)


@pytest.mark.parametrize("name", WHOLE_STREAMS)
def test_carriage_returns_and_blank_lines_change_no_event(name: str) -> None:
    body = recorded(f"{name}.ndjson")
    ids_aside = [type(event) for event in events_of(name)]
    assert [type(event) for event in read([body.replace(b"\n", b"\r\n\r\n")])] == ids_aside


@pytest.mark.parametrize("name", WHOLE_STREAMS)
def test_a_last_line_without_its_end_is_read(name: str) -> None:
    assert read([recorded(f"{name}.ndjson").rstrip(b"\n")]) == events_of(name)


@given(st.sampled_from(WHOLE_STREAMS), st.lists(st.integers(0, 4000), max_size=12))
def test_however_a_stream_is_cut_up_its_events_are_the_same(name: str, cuts: list[int]) -> None:
    body = recorded(f"{name}.ndjson")
    places = sorted({0, len(body), *(cut % len(body) for cut in cuts)})
    assert read([body[a:b] for a, b in itertools.pairwise(places)]) == events_of(name)


@pytest.mark.parametrize("name", [name for name in WHOLE_STREAMS if name != "loaded"])
def test_a_stream_that_ends_after_any_line_but_the_last_is_cut(name: str) -> None:
    lines = recorded(f"{name}.ndjson").splitlines(keepends=True)
    for count in range(1, len(lines)):
        with pytest.raises(StreamCut):
            read([b"".join(lines[:count])])


def test_a_stream_that_ends_inside_a_line_is_cut() -> None:
    body = recorded("text.ndjson")
    for end in (len(body) - 2, len(body) - 100, body.index(b"\n") + 5):
        with pytest.raises(StreamCut):
            read([body[:end]])


def test_a_stream_without_a_line_is_no_answer() -> None:
    with pytest.raises(ProviderProtocolBroken):
        read([b"\n\n"])


def test_a_line_without_end_is_not_kept() -> None:
    with pytest.raises(ProviderProtocolBroken, match="longer than 64 bytes"):
        read([b"{" * 40, b"{" * 40], longest=64)
    with pytest.raises(ProviderProtocolBroken, match="longer than 64 bytes"):
        LineSplitter(64).feed(b"x" * 65 + b"\n")


def test_short_lines_together_may_be_longer_than_one() -> None:
    assert LineSplitter(8).feed(b"one\ntwo\nthree\nfo") == [b"one", b"two", b"three"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"null",
        b"<html>",
        b'{"message":1}',
        b'{"message":{"content":"x"},"done":false}',
        b'{"message":{"tool_calls":[{"function":{}}]},"done":true}',
    ],
)
def test_a_body_that_is_no_answer_is_a_broken_protocol(body: bytes) -> None:
    with pytest.raises(ProviderProtocolBroken):
        decode_whole(body, model=MODEL)
