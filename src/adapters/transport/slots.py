"""The limiter in front of the pool: bounded slots, bounded waiting, first come first served."""

import asyncio
from collections import OrderedDict

from ...domain.errors import ModelmuxError, ShuttingDown, TooManyWaiting

_RETRY_AFTER_S = 1.0


class Slots:
    """Whoever took a slot gives it back; a wait that is cancelled leaves its place."""

    __slots__ = ("_closed", "_free", "_max_waiting", "_timer", "_wait_timeout_s", "_waiting")

    def __init__(self, slots: int, *, max_waiting: int, wait_timeout_s: float) -> None:
        self._free = slots
        self._max_waiting = max_waiting
        self._wait_timeout_s = wait_timeout_s
        # In order of arrival, with the time at which patience ends.
        self._waiting: OrderedDict[asyncio.Future[ModelmuxError | None], float] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def take_free(self) -> bool:
        """Take a slot if one is free; there is none while somebody waits."""
        if self._free > 0 and not self._closed:
            self._free -= 1
            return True
        return False

    async def take(self) -> None:
        """Take a slot, waiting for one.

        Raises:
            TooManyWaiting: the waiting places are taken, or none came free in time.
            ShuttingDown: the client is closed.
        """
        if self._closed:
            raise ShuttingDown("The gateway is shutting down.")
        if self.take_free():
            return
        if len(self._waiting) >= self._max_waiting:
            raise _full()
        loop = asyncio.get_running_loop()
        place: asyncio.Future[ModelmuxError | None] = loop.create_future()
        deadline = loop.time() + self._wait_timeout_s
        self._waiting[place] = deadline
        if self._timer is None:
            self._timer = loop.call_at(deadline, self._expire)
        try:
            error = await place
        except asyncio.CancelledError:
            self._waiting.pop(place, None)
            if not place.cancelled() and place.result() is None:
                # A slot was handed over in the very moment of the cancellation.
                self.give_back()
            raise
        if error is not None:
            raise error

    def give_back(self) -> None:
        """Hand the slot to whoever waits longest, or free it."""
        while self._waiting:
            place, _ = self._waiting.popitem(last=False)
            if not place.done():
                place.set_result(None)
                return
        self._free += 1

    def close(self) -> None:
        """Turn away everybody who waits or will come."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiting:
            place, _ = self._waiting.popitem(last=False)
            if not place.done():
                place.set_result(ShuttingDown("The gateway is shutting down."))

    def _expire(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        while self._waiting:
            place, deadline = next(iter(self._waiting.items()))
            if deadline > now + 0.001:
                # One timer for all: patience ends in the order of arrival.
                self._timer = loop.call_at(deadline, self._expire)
                return
            del self._waiting[place]
            if not place.done():
                place.set_result(_full())


def _full() -> TooManyWaiting:
    return TooManyWaiting(
        "Too many requests are waiting for this provider.", retry_after_s=_RETRY_AFTER_S
    )
