"""Flights: calls upstream that several callers share, each reading at its own speed.

A flight is a task of its own: no caller owns it, so that none who leaves takes the answer from the
others. Its events are held while it may still be kept and joined. An answer that grows beyond that
is read on as far as its slowest reader allows: nobody is cut off, and memory stays bounded; until
then the fastest waits for nobody.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from ..domain.errors import ShuttingDown
from ..domain.events import ResponseFinished, StreamEvent
from ..domain.journal import Journal
from ..domain.request import GenerationRequest
from .keeping import held_bytes
from .ports import Answer, LlmProvider

_DRAIN_S = 1.0


class Flight:
    """One call upstream; `journal` is its own, and `finish` its end once it was read.

    `whole` says that all of its events are held. It has a task from the moment it is begun.
    """

    __slots__ = (
        "_batches", "_bound", "_dropped", "_held", "_room", "_seats", "_sizes", "ended", "error",
        "finish", "journal", "task", "whole",
    )  # fmt: skip

    def __init__(self, bound_bytes: int) -> None:
        self.journal = Journal()
        self.ended = False
        self.error: BaseException | None = None
        self.finish: ResponseFinished | None = None
        self.whole = True
        self.task: asyncio.Task[None] | None = None
        self._bound = bound_bytes
        self._batches: list[Sequence[StreamEvent]] = []
        self._sizes: list[int] = []
        self._held = 0
        self._dropped = 0
        self._seats: list[Seat] = []
        self._room: asyncio.Future[None] | None = None

    @property
    def joinable(self) -> bool:
        """Whether whoever comes now still gets all of it."""
        return self.whole and self.error is None

    @property
    def reached(self) -> int:
        """How many batches there were."""
        return self._dropped + len(self._batches)

    @property
    def held_bytes(self) -> int:
        return self._held

    def after(self, position: int) -> list[StreamEvent]:
        """Return all events from the batch with the number `position` on."""
        return [event for batch in self._batches[position - self._dropped :] for event in batch]

    def sit_down(self, journal: Journal, *, leads: bool) -> "Seat":
        """Return a place from which all of the answer is read; whoever has it closes it."""
        seat = Seat(self, journal, leads=leads)
        self._seats.append(seat)
        return seat

    def leave(self, seat: "Seat") -> asyncio.Task[None] | None:
        """Give a place back; return the task if it was the last one, and the call is broken off."""
        self._seats.remove(seat)
        if self._seats:
            if self.finish is None and self.error is None:
                # What it will have used is counted with those who stay: the call is theirs now.
                seat.journal.cache = "joined"
            self.forget_read()
            return None
        if self.ended or self.task is None:
            return None
        self.whole = False
        self.task.cancel()
        return self.task

    async def run(self, inner: LlmProvider, request: GenerationRequest) -> None:
        """Ask, and pass on what comes; failures are raised where the answer is read."""
        try:
            answer = await inner.open(request)
            del request  # an answer may run for an hour
            try:
                while self.finish is None and (events := await answer.read()):
                    self._add(events)
                    if self._held > self._bound and self.finish is None:
                        await self._wait_for_room()
            finally:
                self.ended = self.finish is not None
                await answer.aclose()
        except asyncio.CancelledError:
            self._fail(ShuttingDown("The gateway is shutting down."))
            raise
        except Exception as error:  # noqa: BLE001  # raised again in the callers' own tasks
            self._fail(error)
        else:
            self.ended = True
            self._wake()

    def forget_read(self) -> None:
        """Let go of what everybody has read, once the answer can be neither kept nor joined."""
        if self.whole:
            return
        slowest = min([seat.position for seat in self._seats], default=self.reached)
        gone = slowest - self._dropped
        if gone > 0:
            self._held -= sum(self._sizes[:gone])
            del self._batches[:gone], self._sizes[:gone]
            self._dropped = slowest
        room = self._room
        if room is not None and not room.done() and self._held <= self._bound:
            room.set_result(None)

    def _add(self, events: Sequence[StreamEvent]) -> None:
        size = held_bytes(events)
        self._held += size
        self._batches.append(events)
        self._sizes.append(size)
        last = events[-1]
        if type(last) is ResponseFinished:
            self.finish = last
            # Tokens are counted once: with whoever led, or with the first who stayed.
            if self._seats:
                journal = self._seats[0].journal
                journal.usage, journal.cost = last.usage, self.journal.cost
        if self._held > self._bound:
            self.whole = False
            self.forget_read()
        self._wake()

    def _fail(self, error: BaseException) -> None:
        if self.finish is not None:
            return  # the answer was whole: what failed came after it
        self.ended = True
        # With its traceback it would hold this frame, and so itself.
        self.error = error.with_traceback(None)
        self._wake()

    def _wake(self) -> None:
        for seat in self._seats:
            seat.wake()

    async def _wait_for_room(self) -> None:
        self._room = asyncio.get_running_loop().create_future()
        try:
            await self._room
        finally:
            self._room = None


class Seat(Answer):
    """A caller's own view of a flight; its journal tells what the flight's does.

    What the call used stands in one caller's journal alone. Those who joined made no attempt.
    """

    __slots__ = ("_flight", "_leads", "_waiter", "journal", "position")

    def __init__(self, flight: Flight, journal: Journal, *, leads: bool) -> None:
        self.journal = journal
        self.position = 0
        self._flight: Flight | None = flight
        self._leads = leads
        self._waiter: asyncio.Future[None] | None = None

    async def begin(self) -> None:
        """Return when the first events are there.

        Raises:
            ModelmuxError: why there will be none; the place is given back.
        """
        flight = self._flight
        journal = self.journal
        journal.outcome = "cancelled"  # until its end is seen
        try:
            if flight is None:
                return
            while not flight.reached and not flight.ended:
                await self._news()
            self._tell(flight)
            if not flight.reached and flight.error is not None:
                journal.outcome = "failed"
                raise flight.error
        except BaseException:
            await self.aclose()
            raise
        finally:
            del flight  # a traceback holds this frame, and the flight the error

    async def read(self) -> Sequence[StreamEvent]:
        flight = self._flight
        try:
            while flight is not None:
                if self.position < flight.reached:
                    return self._take(flight)
                if flight.error is not None:
                    self.journal.outcome = "cut"
                    raise flight.error
                if flight.ended:
                    break
                await self._news()
            return ()
        finally:
            del flight

    async def aclose(self) -> None:
        """Leave; whoever leaves last waits until the upstream is closed."""
        flight, self._flight = self._flight, None
        if flight is None:
            return
        ending = flight.leave(self)
        if ending is not None:
            await asyncio.wait((ending,))

    def wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _take(self, flight: Flight) -> Sequence[StreamEvent]:
        events = flight.after(self.position)
        if not self.position or flight.finish is not None:
            self._tell(flight)
        self.position = flight.reached
        flight.forget_read()
        last = events[-1]
        if type(last) is ResponseFinished:
            self.journal.outcome = "finished"
            self.journal.reasons = last.reasons
        return events

    async def _news(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _tell(self, flight: Flight) -> None:
        ours, theirs = self.journal, flight.journal
        ours.provider, ours.model, ours.route = theirs.provider, theirs.model, theirs.route
        ours.relayed = theirs.relayed
        ours.told[:] = theirs.told
        if self._leads:
            ours.attempts, ours.choice = theirs.attempts, theirs.choice
            ours.adjustments[:] = theirs.adjustments


class Flights:
    """Owns the tasks of all flights of a process; whoever makes it closes it."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False

    @property
    def running(self) -> int:
        return len(self._tasks)

    def admit(self) -> None:
        """Return if another flight may begin.

        Raises:
            ShuttingDown: it may not.
        """
        if self._closing:
            raise ShuttingDown("The gateway is shutting down.")

    def begin(
        self, flight: Flight, flying: Coroutine[Any, Any, None], over: Callable[[], None]
    ) -> None:
        """Run `flying` as the task of `flight`, and call `over` whatever becomes of it.

        Any: what a coroutine is sent, is nobody's.
        """
        task = asyncio.create_task(flying)
        flight.task = task
        self._tasks.add(task)

        def end(task: asyncio.Task[None]) -> None:
            # Not from within: a task that is cancelled in its first moment never runs at all.
            self._tasks.discard(task)
            flight.task = None  # which holds how it ended, and that the flight
            over()

        task.add_done_callback(end)

    async def aclose(self) -> None:
        """Let what ends in a moment end, break off all else, and wait for it. Idempotent."""
        self._closing = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_DRAIN_S)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
