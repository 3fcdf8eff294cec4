"""What each recorded answer means."""

import json

import pytest

from modelmux.adapters.openai_responses.decode import Reading, decode_whole, responses_language
from modelmux.adapters.transport.languages import ErrorReply
from modelmux.domain.conversation import (
    Message,
    OpaqueItem,
    Proof,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    Vendor,
)
from modelmux.domain.errors import (
    ContentBlocked,
    ProviderError,
    ProviderProtocolBroken,
    UpstreamFailed,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
)
from modelmux.domain.events import (
    FinishReason,
    MessageStarted,
    ResponseFinished,
    ResponseStarted,
    StreamEvent,
    TextDelta,
    TokenLogprob,
    ToolCallStarted,
    Usage,
)
from modelmux.domain.json_values import JsonObject
from modelmux.domain.response import Response, ResponseBuilder
from tests.support.responses_replay import READING, read_stream, recorded


def folded(events: list[StreamEvent]) -> Response:
    builder = ResponseBuilder()
    builder.add(events)
    return builder.build()


def read(name: str, reading: Reading = READING) -> Response:
    return folded(read_stream([recorded(name)], reading))


def said(text: str, phase: str | None = None) -> Message:
    return Message(Role.ASSISTANT, (Text(text),), phase=phase)


def whole(**members: object) -> bytes:
    response = {"id": "resp_up", "object": "response", "model": "m", "status": "completed"}
    return json.dumps({**response, "output": [], **members}).encode()


def test_text_with_its_phase_and_usage() -> None:
    events = read_stream([recorded("openai_text.sse")])
    assert events == [
        ResponseStarted("resp_0a1b2c3d4e5f60718293a4b5c6d7e8f9", "gpt-6-luna-2026-09-30"),
        MessageStarted("final_answer"),
        TextDelta("Hel"),
        TextDelta("lo"),
        TextDelta(' "there"'),
        TextDelta("."),
        ResponseFinished((FinishReason.STOP,), Usage(9, 4, cached_tokens=2)),
    ]


@pytest.mark.parametrize("streamed", [True, False])
def test_thoughts_commentary_and_calls_in_their_order(streamed: bool) -> None:
    if streamed:
        response = read("openai_reasoning_tools.sse")
    else:
        body = recorded("openai_reasoning_tools.json")
        response = folded(decode_whole(body, reading=READING))
    sealed = "gAAAAABwhole+/=="
    (candidate,) = response.candidates
    assert candidate.items == (
        Reasoning(
            "**Looking up**\n\nTwo cities are asked for.",
            Proof(Vendor.OPENAI, "asked-model", "encrypted_content", sealed, "rs_0b01"),
        ),
        said("I look it up.", "commentary"),
        ToolCall("call_aaa", "weather", '{"city":"Oslo"}'),
        ToolCall("call_bbb", "find", "{}", namespace="maps"),
    )
    assert candidate.reason is FinishReason.TOOL_CALLS
    assert response.usage == Usage(
        80, 60, cached_tokens=64, cache_write_tokens=3, reasoning_tokens=32
    )


def test_a_custom_tool_gets_its_text() -> None:
    events = read_stream([recorded("openai_custom_tool.sse")])
    assert ToolCallStarted(0, "call_ccc", "patch", "custom") in events
    (candidate,) = folded(events).candidates
    assert candidate.items == (ToolCall("call_ccc", "patch", "*** Begin\n+x", "custom"),)


def test_what_a_hosted_tool_brought_is_kept_whole_before_the_text_that_cites_it() -> None:
    (candidate,) = read("openai_web_search.sse").candidates
    search, message = candidate.items
    assert isinstance(search, OpaqueItem)
    assert search.type == "web_search_call"
    assert search.value["action"] == {
        "type": "search",
        "query": "weather in Oslo",
        "sources": [{"type": "url", "url": "https://weather.example/oslo"}],
    }
    assert isinstance(message, Message)
    (text,) = message.parts
    assert isinstance(text, Text)
    assert text.text == "It is cold."
    assert [one["title"] for one in text.annotations] == ["Oslo"]
    assert candidate.reason is FinishReason.STOP


def test_a_refusal() -> None:
    (candidate,) = read("openai_refusal.sse").candidates
    assert candidate.items == (Message(Role.ASSISTANT, (Refusal("I will not."),)),)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("openai_incomplete.sse", FinishReason.LENGTH),
        ("openai_filtered.sse", FinishReason.CONTENT_FILTER),
    ],
)
def test_an_incomplete_answer_says_why(name: str, reason: FinishReason) -> None:
    assert read(name).candidates[0].reason is reason


def test_a_reason_newer_than_us_is_another() -> None:
    body = whole(status="incomplete", incomplete_details={"reason": "steered"})
    assert decode_whole(body, reading=READING)[-1] == ResponseFinished((FinishReason.OTHER,), None)


def test_two_messages_stay_two_and_logprobs_come_with_their_text() -> None:
    events = read_stream([recorded("openai_logprobs_two_messages.sse")])
    (candidate,) = folded(events).candidates
    assert candidate.items == (said("Yes.", "final_answer"), said("Or no.", "final_answer"))
    yes = TokenLogprob("Yes", -0.1, (89, 101, 115))
    no = TokenLogprob("No", -2.5, (78, 111))
    first = TokenLogprob("Yes", -0.1, (89, 101, 115), (yes, no))
    assert candidate.logprobs == (first, TokenLogprob(".", -0.01, (46,)))


@pytest.mark.parametrize(
    ("name", "thought"),
    [("vllm_reasoning.sse", "The user greets."), ("open_responses_reasoning.sse", "Hm.")],
)
def test_raw_thoughts_have_no_proof(name: str, thought: str) -> None:
    (candidate,) = read(name).candidates
    assert candidate.items == (Reasoning(thought), said("Hi!"))


@pytest.mark.parametrize("name", ["other_no_deltas.sse", "other_only_the_end.sse"])
def test_what_no_delta_told_is_made_up_for(name: str) -> None:
    (candidate,) = read(name).candidates
    call = ToolCall("call_a", "weather", '{"city":"Oslo"}')
    assert candidate.items == (said("All at once."), call)
    assert candidate.reason is FinishReason.TOOL_CALLS


@pytest.mark.parametrize(
    ("name", "text"), [("other_counts_from_one", "Off by one."), ("other_new_events", "Same.")]
)
def test_habits_of_small_servers_change_nothing(name: str, text: str) -> None:
    assert read(f"{name}.sse").candidates[0].items == (said(text),)


@pytest.mark.parametrize(
    ("name", "leaf", "words"),
    [
        ("openai_failed.sse", UpstreamRateLimited, "Rate limit reached."),
        ("openai_failed_midway.sse", UpstreamFailed, "The server had an error."),
        ("openai_error_event.sse", UpstreamRejected, "Invalid prompt: it was flagged."),
        ("open_responses_error_event.sse", UpstreamRateLimited, "Slow down."),
        ("vllm_error_in_stream.sse", UpstreamFailed, "EngineCore encountered an issue."),
    ],
)
def test_a_failure_is_told_for_what_it_is(name: str, leaf: type[ProviderError], words: str) -> None:
    with pytest.raises(ProviderError) as caught:
        read(name)
    assert type(caught.value) is leaf
    assert caught.value.message == words


@pytest.mark.parametrize(
    ("code", "leaf"),
    [
        ("server_error", UpstreamFailed),
        ("rate_limit_exceeded", UpstreamRateLimited),
        ("invalid_prompt", UpstreamRejected),
        ("bio_policy", ContentBlocked),
        ("invalid_image_format", UpstreamRejected),
        ("failed_to_download_image", UpstreamRejected),
        ("image_content_policy_violation", ContentBlocked),
        ("vector_store_timeout", UpstreamTimeout),
    ],
)
def test_a_failed_response_is_an_error_by_its_code(code: str, leaf: type[ProviderError]) -> None:
    body = whole(status="failed", error={"code": code, "message": "It failed."})
    with pytest.raises(ProviderError) as caught:
        decode_whole(body, reading=READING)
    assert type(caught.value) is leaf


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"{}",
        b'{"object":"chat.completion","choices":[]}',
        b"not JSON",
        whole(status="in_progress"),
        whole(output=[{"type": "function_call", "call_id": "c"}]),
        whole(output=[{"type": "function_call", "name": "f"}]),
        whole(output=["text"]),
    ],
)
def test_a_body_that_is_no_answer_is_told_apart(body: bytes) -> None:
    with pytest.raises(ProviderProtocolBroken):
        decode_whole(body, reading=READING)


@pytest.mark.parametrize(
    "event",
    [
        {"type": "response.output_text.delta", "output_index": 3, "delta": "lost"},
        {"type": "response.function_call_arguments.delta", "output_index": 3, "delta": "{"},
        {"type": "response.reasoning_summary_text.delta", "output_index": 3, "delta": "x"},
        {"type": "response.output_item.added", "output_index": 0, "item": None},
        {"type": "response.completed", "response": None},
    ],
)
def test_an_event_out_of_place_breaks_the_protocol(event: dict[str, object]) -> None:
    data = f"data: {json.dumps(event)}\n\n".encode()
    with pytest.raises(ProviderProtocolBroken):
        read_stream([data])


def test_thoughts_that_are_sealed_alone_are_kept_and_empty_ones_are_none() -> None:
    empty: JsonObject = {"type": "reasoning", "id": "rs_2", "summary": []}
    sealed: JsonObject = {**empty, "id": "rs_1", "encrypted_content": "gAAA"}
    (candidate,) = folded(decode_whole(whole(output=[sealed, empty]), reading=READING)).candidates
    proof = Proof(Vendor.OPENAI, "asked-model", "encrypted_content", "gAAA", "rs_1")
    assert candidate.items == (Reasoning("", proof),)


def test_messages_with_empty_thoughts_between_them_stay_two() -> None:
    message: JsonObject = {"type": "message", "content": [{"type": "output_text", "text": "a"}]}
    empty: JsonObject = {"type": "reasoning", "id": "rs_1", "summary": []}
    body = whole(output=[message, empty, message])
    (candidate,) = folded(decode_whole(body, reading=READING)).candidates
    assert candidate.items == (said("a"), said("a"))


def test_our_own_words_are_hidden_from_a_message() -> None:
    language = responses_language(READING)
    body = b'{"error":{"message":"No route to secret-host.example","type":"t","code":null}}'
    error = language.decode_error(ErrorReply(500, {}, body))
    assert "secret-host" not in error.message
