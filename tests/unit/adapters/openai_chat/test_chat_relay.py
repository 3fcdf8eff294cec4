import json

import pytest

from modelmux.adapters.openai_chat.embeddings import EmbeddingsRelay
from modelmux.adapters.openai_chat.relay import ChatRelay
from modelmux.adapters.transport.languages import ErrorReply
from modelmux.domain.errors import (
    ConversionError,
    ProviderProtocolBroken,
    UpstreamFailed,
    UpstreamRateLimited,
)
from modelmux.domain.events import (
    FinishReason,
    RelayedBytes,
    ResponseFinished,
    ResponseStarted,
    Usage,
)
from tests.support.openai_replay import (
    frames_of,
    plain_relay,
    recorded,
    relay_stream,
    relayed,
)


def embeddings_relay() -> EmbeddingsRelay:
    return EmbeddingsRelay(model="asked-model")


def test_frames_pass_byte_for_byte() -> None:
    data = recorded("openai_parallel_tools.sse")
    assert relayed(relay_stream([data])) == data
    assert relayed(relay_stream(frames_of(data))) == data


def test_start_finish_and_usage_are_read_in_passing() -> None:
    events = relay_stream(frames_of(recorded("openai_text.sse")))
    assert events[0] == ResponseStarted("chatcmpl-B1", "gpt-4.1-mini-2025-04-14")
    assert events[-1] == ResponseFinished((FinishReason.STOP,), Usage(9, 3, cached_tokens=2))


def test_each_read_gives_one_piece() -> None:
    relay = plain_relay()
    first, second, *_ = frames_of(recorded("openai_text.sse"))
    assert relay.feed(first) == [
        ResponseStarted("chatcmpl-B1", "gpt-4.1-mini-2025-04-14"),
        RelayedBytes(first),
    ]
    assert relay.feed(second[:20]) == []
    assert relay.feed(second[20:]) == [RelayedBytes(second)]


@pytest.mark.parametrize("split", [False, True])
def test_usage_that_was_not_asked_for_is_taken_out_but_counted(split: bool) -> None:
    data = recorded("openai_text.sse")
    pieces = frames_of(data) if split else [data]
    events = relay_stream(pieces, plain_relay(hide_usage=True))
    assert relayed(events) == b"".join([*frames_of(data)[:4], b"data: [DONE]\n\n"])
    assert isinstance(events[-1], ResponseFinished)
    assert events[-1].usage == Usage(9, 3, cached_tokens=2)


def test_usage_beside_a_choice_stays_where_it_is() -> None:
    data = recorded("other_usage_in_last_choice.sse")
    assert relayed(relay_stream([data], plain_relay(hide_usage=True))) == data


@pytest.mark.parametrize("name", ["other_no_done", "other_no_last_blank_line"])
def test_a_missing_end_mark_is_added(name: str) -> None:
    data = recorded(f"{name}.sse")
    told = relayed(relay_stream([data]))
    assert told.count(b"[DONE]") == 1
    assert told.endswith(b"\n\ndata: [DONE]\n\n")


def test_the_end_mark_is_sent_once() -> None:
    assert relayed(relay_stream([recorded("openai_text.sse")])).count(b"[DONE]") == 1


def test_reasoning_is_told_as_reasoning_content() -> None:
    told = relayed(
        relay_stream(frames_of(recorded("vllm_reasoning.sse")), plain_relay(respell_reasoning=True))
    )
    assert b'"reasoning"' not in told
    assert told.count(b'"reasoning_content":') == 2


def test_reasoning_in_both_spellings_stays() -> None:
    data = recorded("other_reasoning_twice_spelled.sse")
    assert relayed(relay_stream([data], plain_relay(respell_reasoning=True))) == data


def test_the_word_reasoning_inside_text_stays() -> None:
    arguments = json.dumps({"reasoning": "because", "x": ',"reasoning":"'})
    body = json.dumps(
        {"choices": [{"message": {"content": arguments}, "finish_reason": "stop"}]}
    ).encode()
    events = plain_relay(respell_reasoning=True).whole(body)
    assert relayed(events) == body


def test_reasoning_with_spaces_between_is_respelled_too() -> None:
    body = b'{"choices": [{"message": {"reasoning" : "Hm", "content": null}}]}'
    told = relayed(plain_relay(respell_reasoning=True).whole(body))
    assert json.loads(told)["choices"][0]["message"]["reasoning_content"] == "Hm"


def test_words_of_the_protocol_inside_text_are_text() -> None:
    said = '"usage":{} data: [DONE] "finish_reason":"stop" "error":{"message":"x"}'
    start = b'data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}\n\n'
    chunk = {"choices": [{"index": 0, "delta": {"content": said}, "finish_reason": None}]}
    frame = b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n"
    relay = plain_relay()
    relay.feed(start)
    assert relay.feed(frame) == [RelayedBytes(frame)]


def test_heartbeats_before_the_answer_are_held_back() -> None:
    relay = plain_relay()
    comment, heartbeat, _, first, *_ = frames_of(recorded("other_heartbeats.sse"))
    assert relay.feed(comment) == []
    assert relay.feed(heartbeat) == []
    assert relay.feed(first) == [ResponseStarted("x-1", "local"), RelayedBytes(heartbeat + first)]


def test_a_chunk_without_a_head_gets_that_of_the_answer() -> None:
    for pieces in (
        frames_of(recorded("azure_filters.sse")),
        [recorded("azure_filters.sse")],
    ):
        first, second, *_ = frames_of(relayed(relay_stream(pieces)))
        told = json.loads(first.removeprefix(b"data: "))
        assert told["id"] == "chatcmpl-A1"
        assert told["object"] == "chat.completion.chunk"
        assert told["model"] == "gpt-4o-2024-11-20"
        assert told["prompt_filter_results"][0]["prompt_index"] == 0
        assert second == frames_of(recorded("azure_filters.sse"))[1]


def test_a_held_chunk_of_several_lines_is_read_too() -> None:
    first = b'data: {"choices":[],\ndata: "id":""}\n\n'
    events = relay_stream([first + recorded("other_no_done.sse")])
    assert json.loads(frames_of(relayed(events))[0].removeprefix(b"data: "))["id"] == "x-1"


def test_an_error_frame_raises_and_hides_our_own_words() -> None:
    relay = plain_relay()
    relay.feed(frames_of(recorded("openai_text.sse"))[0])
    with pytest.raises(UpstreamFailed) as caught:
        relay.feed(b'data: {"error":{"message":"secret-host.example fell over","code":500}}\n\n')
    assert caught.value.message == "[hidden] fell over"


def test_an_error_of_a_status_is_decoded() -> None:
    error = plain_relay().decode_error(ErrorReply(429, {"retry-after": "3"}, b'{"error":"slow"}'))
    assert isinstance(error, UpstreamRateLimited)
    assert error.retry_after_s == 3.0


def test_a_whole_body_passes_byte_for_byte() -> None:
    body = recorded("openai_tools.json")
    assert plain_relay().whole(body) == [
        ResponseStarted("chatcmpl-B3", "gpt-4.1-mini-2025-04-14"),
        RelayedBytes(body),
        ResponseFinished((FinishReason.TOOL_CALLS,), Usage(9, 3, cached_tokens=2)),
    ]


def test_a_completion_is_relayed_like_a_chat() -> None:
    body = recorded("completion.json")
    events = plain_relay().whole(body)
    assert events[1:] == [
        RelayedBytes(body),
        ResponseFinished((FinishReason.LENGTH,), Usage(2, 1)),
    ]


def test_embeddings_are_relayed_and_counted() -> None:
    body = recorded("embeddings.json")
    assert embeddings_relay().whole(body) == [
        ResponseStarted("", "text-embedding-3-small"),
        RelayedBytes(body),
        ResponseFinished((FinishReason.STOP,), Usage(2, 0)),
    ]


def test_numbers_become_base64_for_who_asked_for_that_and_all_else_stays() -> None:
    body = (
        b'{"object":"list","data":[{"object":"embedding","index":0,"embedding": [0.5,-0.25]},'
        b'{"index":1,"embedding":"AAAAPw=="}],"model":"m","kept":{"x":1.50}}'
    )
    relay = EmbeddingsRelay(model="asked-model", base64=True)
    _, event, _ = relay.whole(body)
    assert isinstance(event, RelayedBytes)
    assert event.data == (
        b'{"object":"list","data":[{"object":"embedding","index":0,"embedding":"AAAAPwAAgL4="},'
        b'{"index":1,"embedding":"AAAAPw=="}],"model":"m","kept":{"x":1.50}}'
    )


def test_base64_that_came_so_passes_byte_for_byte() -> None:
    body = b'{"data": [{"embedding": "AAAAPw=="}] }'
    assert RelayedBytes(body) in EmbeddingsRelay(model="m", base64=True).whole(body)


@pytest.mark.parametrize(
    "data", [b"1", b"[1]", b'[{"embedding":["x"]}]', b'[{"embedding":[1e39]}]']
)
def test_numbers_that_are_none_cannot_be_converted(data: bytes) -> None:
    body = b'{"data":%b,"more":{"embedding":[]}}' % data
    with pytest.raises(ConversionError):
        EmbeddingsRelay(model="m", base64=True).whole(body)


@pytest.mark.parametrize("relay", [plain_relay(), embeddings_relay()])
@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"choices":[]}', b"nothing", b'{"data":'])
def test_a_whole_body_that_is_no_answer_breaks_the_protocol(
    relay: ChatRelay | EmbeddingsRelay, body: bytes
) -> None:
    with pytest.raises(ProviderProtocolBroken):
        relay.whole(body)


@pytest.mark.parametrize("relay", [plain_relay(), embeddings_relay()])
def test_a_flat_error_with_a_good_status_is_an_error(relay: ChatRelay | EmbeddingsRelay) -> None:
    with pytest.raises(UpstreamRateLimited):
        relay.whole(b'{"object":"error","message":"too fast","code":429}')
