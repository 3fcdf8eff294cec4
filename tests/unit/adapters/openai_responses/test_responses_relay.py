import json

import pytest

from modelmux.adapters.transport.languages import ErrorReply
from modelmux.domain.errors import (
    ProviderProtocolBroken,
    StreamCut,
    UpstreamFailed,
    UpstreamOverloaded,
    UpstreamRateLimited,
)
from modelmux.domain.events import (
    FinishReason,
    RelayedBytes,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    Usage,
)
from tests.support.openai_replay import frames_of, relayed
from tests.support.responses_replay import recorded, relay_stream, responses_relay

OURS = "resp_mmx0123456789abcdef"
THEIRS = b"resp_0a1b2c3d4e5f60718293a4b5c6d7e8f9"
MODEL = "gpt-6-luna-2026-09-30"


def test_start_finish_and_usage_are_read_in_passing() -> None:
    events = relay_stream(frames_of(recorded("openai_text.sse")))
    assert events[0] == ResponseStarted(THEIRS.decode(), MODEL)
    assert events[-1] == ResponseFinished((FinishReason.STOP,), Usage(9, 4, cached_tokens=2))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("openai_reasoning_tools.sse", FinishReason.TOOL_CALLS),
        ("openai_custom_tool.sse", FinishReason.TOOL_CALLS),
        ("openai_incomplete.sse", FinishReason.LENGTH),
    ],
)
def test_the_reason_is_known_without_reading_the_items(name: str, reason: FinishReason) -> None:
    finished = relay_stream([recorded(name)])[-1]
    assert isinstance(finished, ResponseFinished)
    assert finished.reasons == (reason,)


@pytest.mark.parametrize("split", [True, False])
def test_the_response_goes_by_our_id_and_by_no_other(split: bool) -> None:
    data = recorded("openai_reasoning_tools.sse")
    pieces = frames_of(data) if split else [data]
    passed = relayed(relay_stream(pieces, responses_relay(response_id=OURS)))
    assert THEIRS not in passed
    assert passed == data.replace(THEIRS, OURS.encode()) + b"data: [DONE]\n\n"


def test_an_id_in_a_text_stays() -> None:
    quoted = json.dumps(f'the "{THEIRS.decode()}" of before').encode()
    data = recorded("openai_text.sse").replace(b'"delta":"Hel"', b'"delta":' + quoted)
    passed = relayed(relay_stream([data], responses_relay(response_id=OURS)))
    assert quoted in passed


@pytest.mark.parametrize("split", [True, False])
def test_parts_of_thoughts_are_told_as_clients_know_them(split: bool) -> None:
    text = json.dumps('event: response.reasoning_part. "type":"response.reasoning_part.').encode()
    data = recorded("vllm_reasoning.sse").replace(b'"Hi"', text)
    passed = relayed(relay_stream(frames_of(data) if split else [data]))
    assert text in passed
    assert passed.count(b"response.reasoning_part.") == 2  # those in the text
    assert passed.count(b"event: response.content_part.added\n") == 2
    assert passed.count(b'"type":"response.content_part.done"') == 2


def test_frames_before_the_first_item_wait_for_it() -> None:
    relay = responses_relay()
    created, in_progress, added, part, delta, *_ = frames_of(recorded("openai_text.sse"))
    assert relay.feed(created) == []
    assert relay.feed(in_progress) == []
    started, passed = relay.feed(added)
    assert started == ResponseStarted(THEIRS.decode(), MODEL)
    assert passed == RelayedBytes(created + in_progress + added)
    assert relay.feed(part + delta[:20]) == [RelayedBytes(part)]
    assert relay.feed(delta[20:]) == [RelayedBytes(delta)]


def test_a_failure_before_the_first_item_comes_before_any_event() -> None:
    relay = responses_relay()
    created, in_progress, failed = frames_of(recorded("openai_failed.sse"))
    assert relay.feed(created + in_progress) == []
    with pytest.raises(UpstreamRateLimited):
        relay.feed(failed)


def test_a_body_that_ends_early_is_cut() -> None:
    relay = responses_relay()
    relay.feed(b"".join(frames_of(recorded("openai_text.sse"))[:6]))
    with pytest.raises(StreamCut):
        relay.close()


def test_an_empty_body_is_no_answer() -> None:
    with pytest.raises(ProviderProtocolBroken):
        responses_relay().close()


def test_a_whole_body_passes_under_our_id() -> None:
    body = recorded("openai_reasoning_tools.json")
    started, passed, finished = responses_relay(response_id=OURS).whole(body)
    assert started == ResponseStarted(THEIRS.decode(), "gpt-5.6-2026-07-15")
    assert passed == RelayedBytes(body.replace(THEIRS, OURS.encode()))
    assert finished == ResponseFinished(
        (FinishReason.TOOL_CALLS,),
        Usage(80, 60, cached_tokens=64, cache_write_tokens=3, reasoning_tokens=32),
    )


def test_a_whole_body_where_a_stream_was_asked_is_decoded() -> None:
    relay = responses_relay(response_id=OURS, streamed=True)
    events = relay.whole(recorded("openai_reasoning_tools.json"))
    assert relay.translated
    assert TextDelta("I look it up.") in events
    assert not any(isinstance(event, RelayedBytes) for event in events)


@pytest.mark.parametrize(
    "body", [b"{}", b"[]", b'{"object":"response","status":"queued"}', b"not JSON"]
)
def test_a_whole_body_that_is_no_answer_is_told_apart(body: bytes) -> None:
    with pytest.raises(ProviderProtocolBroken):
        responses_relay().whole(body)


def test_a_whole_response_that_failed_raises() -> None:
    body = {"object": "response", "status": "failed", "error": {"code": "server_error"}}
    with pytest.raises(UpstreamFailed):
        responses_relay().whole(json.dumps(body).encode())


def test_a_frame_that_is_no_json_breaks_the_protocol() -> None:
    with pytest.raises(ProviderProtocolBroken):
        responses_relay().feed(b"data: {\n\n")


def test_errors_are_classified() -> None:
    body = b'{"error":{"message":"later","type":"t","code":null,"param":null}}'
    error = responses_relay().decode_error(ErrorReply(503, {"retry-after": "2"}, body))
    assert isinstance(error, UpstreamOverloaded)
    assert error.retry_after_s == 2.0
