"""Writes log lines without ever making a request wait for the sink.

A thread of its own writes what gathered in the last moments with as few system calls as keep
lines whole. A sink that is stuck (a full pipe, a paused terminal) costs lines, never requests;
how many were lost is told as soon as it moves again.
"""

import os
import select
import threading
from collections import deque

import msgspec

_GATHER_S = 0.05
# A pipe takes up to this much in one piece, so that lines of other writers do not end inside.
_PIECE_BYTES = 4096


class LineWriter:
    """Call `write` from one thread. `close` when done: it writes what waits."""

    def __init__(self, descriptor: int = 2, *, max_waiting_bytes: int = 4 * 2**20) -> None:
        self._descriptor = descriptor
        self._max_waiting = max_waiting_bytes
        self._lines: deque[bytes] = deque()
        self._taken_in = 0
        self._given_out = 0
        self._dropped = 0
        self._told_dropped = 0
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def write(self, line: bytes) -> None:
        """Take one line, its end included; drop it if too many bytes wait."""
        if self._taken_in - self._given_out > self._max_waiting or self._closing.is_set():
            self._dropped += 1
            return
        self._taken_in += len(line)
        self._lines.append(line)
        if not self._wake.is_set():
            self._wake.set()
            if self._thread is None:
                # A daemon: a sink that is stuck for ever must not hold up the end of the process.
                self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
                self._thread.start()

    def close(self, timeout_s: float = 2.0) -> None:
        """Write what waits, for at most so long. Idempotent; later lines are dropped."""
        self._closing.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._closing.wait(_GATHER_S)
            self._wake.clear()
            self._drain()
            if self._closing.is_set() and not self._lines:
                return

    def _drain(self) -> None:
        while self._lines:
            piece = [self._lines.popleft()]
            size = len(piece[0])
            while self._lines and size + len(self._lines[0]) <= _PIECE_BYTES:
                piece.append(self._lines.popleft())
                size += len(piece[-1])
            if not self._put(b"".join(piece)):
                self._dropped += len(piece)
            self._given_out += size
        lost = self._dropped - self._told_dropped
        if lost:
            line = {"level": "warning", "event": "log_lines_dropped", "count": lost}
            if self._put(msgspec.json.encode(line) + b"\n"):
                self._told_dropped += lost

    def _put(self, data: bytes) -> bool:
        while data:
            try:
                data = data[os.write(self._descriptor, data) :]
            except BlockingIOError:
                # Whoever shares the terminal may have made it non-blocking.
                select.select((), (self._descriptor,), (), 1.0)
            except OSError:
                return False  # nobody reads any more, and there is nowhere to say so
        return True
