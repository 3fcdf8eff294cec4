"""Following the stream of a background response: from where one was, to its end, from any process.

Frames are durable before anybody is told of them. Followers in the process that makes them are
handed them over; what a follower was too slow for, and what another process makes, is read from
the log. The last event is never logged: it is made from the record.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from ..domain.errors import StoreError
from ..domain.events import FinishReason, RelayedBytes, ResponseFinished, StreamEvent
from ..domain.turn import RUNNING, ResponseRecord
from .context import response_not_found
from .ports import Answer, Clock, EventLog, StateStore
from .turn_wire import TurnWire

# What may wait in memory for one slow follower, besides a single batch; the rest is in the log.
_WAITING_BYTES = 8 * 1024
_READ_AT_ONCE = 100
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 0.5


class _Seat:
    """Where one follower is: `end` is the number of the next frame that is not waiting for it."""

    __slots__ = ("_news", "end", "waiting", "waiting_bytes")

    def __init__(self, end: int) -> None:
        self.end = end
        self.waiting: list[bytes] = []
        self.waiting_bytes = 0
        # Not an Event: each has a queue of 760 bytes for more than one who waits.
        self._news: asyncio.Future[None] | None = None

    def take(self) -> list[bytes]:
        frames, self.waiting = self.waiting, []
        self.waiting_bytes = 0
        return frames

    def news(self) -> asyncio.Future[None]:
        """Return what is done at the next `wake`; for one who waits."""
        self._news = asyncio.get_running_loop().create_future()
        return self._news

    def wake(self) -> None:
        news, self._news = self._news, None
        if news is not None and not news.done():
            news.set_result(None)


class Broadcast:
    """Hands the frames of one job to its followers in this process; keeps none itself.

    `next` is the number of the next frame. Once it is `over`, `record` is the job's end, or None
    where somebody else decided that.
    """

    __slots__ = ("_seats", "next", "over", "record")

    def __init__(self) -> None:
        self.next = 0
        self.over = False
        self.record: ResponseRecord | None = None
        self._seats: list[_Seat] = []

    def publish(self, frames: Sequence[bytes]) -> None:
        """Tell of frames that are durable."""
        first, self.next = self.next, self.next + len(frames)
        size_bytes = sum(map(len, frames))
        for seat in self._seats:
            fits = not seat.waiting or seat.waiting_bytes + size_bytes <= _WAITING_BYTES
            if seat.end == first and fits:
                seat.waiting += frames
                seat.waiting_bytes += size_bytes
                seat.end = self.next
            seat.wake()

    def close(self, record: ResponseRecord | None) -> None:
        self.over, self.record = True, record
        for seat in self._seats:
            seat.wake()

    def sit(self, end: int) -> _Seat:
        seat = _Seat(end)
        self._seats.append(seat)
        return seat

    def leave(self, seat: _Seat) -> None:
        if seat in self._seats:
            self._seats.remove(seat)


@dataclass(frozen=True, slots=True)
class Library:
    """What followers read, and how they write the end."""

    store: StateStore
    log: EventLog
    wire: TurnWire
    clock: Clock


class Following(Answer):
    """The frames after number `after`, then the end, as relayed bytes."""

    __slots__ = (
        "_after", "_broadcast", "_ended", "_id", "_library", "_next", "_pause_s", "_seat",
        "_tenant",
    )  # fmt: skip

    def __init__(
        self,
        library: Library,
        tenant: str,
        response_id: str,
        after: int,
        broadcast: Broadcast | None,
    ) -> None:
        self._library = library
        self._tenant = tenant
        self._id = response_id
        self._after = max(after, -1)
        self._next = self._after + 1
        self._broadcast = broadcast
        self._seat = None if broadcast is None else broadcast.sit(self._next)
        self._pause_s = _FIRST_PAUSE_S
        self._ended = False

    async def read(self) -> Sequence[StreamEvent]:
        if self._ended:
            return ()
        broadcast, seat = self._broadcast, self._seat
        while broadcast is not None and seat is not None:
            if frames := seat.take():
                return self._told(frames)
            if self._next < broadcast.next:
                frames = await self._logged(_READ_AT_ONCE)
                seat.end = self._next + len(frames)
                if not frames:
                    break  # deleted: the store will say so
                return self._told(frames)
            if not broadcast.over:
                await seat.news()
            elif broadcast.record is not None:
                return self._end(broadcast.record, known=self._next == broadcast.next)
            else:
                break
        self._leave()
        return await self._read_stored()

    async def aclose(self) -> None:
        self._leave()

    async def _read_stored(self) -> Sequence[StreamEvent]:
        library = self._library
        while True:
            if frames := await self._logged(_READ_AT_ONCE):
                return self._told(frames)
            record = await library.store.find(self._tenant, self._id)
            if record is None:
                raise response_not_found(self._id)
            if record.status not in RUNNING:
                # Nothing is added to the log from here on, yet something may have been meanwhile.
                if frames := await self._logged(_READ_AT_ONCE):
                    return self._told(frames)
                return self._end(record, known=await self._is_there())
            await library.clock.sleep(self._pause_s)
            self._pause_s = min(self._pause_s * 1.5, _LONGEST_PAUSE_S)

    async def _logged(self, limit: int) -> list[bytes]:
        events = await self._library.log.read(self._tenant, self._id, self._next - 1, limit)
        if any(event.number != number for number, event in enumerate(events, self._next)):
            raise StoreError("The events of the response are not whole.")
        return [event.frame for event in events]

    async def _is_there(self) -> bool:
        """Whether the event before the next one exists: a client may name any number."""
        if self._next > self._after + 1 or self._after < 0:
            return True
        before = await self._library.log.read(self._tenant, self._id, self._after - 1, 1)
        return bool(before) and before[0].number == self._after

    def _told(self, frames: Sequence[bytes]) -> Sequence[StreamEvent]:
        self._next += len(frames)
        self._pause_s = _FIRST_PAUSE_S
        return (RelayedBytes(b"".join(frames)),)

    def _end(self, record: ResponseRecord, *, known: bool) -> Sequence[StreamEvent]:
        """Return the end; without its event for those who were past it."""
        self._ended = True
        wire = self._library.wire
        last = wire.last(record, self._next) if known else b""
        reason = record.reason or FinishReason.OTHER
        return (RelayedBytes(last + wire.done), ResponseFinished((reason,)))

    def _leave(self) -> None:
        broadcast, seat = self._broadcast, self._seat
        self._broadcast = self._seat = None
        if broadcast is not None and seat is not None:
            broadcast.leave(seat)
