"""Watches running calls: clients that leave, bodies that crawl, streams that fall silent.

An ASGI server's `send` does not fail when the client has gone; only `receive` tells, or our own
server's connection. One shared tick looks after all calls, so that a call that ends within it
costs a set entry and no task.
"""

import asyncio
from collections.abc import Iterable
from typing import Any, TypeAlias

from ..application.ports import Gauge, Reading
from ..domain.errors import BodyTooSlow, ModelmuxError
from .asgi import Receive, Send
from .http_cycle import OneWriteCycle
from .sse import COMMENT

_TICK_S = 0.1
_BODY_BYTES_PER_S = 64 * 1024


class ClientGone(Exception):
    """The client has left; nobody is told."""


Ending: TypeAlias = ModelmuxError | ClientGone


class RunningCall:
    """One call on its way, ended from outside by cancelling its task.

    Whoever handles the call catches the cancellation, finds `ended_by` and takes the
    cancellation back. `spoke` is set at each send of a stream; `pulse` is what a silent one says.
    """

    __slots__ = (
        "body_deadline", "comment", "cycle", "ended_by", "pulse", "receive", "send", "spoke",
        "streaming", "task", "watch",
    )  # fmt: skip

    def __init__(self, receive: Receive, send: Send, body_deadline: float) -> None:
        self.receive = receive
        self.send = send
        # Our own server's receive knows the connection: to look at it spares a task a stream.
        cycle = getattr(receive, "__self__", None)  # of a bound method; other servers have others
        self.cycle = cycle if isinstance(cycle, OneWriteCycle) else None
        self.task: asyncio.Task[Any] | None = asyncio.current_task()  # Any: its result is unused
        self.body_deadline: float | None = body_deadline
        self.ended_by: Ending | None = None
        self.pulse = COMMENT
        self.streaming = False
        self.spoke = False
        self.watch: asyncio.Task[None] | None = None
        self.comment: asyncio.Task[None] | None = None

    def body_came(self, size_bytes: int) -> None:
        """Give a body that makes progress the time for more."""
        if self.body_deadline is not None:
            self.body_deadline += size_bytes / _BODY_BYTES_PER_S

    def body_complete(self) -> None:
        """From now on nobody but the watch calls `receive`."""
        self.body_deadline = None

    def end(self, ending: Ending) -> None:
        """Cancel the handler, once, with the reason."""
        if self.ended_by is None and self.task is not None:
            self.ended_by = ending
            self.task.cancel()

    def hush(self) -> None:
        """No comment from here on, not even one that waits for the client to read."""
        self.streaming = False
        if self.comment is not None:
            self.comment.cancel()
            self.comment = None


class RunningCalls:
    """All calls that run.

    `draining` says that the gateway is on its way out, `retiring` that this process of it is, for
    another has taken its place.
    """

    def __init__(self, stream_keepalive_s: float) -> None:
        # A silence is seen by two pulses in a row.
        self._ticks_a_pulse = max(round(stream_keepalive_s / 2 / _TICK_S), 1)
        self._ticks = 0
        self._ticking = False
        self._young: set[RunningCall] = set()
        self._watched: set[RunningCall] = set()
        self.draining = False
        self.retiring = False

    def __len__(self) -> int:
        return len(self._young) + len(self._watched)

    def readings(self) -> Iterable[Reading]:
        """Return how many streams run."""
        streams = sum(call.streaming for calls in (self._young, self._watched) for call in calls)
        return (Reading(Gauge.STREAMS, streams),)

    def enter(self, receive: Receive, send: Send, body_timeout_s: float) -> RunningCall:
        """Take the current task's call under watch."""
        loop = asyncio.get_running_loop()
        call = RunningCall(receive, send, loop.time() + body_timeout_s)
        self._young.add(call)
        if not self._ticking:
            self._ticking = True
            loop.call_later(_TICK_S, self._tick, loop)
        return call

    def leave(self, call: RunningCall) -> None:
        """Let go of a call; it is not ended from outside any more. Idempotent."""
        self._young.discard(call)
        self._watched.discard(call)
        call.task = None
        if call.watch is not None:
            call.watch.cancel()
            call.watch = None
        call.hush()

    def end_all(self, ending: Ending) -> None:
        """End every call that runs."""
        for call in (*self._young, *self._watched):
            call.end(ending)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._young:
            self._look_after_young(loop)
        for call in self._watched:
            if call.cycle is not None and call.cycle.disconnected:
                call.end(ClientGone())
        self._ticks += 1
        if self._ticks >= self._ticks_a_pulse:
            self._ticks = 0
            for call in self._watched:
                self._pulse(call, loop)
        self._ticking = bool(self._young or self._watched)
        if self._ticking:
            loop.call_later(_TICK_S, self._tick, loop)

    def _look_after_young(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for call in tuple(self._young):
            if call.body_deadline is None:
                self._young.remove(call)
                self._watched.add(call)
                if call.cycle is None:
                    call.watch = loop.create_task(_watch(call))
            elif now > call.body_deadline:
                call.end(BodyTooSlow("The body did not arrive in time."))

    def _pulse(self, call: RunningCall, loop: asyncio.AbstractEventLoop) -> None:
        if not call.streaming:
            return
        if call.spoke:
            call.spoke = False
        elif call.comment is None or call.comment.done():
            call.comment = loop.create_task(_comment(call))


async def _watch(call: RunningCall) -> None:
    try:
        while (await call.receive())["type"] != "http.disconnect":
            pass
    except asyncio.CancelledError:
        return  # the call ended first
    call.end(ClientGone())


async def _comment(call: RunningCall) -> None:
    await call.send({"type": "http.response.body", "body": call.pulse, "more_body": True})
