"""How a stream arrives changes nothing of what it says; a stream that is cut never finishes."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmux.adapters.openai_chat.decode import Reading
from modelmux.domain.conversation import Vendor
from modelmux.domain.errors import ProviderError, ProviderProtocolBroken, StreamCut
from modelmux.domain.events import (
    ReasoningDelta,
    RelayedBytes,
    ResponseFinished,
    ResponseStarted,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from tests.support.openai_replay import (
    FAILING,
    STREAMS,
    WHOLE_STREAMS,
    frames_of,
    plain_relay,
    read_stream,
    recorded,
    relay_stream,
    relayed,
)


def bytes_of(data: bytes) -> list[bytes]:
    return [data[place : place + 1] for place in range(len(data))]


def cut_at(data: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in pairwise(edges)]


@pytest.mark.parametrize("name", WHOLE_STREAMS)
def test_every_stream_keeps_the_laws(name: str) -> None:
    events = read_stream([recorded(f"{name}.sse")])

    kinds = [type(event) for event in events]
    assert kinds[0] is ResponseStarted
    assert kinds[-1] is ResponseFinished
    assert kinds.count(ResponseStarted) == kinds.count(ResponseFinished) == 1
    announced: set[tuple[int, int]] = set()
    for event in events:
        if isinstance(event, ToolCallStarted):
            dense = sum(1 for choice, _ in announced if choice == event.choice)
            assert event.index == dense
            assert event.id
            announced.add((event.choice, event.index))
        elif isinstance(event, ToolCallDelta):
            assert (event.choice, event.index) in announced
        elif isinstance(event, ReasoningDelta):
            assert event.text


@pytest.mark.parametrize("name", WHOLE_STREAMS)
def test_a_stream_says_the_same_byte_by_byte(name: str) -> None:
    data = recorded(f"{name}.sse")
    assert read_stream(bytes_of(data)) == read_stream([data])


@given(name=st.sampled_from(WHOLE_STREAMS), places=st.lists(st.integers(0, 10_000), max_size=12))
def test_a_stream_says_the_same_in_any_pieces(name: str, places: list[int]) -> None:
    data = recorded(f"{name}.sse")
    assert read_stream(cut_at(data, places)) == read_stream([data])


@given(name=st.sampled_from(STREAMS), place=st.integers(0, 10_000))
def test_a_stream_that_is_cut_anywhere_says_no_more_than_the_whole(name: str, place: int) -> None:
    data = recorded(f"{name}.sse")
    whole = [] if name in FAILING else read_stream([data])
    try:
        events = read_stream([data[: place % len(data)]])
    except ProviderError:
        return
    assert events[:-1] == whole[: len(events) - 1]  # only usage may be missing at the finish
    assert isinstance(events[-1], ResponseFinished)


@pytest.mark.parametrize("name", WHOLE_STREAMS)
def test_a_stream_that_is_cut_before_its_finish_reason_raises(name: str) -> None:
    frames = frames_of(recorded(f"{name}.sse"))
    unfinished = [place for place, frame in enumerate(frames) if b'"finish_reason":"' in frame]
    for end in range(unfinished[-1]):
        with pytest.raises((StreamCut, ProviderProtocolBroken)):
            read_stream(frames[:end])
        with pytest.raises((StreamCut, ProviderProtocolBroken)):
            relay_stream(frames[:end], plain_relay(several="two_choices" in name))


@pytest.mark.parametrize("name", sorted(FAILING))
def test_an_error_in_a_stream_raises(name: str) -> None:
    data = recorded(f"{name}.sse")
    with pytest.raises(ProviderError):
        read_stream([data])
    with pytest.raises(ProviderError):
        relay_stream([data])
    with pytest.raises(ProviderError):
        relay_stream(frames_of(data))


@pytest.mark.parametrize("name", WHOLE_STREAMS)
def test_a_relay_passes_what_the_decoder_reads(name: str) -> None:
    data = recorded(f"{name}.sse")
    told = read_stream([data])
    for pieces in ([data], bytes_of(data), frames_of(data)):
        events = relay_stream(pieces)
        assert events[0] == replaced_id(told[0], events[0])
        assert isinstance(events[-1], ResponseFinished)
        assert isinstance(told[-1], ResponseFinished)
        assert events[-1].usage == told[-1].usage
        assert read_stream([relayed(events)]) == told


def replaced_id(told: StreamEvent, relayed_start: StreamEvent) -> StreamEvent:
    """Both lanes must name the same answer and model."""
    assert isinstance(told, ResponseStarted)
    assert isinstance(relayed_start, ResponseStarted)
    return ResponseStarted(told.id, told.model)


@given(name=st.sampled_from(WHOLE_STREAMS), places=st.lists(st.integers(0, 10_000), max_size=12))
def test_a_relay_sends_whole_frames_alone(name: str, places: list[int]) -> None:
    for event in relay_stream(cut_at(recorded(f"{name}.sse"), places)):
        if isinstance(event, RelayedBytes):
            assert event.data.endswith((b"\n\n", b"\r\n\r\n"))


def test_an_empty_stream_is_no_answer() -> None:
    for data in (b"", b"data: [DONE]\n\n", b": hello\n\n"):
        with pytest.raises(ProviderProtocolBroken, match="empty"):
            read_stream([data])
        with pytest.raises(ProviderProtocolBroken, match="empty"):
            relay_stream([data])


def test_the_end_mark_without_a_finish_reason_is_a_cut() -> None:
    data = b'data: {"choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\ndata: [DONE]\n\n'
    with pytest.raises(StreamCut):
        read_stream([data])
    with pytest.raises(StreamCut):
        relay_stream([data])


@pytest.mark.parametrize("data", [b"data: Hi\n\n", b"data: [1]\n\n", b'data: {"choices":7}\n\n'])
def test_what_is_no_chunk_breaks_the_protocol(data: bytes) -> None:
    with pytest.raises(ProviderProtocolBroken):
        read_stream([data])
    with pytest.raises(ProviderProtocolBroken):
        relay_stream([data])


def test_a_choice_of_an_absurd_number_breaks_the_protocol() -> None:
    data = b'data: {"choices":[{"index":999999999,"delta":{"content":"Hi"}}]}\n\n'
    with pytest.raises(ProviderProtocolBroken, match="999999999"):
        read_stream([data])


def test_a_choice_that_did_not_finish_is_a_cut() -> None:
    frames = frames_of(recorded("openai_logprobs_two_choices.sse"))
    with pytest.raises(StreamCut):
        read_stream([*frames[:3], b"data: [DONE]\n\n"])
    with pytest.raises(StreamCut):
        relay_stream([*frames[:3], b"data: [DONE]\n\n"], plain_relay(several=True))


def test_what_comes_after_the_end_mark_is_not_read() -> None:
    data = recorded("openai_text.sse")
    assert read_stream([data + b"data: nonsense\n\n"]) == read_stream([data])


def test_thoughts_become_proofs_where_their_vendor_wants_them_back() -> None:
    reading = Reading("deepseek-v4-flash", proofs=Vendor.DEEPSEEK)
    pieces = bytes_of(recorded("deepseek_tools.sse"))
    assert read_stream(pieces, reading) == read_stream([b"".join(pieces)], reading)
    assert not any(isinstance(event, TextDelta) for event in read_stream(pieces, reading))
