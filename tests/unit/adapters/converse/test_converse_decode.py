"""Converse's answers: whole, in pieces, cut and broken."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from modelmux.adapters.converse.decode import ConverseReader, decode_whole
from modelmux.adapters.converse.reading import Reading
from modelmux.domain.conversation import Proof, Vendor
from modelmux.domain.errors import (
    ConversionError,
    ModelmuxError,
    ProviderProtocolBroken,
    StreamCut,
    UpstreamFailed,
    UpstreamOverloaded,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
)
from modelmux.domain.events import (
    AnnotationAdded,
    FinishReason,
    ReasoningDelta,
    ReasoningFinished,
    ResponseFinished,
    ResponseStarted,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    Usage,
)
from tests.support.event_stream import event, exception, frames_of, message
from tests.support.streams import fold

VECTORS = Path(__file__).parents[5] / "shared/reference/spec/eventstream.vectors.json"
MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
CLAUDE = Reading(MODEL, signs=True)
USAGE = {"inputTokens": 5, "outputTokens": 3, "totalTokens": 8, "cacheReadInputTokens": 100,
         "cacheWriteInputTokens": 7}  # fmt: skip


def delta(index: int, **what: Any) -> bytes:  # Any: JSON
    return event("contentBlockDelta", {"contentBlockIndex": index, "delta": what, "p": "abc"})


def start(index: int, name: str, call_id: str) -> bytes:
    call = {"toolUse": {"toolUseId": call_id, "name": name}}
    return event("contentBlockStart", {"contentBlockIndex": index, "start": call})


def stop(index: int) -> bytes:
    return event("contentBlockStop", {"contentBlockIndex": index})


BEGUN = event("messageStart", {"role": "assistant", "p": "abcdef"})
ENDED = event("messageStop", {"stopReason": "tool_use"})
FIGURES = event("metadata", {"usage": USAGE, "metrics": {"latencyMs": 4}})
EVERYTHING = b"".join(
    (
        BEGUN,
        delta(0, reasoningContent={"text": "Let me "}),
        delta(0, reasoningContent={"text": "think"}),
        delta(0, reasoningContent={"signature": "c2ln"}),
        stop(0),
        delta(1, reasoningContent={"redactedContent": "aGlkZGVu"}),
        stop(1),
        delta(2, text="Hel"),
        delta(2, text="lo é"),
        stop(2),
        start(3, "get_weather", "t1"),
        delta(3, toolUse={"input": '{"city"'}),
        delta(3, toolUse={"input": ':"Rome"}'}),
        stop(3),
        start(4, "now", "t2"),
        stop(4),
        start(5, "shell", "t3"),
        delta(5, toolUse={"input": '{"input":"ls\\n'}),
        delta(5, toolUse={"input": '-l"}'}),
        stop(5),
        event("somethingNew", {"a": 1}),
        ENDED,
        FIGURES,
    )
)
EVENTS: list[StreamEvent] = [
    ResponseStarted("", MODEL),
    ReasoningDelta("Let me "),
    ReasoningDelta("think"),
    ReasoningFinished(Proof(Vendor.ANTHROPIC, MODEL, "signature", "c2ln")),
    ReasoningFinished(Proof(Vendor.ANTHROPIC, MODEL, "redacted_thinking", "aGlkZGVu")),
    TextDelta("Hel"),
    TextDelta("lo é"),
    ToolCallStarted(0, "t1", "get_weather"),
    ToolCallDelta(0, '{"city"'),
    ToolCallDelta(0, ':"Rome"}'),
    ToolCallStarted(1, "t2", "now"),
    ToolCallDelta(1, "{}"),
    ToolCallStarted(2, "t3", "shell"),
    ToolCallDelta(2, '{"input":"ls\\n'),
    ToolCallDelta(2, '-l"}'),
    ResponseFinished((FinishReason.TOOL_CALLS,), Usage(112, 3, 100, 7, 0)),
]


def read(*chunks: bytes, reading: Reading = CLAUDE) -> list[StreamEvent]:
    reader = ConverseReader(reading, 1 << 20)
    events: list[StreamEvent] = []
    for one in chunks:
        events += reader.feed(one)
    return events + reader.close()


def each(body: bytes, size: int) -> Iterable[bytes]:
    return (body[place : place + size] for place in range(0, len(body), size))


@pytest.mark.parametrize("size", [1, 7, 100, 1 << 20])
def test_a_stream_is_its_events_however_it_comes(size: int) -> None:
    assert read(*each(EVERYTHING, size)) == EVENTS


@pytest.mark.parametrize("count", range(len(frames_of(EVERYTHING))))
@pytest.mark.parametrize("more", [0, 30])
def test_a_stream_that_is_cut_raises(count: int, more: int) -> None:
    frames = frames_of(EVERYTHING)
    body = b"".join(frames[:count]) + frames[count][:more]
    with pytest.raises(StreamCut if count else ProviderProtocolBroken):
        read(body)


def test_what_comes_behind_the_figures_is_not_looked_at() -> None:
    assert read(EVERYTHING + delta(0, text="more")) == EVENTS


def test_a_whole_answer_is_the_same() -> None:
    content: list[dict[str, Any]] = [
        {"reasoningContent": {"reasoningText": {"text": "Let me think", "signature": "c2ln"}}},
        {"reasoningContent": {"redactedContent": "aGlkZGVu"}},
        {"text": "Hello é"},
        {"toolUse": {"toolUseId": "t1", "name": "get_weather", "input": {"city": "Rome"}}},
        {"toolUse": {"toolUseId": "t2", "name": "now", "input": {}}},
        {"toolUse": {"toolUseId": "t3", "name": "shell", "input": {"input": "ls\n-l"}}},
        {"tomorrow": {}},
    ]
    whole: dict[str, Any] = {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": "tool_use",
        "usage": USAGE,
        "metrics": {"latencyMs": 4},
    }
    body = json.dumps(whole, separators=(",", ":")).encode()
    assert fold(decode_whole(body, reading=CLAUDE)) == fold(EVENTS)
    laid_out = json.dumps(whole, indent=2).encode()
    calls = [one for one in decode_whole(laid_out, reading=CLAUDE) if type(one) is ToolCallDelta]
    assert [json.loads(one.arguments) for one in calls[:2]] == [{"city": "Rome"}, {}]
    assert not any("\n" in one.arguments for one in calls[:2])


def test_models_that_sign_nothing_leave_no_proof() -> None:
    body = BEGUN + delta(0, reasoningContent={"text": "hm"}) + stop(0) + ENDED + FIGURES
    events = read(body, reading=Reading("openai.gpt-oss-120b-1:0"))
    assert events[1:3] == [ReasoningDelta("hm"), ReasoningFinished(None)]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("end_turn", FinishReason.STOP),
        ("stop_sequence", FinishReason.STOP),
        ("max_tokens", FinishReason.LENGTH),
        ("model_context_window_exceeded", FinishReason.LENGTH),
        ("guardrail_intervened", FinishReason.CONTENT_FILTER),
        ("content_filtered", FinishReason.CONTENT_FILTER),
        ("something_new", FinishReason.OTHER),
    ],
)
def test_a_reason_is_told(said: str, reason: FinishReason) -> None:
    ended = event("messageStop", {"stopReason": said})
    assert read(BEGUN, ended, FIGURES)[-1] == ResponseFinished((reason,), Usage(112, 3, 100, 7, 0))


@pytest.mark.parametrize("said", ["malformed_model_output", "malformed_tool_use"])
def test_an_answer_that_came_out_wrong_is_a_failure(said: str) -> None:
    with pytest.raises(UpstreamFailed) as caught:
        read(BEGUN, event("messageStop", {"stopReason": said}), FIGURES)
    assert caught.value.upstream_code == said


@pytest.mark.parametrize(
    ("name", "body", "kind", "status"),
    [
        ("internalServerException", {"message": "m"}, UpstreamFailed, 500),
        ("modelStreamErrorException", {"message": "m"}, UpstreamFailed, 424),
        (
            "modelStreamErrorException",
            {"message": "m", "originalStatusCode": 429, "originalMessage": "n"},
            UpstreamRateLimited,
            429,
        ),
        ("validationException", {"message": "m"}, UpstreamRejected, 400),
        ("throttlingException", {"message": "m"}, UpstreamRateLimited, 429),
        ("serviceUnavailableException", {"message": "m"}, UpstreamOverloaded, 503),
        ("modelTimeoutException", {"message": "m"}, UpstreamTimeout, 408),
        ("somethingNewException", {"message": "m"}, UpstreamFailed, 200),
    ],
)
@pytest.mark.parametrize("begun", [b"", BEGUN + delta(0, text="a")])
def test_an_exception_in_a_stream_is_told(
    name: str, body: Any, kind: type[ModelmuxError], status: int, begun: bytes
) -> None:
    reader = ConverseReader(CLAUDE, 1 << 20)
    if begun:
        assert reader.feed(begun)
    with pytest.raises(kind) as caught:
        reader.feed(exception(name, body))
    assert caught.value.message == "m"
    assert caught.value.status == status  # type: ignore[attr-defined]  # each kind here has one


def test_an_error_without_a_payload_is_told() -> None:
    error = message(b"", message_type="error", error_code="500", error_message="oh")
    with pytest.raises(UpstreamFailed, match="oh"):
        read(BEGUN, error)


@pytest.mark.parametrize(
    "body",
    [
        delta(0, text="no start"),
        BEGUN + event("contentBlockDelta", {"delta": {}}),
        BEGUN + event("contentBlockDelta", [1]),
        BEGUN + delta(0, toolUse={"input": "{}"}),
        BEGUN + FIGURES,
        BEGUN + delta(0, text="a")[:-1] + b"\0",
    ],
    ids=["no start", "no index", "no object", "no call", "figures first", "a wrong checksum"],
)
def test_what_is_not_the_language_is_told(body: bytes) -> None:
    with pytest.raises(ProviderProtocolBroken):
        read(body)


@pytest.mark.parametrize("body", [b"{}", b"[]", b"x", b'{"output":{}}'])
def test_a_whole_answer_that_is_none_is_told(body: bytes) -> None:
    with pytest.raises(ProviderProtocolBroken):
        decode_whole(body, reading=CLAUDE)


@pytest.mark.parametrize("kind", ["image", "audio", "video"])
def test_what_cannot_be_passed_on_is_not_dropped(kind: str) -> None:
    content = [{kind: {"format": "x", "source": {"bytes": ""}}}]
    whole = {"output": {"message": {"content": content}}, "stopReason": "end_turn"}
    with pytest.raises(ConversionError, match=kind):
        decode_whole(json.dumps(whole).encode(), reading=CLAUDE)
    if kind == "image":
        begun = event("contentBlockStart", {"contentBlockIndex": 0, "start": {"image": {}}})
        with pytest.raises(ConversionError):
            read(BEGUN, begun)


def test_citations_are_annotations() -> None:
    web = {"title": "A", "location": {"web": {"url": "https://a.test"}}}
    document = {"title": "report", "location": {"documentPage": {"documentIndex": 0}}}
    wanted = [
        AnnotationAdded({"type": "url_citation", "url": "https://a.test", "title": "A",
                         "start_index": 0, "end_index": 0}),
        AnnotationAdded({"type": "file_citation", "file_id": "", "filename": "report",
                         "index": 0}),
    ]  # fmt: skip
    streamed = read(BEGUN, delta(0, text="x"), delta(0, citation=web), delta(0, citation=document),
                    ENDED, FIGURES)  # fmt: skip
    assert streamed[2:4] == wanted
    cited = {"citationsContent": {"content": [{"text": "x"}], "citations": [web, document]}}
    whole = {"output": {"message": {"content": [cited]}}, "stopReason": "end_turn"}
    assert decode_whole(json.dumps(whole).encode(), reading=CLAUDE)[1:4] == [
        TextDelta("x"),
        *wanted,
    ]


@pytest.mark.skipif(not VECTORS.is_file(), reason="the reference's vectors are not here")
def test_the_references_streams_are_read() -> None:
    streams = {
        one["name"]: bytes.fromhex(one["hex"]) for one in json.loads(VECTORS.read_text())["streams"]
    }
    told = read(streams["text"])
    assert [event.text for event in told if isinstance(event, TextDelta)] == ["Hel", "lo é世"]
    assert told[-1] == ResponseFinished((FinishReason.STOP,), Usage(105, 3, 100, 0, 0))
    calls = read(streams["reasoning then two parallel tools"])
    assert [one.name for one in calls if isinstance(one, ToolCallStarted)] == ["get_weather", "now"]
    assert calls[2] == ReasoningFinished(Proof(Vendor.ANTHROPIC, MODEL, "signature", "c2ln"))
    with pytest.raises(ModelmuxError):
        read(streams["exception in the middle"])
    with pytest.raises((StreamCut, ProviderProtocolBroken)):
        read(streams["cut off inside a frame"])
