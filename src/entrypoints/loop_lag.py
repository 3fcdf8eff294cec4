"""How late the event loop is: what every caller waits before anybody looks at what he sent."""

import asyncio
import time
from collections.abc import Callable, Iterable

from ..application.ports import Gauge, Reading

_TICK_S = 0.1
# The share of the newest reading: what is told is about the last second.
_WEIGHT = 0.2


class LoopLag:
    """A timer that looks how late it is called. `value_s` is a moving average, in seconds."""

    __slots__ = ("_due", "_timer", "_told", "value_s")

    def __init__(self) -> None:
        self.value_s = 0.0
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._told: list[Callable[[], None]] = []

    def start(self) -> None:
        """Measure the running loop until `stop`."""
        self._set(asyncio.get_running_loop())

    def stop(self) -> None:
        """Measure no more. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def tell(self, each_tick: Callable[[], None]) -> None:
        """Have `each_tick` called ten times a second, after each reading."""
        self._told.append(each_tick)

    def readings(self) -> Iterable[Reading]:
        """Return the gauge."""
        return (Reading(Gauge.LOOP_LAG_S, self.value_s),)

    def note(self, lag_s: float) -> None:
        """Take a reading into the average."""
        self.value_s += _WEIGHT * (max(lag_s, 0.0) - self.value_s)

    def _set(self, loop: asyncio.AbstractEventLoop) -> None:
        # Not the loop's own time: that stands still while the loop is busy.
        self._due = time.monotonic() + _TICK_S
        self._timer = loop.call_later(_TICK_S, self._tick, loop)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        self.note(time.monotonic() - self._due)
        for each_tick in self._told:
            each_tick()
        self._set(loop)
