"""Processes and their channels, as whoever decides sees them; a second copy takes them over."""

import os
import resource
import selectors
import socket
import sys
import time
from collections.abc import Callable

import pytest

from modelmux.entrypoints.supervisor.lines import Message, encode
from modelmux.entrypoints.supervisor.spawning import start
from modelmux.entrypoints.supervisor.workers import Worker, Workers


class Seen:
    """Workers, and what became of them."""

    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()
        self.said: list[Message] = []
        self.killed: list[int] = []
        self.gone: list[tuple[int, int]] = []
        self.workers = Workers(self.selector, said=self._said, killed=self._killed, gone=self._gone)

    def until(self, happened: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20
        while not happened():
            assert time.monotonic() < deadline
            for key, _ in self.selector.select(0.02):
                key.data()
            self.workers.reap()

    def _said(self, worker: Worker, message: Message) -> None:
        del worker
        self.said.append(message)

    def _killed(self, worker: Worker) -> None:
        self.killed.append(worker.serial)

    def _gone(self, worker: Worker, code: int) -> None:
        self.gone.append((worker.serial, code))


def sleeper() -> int:
    return start([sys.executable, "-c", "import time; time.sleep(60)"], ())


def kept(pid: int, channel: int | None, *, torn: bool = False) -> dict[str, object]:
    return {"serial": 7, "pid": pid, "channel": channel, "started_at": 1.0, "is_torn": torn}


def test_one_whose_channel_has_closed_is_reaped_by_who_takes_over() -> None:
    first, second = Seen(), Seen()
    pid = start([sys.executable, "-c", "raise SystemExit(3)"], ())
    first.workers.restore([kept(pid, None)])
    assert first.workers.descriptors() == []
    second.workers.restore(first.workers.keep())
    assert not second.workers.tell(7, {"do": "stop"})
    second.until(lambda: bool(second.gone))
    assert second.gone == [(7, 3)]
    assert len(second.workers) == 0


def test_a_line_that_was_half_read_ends_no_worker() -> None:
    first, second = Seen(), Seen()
    ours, theirs = socket.socketpair()
    pid = sleeper()
    with theirs:
        first.workers.restore([kept(pid, ours.detach())])
        theirs.sendall(encode({"say": "answer"}) + b'{"say":')
        first.until(lambda: bool(first.said))
        state = first.workers.keep()
        assert state[0]["is_torn"]
        state[0]["channel"] = os.dup(state[0]["channel"])
        reader = first.workers.get(7)
        assert reader is not None
        reader.channel.close()  # as by the code that is replaced
        second.workers.restore(state)
        theirs.sendall(b'"leaving"}\n' + encode({"say": "ready"}))
        second.until(lambda: bool(second.said))
        assert second.said == [{"say": "ready"}]
        assert second.killed == []
        second.workers.kill(7)
        second.until(lambda: bool(second.gone))
    assert second.killed == [7]


def test_nonsense_ends_the_worker_that_says_it() -> None:
    seen = Seen()
    ours, theirs = socket.socketpair()
    with theirs:
        seen.workers.restore([kept(sleeper(), ours.detach())])
        theirs.sendall(b"nonsense\n")
        seen.until(lambda: bool(seen.gone))
    assert seen.gone == [(7, 137)]


def test_what_the_system_cannot_give_is_told() -> None:
    seen = Seen()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        with pytest.raises(OSError, match="files"):
            seen.workers.start(1, {"words": {}}, None)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert len(seen.workers) == 0
