"""Amazon's event stream, read side: pure framing.

A message is a prelude (its whole length, the length of its headers, a checksum of the two), the
headers, a payload, and a checksum of all before it; numbers are big-endian, checksums CRC-32.
Source: Smithy's specification of `application/vnd.amazon.eventstream`.
"""

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple
from zlib import crc32

from ...domain.errors import ProviderProtocolBroken

MAX_HEADER_BYTES: Final = 128 * 1024
MAX_PAYLOAD_BYTES: Final = 24 * 2**20
_PRELUDE: Final = struct.Struct(">III")
_OVERHEAD: Final = _PRELUDE.size + 4
_CHECKSUM: Final = struct.Struct(">I")
_SHORT: Final = struct.Struct(">H")
# Types of header values by their number, and how long those are whose length is not told.
_TRUE, _FALSE, _BYTES, _TEXT = 0, 1, 6, 7
_FIXED_SIZE: Final = {_TRUE: 0, _FALSE: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
# The messages of one kind have the same headers, byte for byte: what they say is kept.
_MAX_KEPT: Final = 64


class EventFrame(NamedTuple):
    """One message. `kind` is `event`, `exception` or `error`; `name` which one of them.

    `message` is there for errors alone, which tell themselves in their headers.
    """

    kind: str
    name: str
    payload: bytes
    message: str = ""


class EventStreamDecoder:
    """Cuts a body into messages; one decoder per body."""

    __slots__ = ("_kept", "_max_payload_bytes", "_pending", "_wanted")

    def __init__(self, max_event_bytes: int = MAX_PAYLOAD_BYTES) -> None:
        self._max_payload_bytes = min(max_event_bytes, MAX_PAYLOAD_BYTES)
        self._pending = bytearray()
        # How many bytes there must be before another look is of use.
        self._wanted = 0
        self._kept: dict[bytes, tuple[str, str, str]] = {}

    @property
    def pending(self) -> bool:
        """Whether a message has begun whose end has not come."""
        return bool(self._pending)

    def feed(self, data: bytes) -> list[EventFrame]:
        """Return the messages that `data` completes.

        Raises:
            ProviderProtocolBroken: a checksum or a length is wrong, or a message is too large.
        """
        pending = self._pending
        if pending:
            pending += data
            if len(pending) < self._wanted:
                return []
            data = bytes(pending)
            pending.clear()
        frames: list[EventFrame] = []
        place, end = 0, len(data)
        wanted = _PRELUDE.size
        while end - place >= _PRELUDE.size:
            size, header_size, checksum = _PRELUDE.unpack_from(data, place)
            if crc32(data[place : place + 8]) != checksum:
                raise _broken("has a wrong checksum at its begin")
            payload_size = size - header_size - _OVERHEAD
            if header_size > MAX_HEADER_BYTES or payload_size > self._max_payload_bytes:
                raise _broken("is larger than the limit")
            if payload_size < 0:
                raise _broken("is shorter than its headers")
            if end - place < size:
                wanted = size
                break
            close = place + size - 4
            if crc32(data[place:close]) != _CHECKSUM.unpack_from(data, close)[0]:
                raise _broken("has a wrong checksum")
            payload_at = place + _PRELUDE.size + header_size
            headers = data[place + _PRELUDE.size : payload_at]
            said = self._kept.get(headers) or self._read(headers)
            frames.append(EventFrame(said[0], said[1], data[payload_at:close], said[2]))
            place += size
        if place < end:
            pending += data[place:]
            self._wanted = wanted
        return frames

    def _read(self, headers: bytes) -> tuple[str, str, str]:
        """Return kind, name and message of what has these `headers`."""
        found = dict(_headers(headers))
        kind = found.get(":message-type", "")
        said: tuple[str, str, str]
        match kind:
            case "event":
                said = (kind, found.get(":event-type", ""), "")
            case "exception":
                said = (kind, found.get(":exception-type", ""), "")
            case "error":
                said = (kind, found.get(":error-code", ""), found.get(":error-message", ""))
            case _:
                raise _broken(f"is of the kind {kind[:100]!r}, which there is not")
        if len(self._kept) < _MAX_KEPT and len(headers) <= 1024:
            self._kept[headers] = said
        return said


def _headers(data: bytes) -> Iterator[tuple[str, str]]:
    """Yield name and value of the headers that are text.

    Raises:
        ProviderProtocolBroken: they are no headers.
    """
    place = 0
    try:
        while place < len(data):
            name_at = place + 1
            type_at = name_at + data[place]
            value_type = data[type_at]
            value_at = type_at + 1
            if value_type in (_BYTES, _TEXT):
                (size,) = _SHORT.unpack_from(data, value_at)
                value_at += 2
            else:
                size = _FIXED_SIZE[value_type]
            place = value_at + size
            if place > len(data):
                raise _broken("has headers that do not end")
            if value_type == _TEXT:
                yield data[name_at:type_at].decode(), data[value_at:place].decode()
    except (IndexError, KeyError, UnicodeDecodeError, struct.error) as error:
        raise _broken("has headers that are none") from error


def _broken(how: str) -> ProviderProtocolBroken:
    return ProviderProtocolBroken(f"A message of the upstream's stream {how}.")
