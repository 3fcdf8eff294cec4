"""Server-sent events, read side: pure framing.

Source: WHATWG HTML, 9.2.5 and 9.2.6. Lines end in LF, CRLF or CR; an event is dispatched by an
empty line, and only if it has a data line. What is left at the end of a body is not an event by
the letter; `SseDecoder.flush` gives it all the same, because some servers forget the last blank
line, and a half event does not parse.
"""

from typing import NamedTuple

from ...domain.errors import ProviderProtocolBroken

_BOM = b"\xef\xbb\xbf"


class SseFrame(NamedTuple):
    """One event: its name (empty if it has none) and its data lines, joined by line feeds."""

    event: bytes
    data: bytes


class SseDecoder:
    """Cuts a body into events; one decoder per body."""

    __slots__ = ("_after_cr", "_at_start", "_max_event_bytes", "_pending")

    def __init__(self, max_event_bytes: int) -> None:
        self._max_event_bytes = max_event_bytes
        self._pending = bytearray()
        self._after_cr = False
        self._at_start = True

    def feed(self, data: bytes) -> list[SseFrame]:
        """Return the events that `data` completes.

        Raises:
            ProviderProtocolBroken: an event is larger than the limit.
        """
        if self._after_cr or b"\r" in data:
            data = self._unify_line_ends(data)
        pending = self._pending
        if pending:
            searched = max(len(pending) - 1, 0)
            pending += data
            end = pending.rfind(b"\n\n", searched)
            if end < 0:
                self._check(len(pending))
                return []
            block = bytes(pending[:end])
            del pending[: end + 2]
        else:
            end = data.rfind(b"\n\n")
            if end < 0:
                pending += data
                self._check(len(pending))
                return []
            block = data[:end]
            if end + 2 != len(data):
                pending += data[end + 2 :]
        self._check(len(pending))
        return self._parse(block)

    def flush(self) -> list[SseFrame]:
        """Return what the body's end completes: an event whose blank line never came."""
        block = bytes(self._pending)
        self._pending.clear()
        return self._parse(block)

    def _unify_line_ends(self, data: bytes) -> bytes:
        if self._after_cr and data.startswith(b"\n"):
            data = data[1:]
            self._after_cr = False
            if not data:
                return data
        self._after_cr = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _check(self, size_bytes: int) -> None:
        if size_bytes > self._max_event_bytes:
            self._pending.clear()
            raise ProviderProtocolBroken(
                f"The upstream sent an event larger than {self._max_event_bytes} bytes."
            )

    def _parse(self, block: bytes) -> list[SseFrame]:
        if self._at_start and block:
            self._at_start = False
            block = block.removeprefix(_BOM)
        if len(block) > self._max_event_bytes:
            self._check(max(map(len, block.split(b"\n\n"))))
        frames: list[SseFrame] = []
        for event in block.split(b"\n\n"):
            # Most events are one line: `data: {...}`.
            if event.startswith(b"data: ") and b"\n" not in event:
                frames.append(SseFrame(b"", event[6:]))
                continue
            name = b""
            lines: list[bytes] = []
            for line in event.split(b"\n"):
                field, _, value = line.partition(b":")
                value = value.removeprefix(b" ")
                if field == b"data":
                    lines.append(value)
                elif field == b"event":
                    name = value
            if lines:
                frames.append(SseFrame(name, lines[0] if len(lines) == 1 else b"\n".join(lines)))
        return frames


class FrameSplitter:
    """Passes on whole events as they came, byte for byte, for relaying."""

    __slots__ = ("_max_event_bytes", "_pending")

    def __init__(self, max_event_bytes: int = 16 * 2**20) -> None:
        self._max_event_bytes = max_event_bytes
        self._pending = bytearray()

    def feed(self, data: bytes) -> bytes:
        """Return the events that `data` completes, raw, blank lines included.

        Raises:
            ProviderProtocolBroken: an event is larger than the limit.
        """
        pending = self._pending
        if not pending:
            if data.endswith(b"\n\n"):
                return data
            end = _end_of_frames(data, 0)
            pending += data[end:]
            whole = data[:end]
        else:
            searched = max(len(pending) - 2, 0)
            pending += data
            end = _end_of_frames(pending, searched)
            whole = bytes(pending[:end])
            del pending[:end]
        if len(pending) > self._max_event_bytes:
            pending.clear()
            raise ProviderProtocolBroken(
                f"The upstream sent an event larger than {self._max_event_bytes} bytes."
            )
        return whole

    @property
    def pending(self) -> bytes:
        """The begin of an event whose end has not come."""
        return bytes(self._pending)


def _end_of_frames(data: bytes | bytearray, start: int) -> int:
    """Return the place after the last blank line, 0 if there is none."""
    ends = [
        place + len(blank)
        for blank in (b"\n\n", b"\n\r\n", b"\r\r")
        if (place := data.rfind(blank, start)) >= 0
    ]
    return max(ends, default=0)


_START, _COMMENT, _FIELD = range(3)


class ProgressMeter:
    """Tells bytes of an answer from comments, with which an upstream can fill hours."""

    __slots__ = ("_line",)

    def __init__(self) -> None:
        # Where the last byte left us. In doubt, in a field: that errs once, and towards patience.
        self._line = _FIELD

    def feed(self, data: bytes) -> bool:
        """Return whether `data`, not empty, holds more than comments and blank lines."""
        if data.startswith((b"data:", b"event:")):
            self._line = _FIELD
            return True
        line = self._line
        lines = data.replace(b"\r", b"\n").split(b"\n")
        last = lines[-1]
        if len(lines) > 1 or line == _START:
            self._line = _START if not last else _COMMENT if last.startswith(b":") else _FIELD
        if line == _FIELD:
            return True
        if line == _COMMENT:
            del lines[0]
        return any(one and not one.startswith(b":") for one in lines)
