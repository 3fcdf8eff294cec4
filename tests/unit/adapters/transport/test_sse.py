"""Framing: the same events however the bytes are cut."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmux.adapters.transport.sse import FrameSplitter, ProgressMeter, SseDecoder, SseFrame
from modelmux.domain.errors import ProviderProtocolBroken

BODY = (
    b"\xef\xbb\xbf: a comment\n\n"
    b"data: one\n\n"
    b"event: named\ndata: two\nid: 7\nretry: 10\n\n"
    b"data: three\ndata:  indented\ndata:bare\n\n\n\n"
    b"event: without data\n\n"
    b"data\n\n"
    b"data: [DONE]\n\n"
)
FRAMES = [
    SseFrame(b"", b"one"),
    SseFrame(b"named", b"two"),
    SseFrame(b"", b"three\n indented\nbare"),
    SseFrame(b"", b""),
    SseFrame(b"", b"[DONE]"),
]


def decode(pieces: list[bytes]) -> list[SseFrame]:
    decoder = SseDecoder(10_000)
    frames = [frame for piece in pieces for frame in decoder.feed(piece)]
    return frames + decoder.flush()


def cut(body: bytes, places: list[int]) -> list[bytes]:
    marks = sorted({place % (len(body) + 1) for place in places} | {0, len(body)})
    return [body[start:end] for start, end in pairwise(marks)]


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_events_are_read_whole_and_byte_by_byte(line_end: bytes) -> None:
    body = BODY.replace(b"\n", line_end)
    assert decode([body]) == FRAMES
    assert decode([body[place : place + 1] for place in range(len(body))]) == FRAMES


@given(st.lists(st.integers(0, 10_000)), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_cuts_change_nothing(places: list[int], line_end: bytes) -> None:
    assert decode(cut(BODY.replace(b"\n", line_end), places)) == FRAMES


@given(st.binary(max_size=300), st.lists(st.integers(0, 300)))
def test_any_bytes_give_the_same_events_however_they_are_cut(
    body: bytes, places: list[int]
) -> None:
    assert decode(cut(body, places)) == decode([body])


def test_an_event_without_its_blank_line_is_flushed() -> None:
    decoder = SseDecoder(100)
    assert decoder.feed(b"data: last") == []
    assert decoder.flush() == [SseFrame(b"", b"last")]
    assert decoder.flush() == []


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_an_event_over_the_limit_is_refused_in_whatever_pieces(size: int) -> None:
    body = b"data: ok\n\ndata: " + b"x" * 500 + b"\n\n"
    decoder = SseDecoder(100)
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    with pytest.raises(ProviderProtocolBroken):
        list(map(decoder.feed, pieces))


def test_many_events_may_be_more_than_the_limit_together() -> None:
    assert len(SseDecoder(100).feed(b"data: one\n\n" * 100)) == 100


@given(st.lists(st.integers(0, 10_000)), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_the_splitter_gives_whole_frames_and_loses_nothing(
    places: list[int], line_end: bytes
) -> None:
    body = BODY.replace(b"\n", line_end) + b"data: half"
    splitter = FrameSplitter()
    given_back = b""
    for piece in cut(body, places):
        whole = splitter.feed(piece)
        given_back += whole
        # CRLF cut in its middle: the line feed follows with the next frame.
        assert not whole or whole.endswith((line_end * 2, b"\r\n\r"))
    assert given_back + splitter.pending == body
    assert splitter.pending.lstrip(b"\n") == b"data: half"


def test_the_splitter_refuses_a_frame_over_the_limit() -> None:
    splitter = FrameSplitter(100)
    with pytest.raises(ProviderProtocolBroken):
        list(map(splitter.feed, [b"data: xxxxxxxxx"] * 20))


def test_comments_and_blank_lines_are_no_progress() -> None:
    meter = ProgressMeter()
    meter.feed(b"\n")
    assert not any(map(meter.feed, [b": a comm", b"ent: data: x", b"\r\n", b"\n:", b"\n", b"\n"]))


@pytest.mark.parametrize("data", [b"data: x\n", b"\n\nda", b": c\nevent: y\n"])
def test_fields_are_progress(data: bytes) -> None:
    meter = ProgressMeter()
    meter.feed(b"\n")
    assert meter.feed(data)


def test_the_rest_of_a_field_is_progress_even_where_it_looks_like_a_comment() -> None:
    meter = ProgressMeter()
    meter.feed(b"\ndata: 12")
    assert meter.feed(b":34")
