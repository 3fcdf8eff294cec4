"""How a stream arrives changes nothing of what it says; a stream that is cut never finishes."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmux.domain.errors import ProviderError, ProviderProtocolBroken, StreamCut
from modelmux.domain.events import (
    AnnotationAdded,
    ReasoningDelta,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from modelmux.entrypoints.responses.turn_wire import ResponsesWire
from tests.support.openai_replay import frames_of, relayed
from tests.support.responses_laws import ResponsesStreamLaws
from tests.support.responses_records import OpenSealer, asked, whole_stream
from tests.support.responses_replay import (
    FAILING,
    STREAMS,
    WHOLE_STREAMS,
    read_stream,
    recorded,
    relay_stream,
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
    announced: list[int] = []
    for before, event in pairwise(events):
        if isinstance(event, ToolCallStarted):
            assert event.index == len(announced)
            assert event.id
            announced.append(event.index)
        elif isinstance(event, ToolCallDelta):
            assert event.index in announced
        elif isinstance(event, ReasoningDelta):
            assert event.text
        elif isinstance(event, AnnotationAdded):
            assert isinstance(before, TextDelta | AnnotationAdded)


@pytest.mark.parametrize("name", WHOLE_STREAMS)
def test_a_stream_says_the_same_byte_by_byte(name: str) -> None:
    data = recorded(f"{name}.sse")
    assert read_stream(bytes_of(data)) == read_stream([data])


@given(name=st.sampled_from(WHOLE_STREAMS), places=st.lists(st.integers(0, 10_000), max_size=8))
def test_a_stream_says_the_same_in_any_pieces(name: str, places: list[int]) -> None:
    data = recorded(f"{name}.sse")
    whole = read_stream([data])
    assert read_stream(cut_at(data, places)) == whole
    events = relay_stream(cut_at(data, places))
    assert events[0] == whole[0]
    assert events[-1] == whole[-1]


@pytest.mark.parametrize("name", WHOLE_STREAMS)
def test_a_relayed_stream_passes_byte_for_byte_and_gets_its_end(name: str) -> None:
    data = recorded(f"{name}.sse")
    told = data.replace(b"response.reasoning_part.", b"response.content_part.")  # see the relay
    end = b"" if data.endswith(b"data: [DONE]\n\n") else b"data: [DONE]\n\n"
    for pieces in ([data], frames_of(data), bytes_of(data)):
        assert relayed(relay_stream(pieces)) == told + end


@pytest.mark.parametrize("name", WHOLE_STREAMS)
def test_a_stream_that_is_cut_at_any_frame_raises(name: str) -> None:
    frames = [frame for frame in frames_of(recorded(f"{name}.sse")) if b"[DONE]" not in frame]
    for length in range(len(frames)):
        pieces = frames[:length]
        with pytest.raises((StreamCut, ProviderProtocolBroken)):
            read_stream(pieces)
        with pytest.raises((StreamCut, ProviderProtocolBroken)):
            relay_stream(pieces)
        with pytest.raises((StreamCut, ProviderProtocolBroken)):
            relay_stream([*pieces, frames[length][:-20]])
        with pytest.raises((StreamCut, ProviderProtocolBroken)):
            relay_stream([*pieces, b"data: [DONE]\n\n"])
        with pytest.raises((StreamCut, ProviderProtocolBroken)):
            read_stream([*pieces, b"data: [DONE]\n\n"])


@pytest.mark.parametrize("name", sorted(FAILING))
def test_a_stream_with_an_error_raises_in_both_lanes(name: str) -> None:
    data = recorded(f"{name}.sse")
    with pytest.raises(ProviderError) as decoded:
        read_stream([data])
    with pytest.raises(ProviderError) as passed:
        relay_stream([data])
    assert type(decoded.value) is type(passed.value)
    assert decoded.value.message == passed.value.message


@pytest.mark.parametrize("name", WHOLE_STREAMS)
def test_what_was_decoded_is_told_to_clients_by_the_laws_of_their_stream(name: str) -> None:
    events = read_stream([recorded(f"{name}.sse")])
    laws = ResponsesStreamLaws()
    for chunk in whole_stream(ResponsesWire(OpenSealer()), asked(), events):
        laws.feed(chunk)
    laws.close()
    assert laws.final is not None
    assert laws.final["output"]


def test_every_recorded_stream_is_read() -> None:
    assert set(WHOLE_STREAMS) | FAILING == set(STREAMS)
    assert len(STREAMS) > len(FAILING)
