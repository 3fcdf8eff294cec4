"""Amazon's framing: whole, in pieces, and broken."""

import json
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmux.adapters.transport.event_stream import (
    MAX_HEADER_BYTES,
    EventFrame,
    EventStreamDecoder,
)
from modelmux.domain.errors import ProviderProtocolBroken
from tests.support.event_stream import event, exception, frames_of, message

VECTORS = Path(__file__).parents[5] / "shared/reference/spec/eventstream.vectors.json"
HELLO = event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "héllo"}})
END = event("messageStop", {"stopReason": "end_turn"})


def test_a_message_is_its_kind_its_name_and_its_payload() -> None:
    frames = EventStreamDecoder().feed(HELLO + exception("throttlingException", {"message": "m"}))
    assert [(frame.kind, frame.name) for frame in frames] == [
        ("event", "contentBlockDelta"),
        ("exception", "throttlingException"),
    ]
    assert json.loads(frames[0].payload)["delta"]["text"] == "héllo"


def test_an_error_tells_itself_in_its_headers() -> None:
    body = message(b"", message_type="error", error_code="InternalError", error_message="oops")
    assert EventStreamDecoder().feed(body) == [EventFrame("error", "InternalError", b"", "oops")]


def test_every_cut_gives_the_same_messages() -> None:
    body = HELLO + END
    whole = EventStreamDecoder().feed(body)
    for place in range(1, len(body)):
        decoder = EventStreamDecoder()
        assert decoder.feed(body[:place]) + decoder.feed(body[place:]) == whole
        assert not decoder.pending
    decoder = EventStreamDecoder()
    single = [frame for place in range(len(body)) for frame in decoder.feed(body[place:][:1])]
    assert single == whole


def test_half_a_message_is_pending() -> None:
    decoder = EventStreamDecoder()
    assert decoder.feed(HELLO + END[:20])[0].name == "contentBlockDelta"
    assert decoder.pending


@pytest.mark.parametrize("place", range(len(HELLO)))
def test_a_changed_byte_is_noticed(place: int) -> None:
    changed = bytearray(HELLO)
    changed[place] ^= 1
    decoder = EventStreamDecoder(1000)
    try:
        frames = decoder.feed(bytes(changed))
    except ProviderProtocolBroken:
        return
    raise AssertionError(f"read {frames} out of a broken message")


def test_a_message_may_not_be_larger_than_asked_for() -> None:
    assert EventStreamDecoder(1000).feed(event("a", "x" * 900))
    with pytest.raises(ProviderProtocolBroken, match="larger"):
        EventStreamDecoder(1000).feed(event("a", "x" * 1000)[:12])


def _prelude(size: int, headers: int) -> bytes:
    head = size.to_bytes(4, "big") + headers.to_bytes(4, "big")
    return head + crc32(head).to_bytes(4, "big")


@pytest.mark.parametrize(
    "prelude",
    [
        _prelude(MAX_HEADER_BYTES + 100, MAX_HEADER_BYTES + 1),
        _prelude(24 * 2**20 + 17, 0),
        _prelude(15, 0),
        _prelude(100, 90),
        _prelude(0, 0),
    ],
)
def test_impossible_lengths_are_refused_before_anything_is_waited_for(prelude: bytes) -> None:
    with pytest.raises(ProviderProtocolBroken):
        EventStreamDecoder().feed(prelude)


@pytest.mark.parametrize(
    "headers",
    [b"\x05:a", b"\x01a\x07\x00\x09b", b"\x01a\x0a", b"\x01a\x07\x00\x01\xff", b"\x01a\x04\x00"],
    ids=["a name that ends", "a value that ends", "an unknown type", "no UTF-8", "half a number"],
)
def test_headers_that_are_none_are_refused(headers: bytes) -> None:
    head = _prelude(16 + len(headers), len(headers))
    body = head + headers
    with pytest.raises(ProviderProtocolBroken):
        EventStreamDecoder().feed(body + crc32(body).to_bytes(4, "big"))


def test_headers_of_other_types_are_passed_over() -> None:
    others = (
        b"\x01a\x00\x01b\x01\x01c\x02\x01\x01d\x03\x00\x01\x01e\x04\x00\x00\x00\x01"
        b"\x01f\x05" + bytes(8) + b"\x01g\x06\x00\x02xy\x01h\x08" + bytes(8) + b"\x01i\x09"
    )
    headers = others + bytes(16) + b"\x0d:message-type\x07\x00\x05event"
    body = _prelude(16 + len(headers), len(headers)) + headers
    (frame,) = EventStreamDecoder().feed(body + crc32(body).to_bytes(4, "big"))
    assert frame == EventFrame("event", "", b"")


@given(st.lists(st.binary(max_size=300), max_size=5), st.integers(1, 400))
def test_what_is_written_is_read_in_pieces_of_any_size(payloads: list[bytes], size: int) -> None:
    body = b"".join(message(one, event_type="e", message_type="event") for one in payloads)
    decoder = EventStreamDecoder()
    read = [
        frame.payload
        for start in range(0, len(body), size)
        for frame in decoder.feed(body[start : start + size])
    ]
    assert read == payloads


@pytest.mark.skipif(not VECTORS.is_file(), reason="the reference's vectors are not here")
def test_streams_are_read_as_botocore_reads_them() -> None:
    for stream in json.loads(VECTORS.read_text())["streams"]:
        body = bytes.fromhex(stream["hex"])
        decoder = EventStreamDecoder()
        if "error" in stream:
            with pytest.raises(ProviderProtocolBroken, match="checksum"):
                decoder.feed(body)
            continue
        frames = decoder.feed(body)
        assert [json.loads(one.payload) for one in frames] == [
            one["payload"] for one in stream["frames"]
        ]
        assert decoder.pending == bool(stream.get("incomplete_tail"))
        if not decoder.pending:
            assert b"".join(frames_of(body)) == body
