"""The workers' processes, and the channels to them: starts, hears, tells and reaps.

What a worker says and that it is gone goes to whoever decides; nothing is decided here.
"""

import json
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from .lines import Broken, Lines, Message, encode
from .spawning import command, ended, start

_WORKER = "modelmux.entrypoints.work"
_READ_BYTES = 65536


@dataclass(slots=True)
class Worker:
    """A worker's process and the socket to it, until both have ended."""

    serial: int
    pid: int
    channel: socket.socket
    lines: Lines = field(default_factory=Lines)
    started_at: float = field(default_factory=time.time)

    @property
    def can_hear(self) -> bool:
        """Whether the channel is open at our end; the process may live longer than it."""
        return self.channel.fileno() >= 0


class Workers:
    """All that have not ended yet, by serial number.

    `said` is called for each message; `killed` when one is ended from here; `gone` with the exit
    code once a process has ended, when all that it said has been heard.
    """

    def __init__(
        self,
        selector: selectors.BaseSelector,
        *,
        said: Callable[[Worker, Message], None],
        killed: Callable[[Worker], None],
        gone: Callable[[Worker, int], None],
    ) -> None:
        self._selector = selector
        self._said = said
        self._killed = killed
        self._gone = gone
        self._by_serial: dict[int, Worker] = {}

    def __len__(self) -> int:
        return len(self._by_serial)

    def get(self, serial: int) -> Worker | None:
        return self._by_serial.get(serial)

    def start(self, serial: int, told: Message, run_folder: str | None) -> None:
        """Start a worker; it is `told` this, and the number of its end of the channel.

        Raises:
            OSError: the system has no process or no socket to give.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            words = command(_WORKER, json.dumps({**told, "channel": theirs.fileno()}))
            try:
                pid = start(words, (theirs.fileno(),), run_folder)
            except OSError:
                ours.close()
                raise
        self._take(Worker(serial, pid, ours))

    def tell(self, serial: int, message: Message, *descriptors: int) -> bool:
        """Tell a worker something; return whether it can hear. One that cannot is ended in time."""
        worker = self.get(serial)
        if worker is None or not worker.can_hear:
            return False
        line, channel = encode(message), worker.channel
        try:
            if descriptors:
                sent = socket.send_fds(channel, [line], descriptors)
            else:
                sent = channel.send(line)
        except OSError:
            return False  # it has gone, or has not read for long
        if sent < len(line):
            self.kill(serial)  # it has not read for long, and would read nonsense from here on
            return False
        return True

    def kill(self, serial: int) -> None:
        """End a worker at once, if it is still there."""
        worker = self.get(serial)
        if worker is not None:
            self._killed(worker)
            with suppress(ProcessLookupError):
                os.kill(worker.pid, signal.SIGKILL)

    def reap(self) -> None:
        """Take notice of all that have ended."""
        for worker in tuple(self._by_serial.values()):
            code = ended(worker.pid)
            if code is not None:
                self._hear(worker)  # its last words may still be on the way
                del self._by_serial[worker.serial]
                self._close(worker)
                self._gone(worker, code)

    def descriptors(self) -> list[int]:
        """Return what has to stay open for `restore`."""
        return [one.channel.fileno() for one in self._by_serial.values() if one.can_hear]

    def keep(self) -> list[dict[str, Any]]:  # Any: what JSON holds
        """Return what `restore` takes after the code of this process is replaced.

        One whose channel has closed is still ours to reap.
        """
        return [
            {
                "serial": one.serial, "pid": one.pid, "started_at": one.started_at,
                "channel": one.channel.fileno() if one.can_hear else None,
                "is_torn": one.lines.is_torn,
            }
            for one in self._by_serial.values()
        ]  # fmt: skip

    def restore(self, state: Iterable[Mapping[str, Any]]) -> None:  # Any: what JSON holds
        for one in state:
            descriptor = one["channel"]
            channel = _closed() if descriptor is None else taken(descriptor)
            lines = Lines(torn=one["is_torn"])
            self._take(Worker(one["serial"], one["pid"], channel, lines, one["started_at"]))

    def _take(self, worker: Worker) -> None:
        self._by_serial[worker.serial] = worker
        if worker.can_hear:
            worker.channel.setblocking(False)
            self._selector.register(
                worker.channel, selectors.EVENT_READ, lambda: self._hear(worker)
            )

    def _hear(self, worker: Worker) -> None:
        while True:
            try:
                data = worker.channel.recv(_READ_BYTES)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._close(worker)
                return
            try:
                messages = worker.lines.feed(data)
            except Broken:
                self.kill(worker.serial)
                return
            for message in messages:
                self._said(worker, message)

    def _close(self, worker: Worker) -> None:
        if worker.can_hear:
            self._selector.unregister(worker.channel)
            worker.channel.close()


def taken(descriptor: int) -> socket.socket:
    """Return a socket that the code before this one has left open."""
    open_socket = socket.socket(fileno=descriptor)
    open_socket.set_inheritable(False)
    return open_socket


def _closed() -> socket.socket:
    closed = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    closed.close()
    return closed
