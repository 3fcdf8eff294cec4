"""Streams of JSON values, one a line (NDJSON): pure framing.

Source: the NDJSON specification (github.com/ndjson/ndjson-spec): lines end in LF, a CR before it
belongs to the end, empty lines are nothing.
"""

from ...domain.errors import ProviderProtocolBroken


class LineSplitter:
    """Cuts a body into lines; one splitter per body."""

    __slots__ = ("_max_line_bytes", "_pending")

    def __init__(self, max_line_bytes: int) -> None:
        self._max_line_bytes = max_line_bytes
        self._pending = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that `data` completes, without their ends.

        Raises:
            ProviderProtocolBroken: a line is longer than the limit.
        """
        pending = self._pending
        end = data.rfind(b"\n")
        if end < 0:
            pending += data
            self._check(len(pending))
            return []
        if pending:
            pending += data[:end]
            block = bytes(pending)
            pending.clear()
        else:
            block = data[:end]
        pending += data[end + 1 :]
        self._check(len(pending))
        lines = [line for line in block.split(b"\n") if line and not line.isspace()]
        if len(block) > self._max_line_bytes:
            self._check(max(map(len, lines), default=0))
        return lines

    def flush(self) -> bytes:
        """Return what the body's end completes: a line whose end never came."""
        line = bytes(self._pending).strip()
        self._pending.clear()
        return line

    def _check(self, size_bytes: int) -> None:
        if size_bytes > self._max_line_bytes:
            self._pending.clear()
            raise ProviderProtocolBroken(
                f"The upstream sent a line longer than {self._max_line_bytes} bytes."
            )
