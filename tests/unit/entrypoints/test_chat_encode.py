"""Chat completions out: the chunks of a stream, and a whole answer."""

import json
from typing import Any

from modelmux.domain.events import (
    FinishReason,
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
    Usage,
)
from modelmux.domain.response import ResponseBuilder
from modelmux.entrypoints.chat_completions.encode import ChunkEncoder, encode_response
from modelmux.entrypoints.chat_completions.envelope import ChatEnvelope
from modelmux.entrypoints.client_dialect import AnswerHead

STARTED = ResponseStarted("up_1", "upstream-model")
USAGE = Usage(10, 5, cached_tokens=3, cache_write_tokens=2, reasoning_tokens=4)


def finished(*reasons: FinishReason) -> ResponseFinished:
    return ResponseFinished(reasons or (FinishReason.STOP,), USAGE)


def stream(*events: StreamEvent, usage: bool = False, old: bool = False) -> list[Any]:
    """Return what an SSE reader sees, each JSON frame decoded."""
    encoder = ChunkEncoder(
        AnswerHead("id", 7, ChatEnvelope('my "m"', True, usage, old_functions=old))
    )
    data = b"".join(encoder.encode([event]) for event in events)
    assert data == ChunkEncoder(
        AnswerHead("id", 7, ChatEnvelope('my "m"', True, usage, old_functions=old))
    ).encode(events), "batches of any size must give the same bytes"
    frames = data.decode().split("\n\n")
    assert frames.pop() == ""
    assert frames[-1] == "data: [DONE]"
    return [json.loads(frame.removeprefix("data: ")) for frame in frames[:-1]]


def deltas(chunks: list[Any]) -> list[Any]:
    return [choice["delta"] for chunk in chunks for choice in chunk["choices"]]


def test_a_text_stream_has_every_chunk_in_full() -> None:
    chunks = stream(STARTED, TextDelta("a\n\u2028\U0001f600"), finished())
    common = {"id": "id", "object": "chat.completion.chunk", "created": 7, "model": 'my "m"'}
    for chunk, delta, reason in zip(
        chunks,
        [{"role": "assistant", "content": ""}, {"content": "a\n\u2028\U0001f600"}, {}],
        [None, None, "stop"],
        strict=True,
    ):
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        assert chunk == {**common, "choices": [choice]}


def test_usage_comes_last_without_choices_and_is_null_before() -> None:
    *earlier, last = stream(STARTED, TextDelta("a"), finished(), usage=True)
    assert [chunk["usage"] for chunk in earlier] == [None] * 3
    assert last["choices"] == []
    assert last["usage"]["prompt_tokens"] == 10
    assert last["usage"]["total_tokens"] == 15
    assert last["usage"]["prompt_tokens_details"]["cached_tokens"] == 3
    assert last["usage"]["completion_tokens_details"]["reasoning_tokens"] == 4


def test_an_empty_answer_still_has_a_role_and_an_end() -> None:
    assert deltas(stream(STARTED, finished())) == [{"role": "assistant", "content": ""}, {}]


def test_parallel_tool_calls_interleave_by_index() -> None:
    chunks = stream(
        STARTED,
        ToolCallStarted(0, "call_a", "f"),
        ToolCallStarted(1, "call_b", "g", "custom"),
        ToolCallDelta(0, '{"x"'),
        ToolCallDelta(1, "free"),
        ToolCallDelta(0, ":1}"),
        finished(FinishReason.TOOL_CALLS),
    )
    calls = [delta["tool_calls"][0] for delta in deltas(chunks) if "tool_calls" in delta]
    assert calls == [
        {"index": 0, "id": "call_a", "type": "function",
         "function": {"name": "f", "arguments": ""}},
        {"index": 1, "id": "call_b", "type": "custom", "custom": {"name": "g", "input": ""}},
        {"index": 0, "function": {"arguments": '{"x"'}},
        {"index": 1, "custom": {"input": "free"}},
        {"index": 0, "function": {"arguments": ":1}"}},
    ]  # fmt: skip
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_whoever_came_with_functions_is_answered_in_that_form() -> None:
    events = (
        STARTED,
        ToolCallStarted(0, "call_a", "f"),
        ToolCallDelta(0, "{}"),
        finished(FinishReason.TOOL_CALLS),
    )
    chunks = stream(*events, old=True)
    assert deltas(chunks)[1:3] == [
        {"function_call": {"name": "f", "arguments": ""}},
        {"function_call": {"arguments": "{}"}},
    ]
    assert chunks[-1]["choices"][0]["finish_reason"] == "function_call"
    choice = whole(*events, old=True)["choices"][0]
    assert choice["message"]["function_call"] == {"name": "f", "arguments": "{}"}
    assert choice["finish_reason"] == "function_call"


def test_thoughts_and_refusals_have_their_own_members() -> None:
    chunks = stream(
        STARTED, ReasoningDelta("hm"), ReasoningFinished(), RefusalDelta("no"), finished()
    )
    assert deltas(chunks)[1:3] == [{"reasoning_content": "hm"}, {"refusal": "no"}]


def test_alternatives_and_logprobs_are_told() -> None:
    logprob = TokenLogprob("a", -0.5, (97,), (TokenLogprob("b", -1.0),))
    events = (
        STARTED,
        TextDelta("a", 0, (logprob,)),
        TextDelta("b", 1),
        finished(FinishReason.STOP, FinishReason.LENGTH),
    )
    expected = {
        "token": "a", "logprob": -0.5, "bytes": [97],
        "top_logprobs": [{"token": "b", "logprob": -1.0, "bytes": None}],
    }  # fmt: skip
    chunks = stream(*events)
    assert chunks[1]["choices"][0]["logprobs"] == {"content": [expected], "refusal": None}
    assert [chunk["choices"][0]["index"] for chunk in chunks] == [0, 0, 1, 1, 0, 1]
    choices = whole(*events)["choices"]
    assert choices[0]["logprobs"]["content"] == [expected]
    assert [choice["finish_reason"] for choice in choices] == ["stop", "length"]


def test_a_reason_newer_than_this_dialect_is_told_as_stop() -> None:
    chunks = stream(STARTED, finished(FinishReason.OTHER))
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


def test_relayed_frames_pass_through_and_nothing_is_added() -> None:
    encoder = ChunkEncoder(AnswerHead("id", 7, ChatEnvelope("m", True, True)))
    frames = b'data: {"x":1}\n\ndata: [DONE]\n\n'
    assert encoder.encode([STARTED, RelayedBytes(frames), finished()]) == frames


def whole(*events: StreamEvent, old: bool = False) -> Any:
    builder = ResponseBuilder()
    builder.add(events)
    head = AnswerHead("id", 7, ChatEnvelope("m", old_functions=old))
    return json.loads(encode_response(head, builder.build()))


def test_a_whole_answer_has_its_parts_in_their_places() -> None:
    answer = whole(
        STARTED,
        ReasoningDelta("hm"),
        TextDelta("text"),
        ToolCallStarted(0, "call_a", "f"),
        ToolCallStarted(1, "call_b", "g", "custom"),
        ToolCallDelta(1, "free"),
        finished(FinishReason.TOOL_CALLS),
    )
    assert (answer["id"], answer["object"], answer["model"]) == ("id", "chat.completion", "m")
    assert answer["choices"][0]["message"] == {
        "role": "assistant",
        "content": "text",
        "refusal": None,
        "reasoning_content": "hm",
        "tool_calls": [
            {"id": "call_a", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            {"id": "call_b", "type": "custom", "custom": {"name": "g", "input": "free"}},
        ],
    }
    assert answer["usage"]["completion_tokens"] == 5


def test_content_is_null_beside_calls_and_empty_without_anything() -> None:
    with_call = whole(STARTED, ToolCallStarted(0, "c", "f"), finished(FinishReason.TOOL_CALLS))
    assert with_call["choices"][0]["message"]["content"] is None
    assert whole(STARTED, finished())["choices"][0]["message"]["content"] == ""
