"""Claude's answers on their way through."""

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from modelmux.adapters.anthropic_messages.decode import MessagesStreamDecoder, decode_whole
from modelmux.adapters.anthropic_messages.relay import MessagesRelay
from modelmux.adapters.transport.languages import ErrorReply
from modelmux.domain.errors import (
    ProviderProtocolBroken,
    StreamCut,
    UpstreamOverloaded,
    UpstreamRateLimited,
)
from modelmux.domain.events import (
    FinishReason,
    RelayedBytes,
    ResponseFinished,
    ResponseStarted,
    StreamEvent,
    TextDelta,
)
from tests.support.openai_replay import frames_of, relayed
from tests.support.streams import at_every_byte, cut_after_frames, read_chunks

FIXTURES = Path(__file__).parents[3] / "fixtures" / "anthropic_messages"
MODEL = "claude-sonnet-5-5"
FAILING = "error-midway"
STREAMS = sorted(path.stem for path in FIXTURES.glob("*.sse"))
WHOLE_STREAMS = [name for name in STREAMS if name != FAILING]


def recorded(name: str) -> bytes:
    return (FIXTURES / name).read_bytes()


def a_relay(*, streamed: bool = True) -> MessagesRelay:
    return MessagesRelay(model=MODEL, max_event_bytes=2**20, streamed=streamed)


def relay_stream(pieces: Iterable[bytes]) -> list[StreamEvent]:
    relay = a_relay()
    events: list[StreamEvent] = []
    for piece in pieces:
        events += relay.feed(piece)
        if events and isinstance(events[-1], ResponseFinished):
            return events
    return [*events, *relay.close()]


@pytest.mark.parametrize("name", WHOLE_STREAMS)
def test_start_and_finish_are_those_that_a_reader_finds(name: str) -> None:
    data = recorded(f"{name}.sse")
    read = read_chunks(lambda: MessagesStreamDecoder(MODEL), [data])
    passed = relay_stream(frames_of(data))
    assert passed[0] == read[0]
    assert passed[-1] == read[-1]


@pytest.mark.parametrize("name", WHOLE_STREAMS)
def test_every_frame_passes_as_it_came(name: str) -> None:
    data = recorded(f"{name}.sse")
    end = data.index(b"event: message_stop")
    told = data[: data.index(b"\n\n", end) + 2]
    if b"\r\n" in data:
        pytest.skip("line ends are told as line feeds")
    assert relayed(relay_stream([data])) == told
    assert relayed(relay_stream(frames_of(data))) == told
    assert relayed(relay_stream(at_every_byte(data))) == told


@pytest.mark.parametrize("name", STREAMS)
def test_a_cut_at_any_frame_raises(name: str) -> None:
    for begin in cut_after_frames(recorded(f"{name}.sse")):
        if b"message_stop" in begin:
            continue
        with pytest.raises((StreamCut, ProviderProtocolBroken, UpstreamOverloaded)):
            relay_stream([begin])


def test_a_cut_inside_a_frame_raises() -> None:
    data = recorded("text.sse")
    with pytest.raises(StreamCut):
        relay_stream([data[: data.index(b"message_stop") - 3]])


def test_a_body_without_anything_is_no_answer() -> None:
    with pytest.raises(ProviderProtocolBroken):
        relay_stream([b": nothing\n\n"])


def test_an_answer_that_does_not_begin_with_its_start_is_none() -> None:
    frames = frames_of(recorded("text.sse"))
    with pytest.raises(ProviderProtocolBroken, match="begin"):
        relay_stream(frames[1:])


def test_an_error_in_the_stream_is_the_one_it_names() -> None:
    with pytest.raises(UpstreamOverloaded):
        relay_stream(frames_of(recorded("error-midway.sse")))


def test_what_comes_before_the_first_block_waits_for_it() -> None:
    relay = a_relay()
    start, *rest = frames_of(recorded("text.sse"))
    assert relay.feed(start) == []
    assert relay.feed(b'event: ping\ndata: {"type":"ping"}\n\n') == []
    error = b'{"type":"error","error":{"type":"overloaded_error","message":"busy"}}'
    with pytest.raises(UpstreamOverloaded):
        relay.feed(b"event: error\ndata: " + error + b"\n\n")
    relay = a_relay()
    relay.feed(start)
    events = [event for frame in rest[:2] for event in relay.feed(frame)]
    assert isinstance(events[0], ResponseStarted)
    assert relayed(events).startswith(start)


def test_names_in_a_text_are_text() -> None:
    """A piece that speaks of events does not pass for one, nor for two."""
    quoted = json.dumps("event: content_block_delta\nevent: message_stop\n\nevent: error")
    start, begin, _, *rest = frames_of(recorded("text.sse"))
    delta = (
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
        b'"delta":{"type":"text_delta","text":' + quoted.encode() + b"}}\n\n"
    )
    events = relay_stream([start, begin, delta + delta, b"".join(rest)])
    assert relayed(events).count(quoted.encode()) == 2
    assert isinstance(events[-1], ResponseFinished)


@pytest.mark.parametrize("form", ["crlf", "nameless"])
def test_other_spellings_of_the_frames_are_told_in_ours(form: str) -> None:
    data = recorded("text.sse")
    if form == "crlf":
        odd = data.replace(b"\n", b"\r\n")
    else:
        odd = b"\n".join(line for line in data.split(b"\n") if not line.startswith(b"event:"))
    assert relayed(relay_stream([odd])) == relayed(relay_stream([data]))
    assert relayed(relay_stream(at_every_byte(odd))) == relayed(relay_stream([data]))


def test_a_whole_answer_passes_with_its_figures_read() -> None:
    body = recorded("thinking-and-tools.json")
    started, passed, finished = a_relay(streamed=False).whole(body)
    assert passed == RelayedBytes(body)
    whole = decode_whole(body, model=MODEL)
    assert (started, finished) == (whole[0], whole[-1])
    assert isinstance(finished, ResponseFinished)
    assert finished.reasons == (FinishReason.TOOL_CALLS,)


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"type":"message"}', b"hello"])
def test_what_is_no_message_is_not_passed_on(body: bytes) -> None:
    with pytest.raises(ProviderProtocolBroken):
        a_relay(streamed=False).whole(body)


def test_an_answer_that_comes_whole_is_decoded_for_who_wants_a_stream() -> None:
    relay = a_relay()
    events = relay.whole(recorded("thinking-and-tools.json"))
    assert relay.translated
    assert not any(isinstance(event, RelayedBytes) for event in events)


def test_an_event_beyond_all_bounds_is_refused() -> None:
    relay = MessagesRelay(model=MODEL, max_event_bytes=1000)
    with pytest.raises(ProviderProtocolBroken, match="larger"):
        relay.feed(b"event: message_start\ndata: " + b"x" * 2000)


def test_a_refusal_before_the_answer_is_read_as_ever() -> None:
    body = b'{"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}'
    error = a_relay().decode_error(ErrorReply(429, {"retry-after": "3"}, body))
    assert isinstance(error, UpstreamRateLimited)
    assert error.retry_after_s == 3


def test_pieces_of_text_are_passed_on_unread() -> None:
    """A piece that is no JSON at all passes: nobody looks into it."""
    relay = a_relay()
    start, begin, *_ = frames_of(recorded("text.sse"))
    relay.feed(start)
    relay.feed(begin)
    odd = b"event: content_block_delta\ndata: {not read\n\n"
    assert relay.feed(odd) == [RelayedBytes(odd)]
    assert TextDelta not in {type(event) for event in relay.feed(odd)}
