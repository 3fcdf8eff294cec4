"""Clocks that tests own."""

import asyncio
import heapq
from itertools import count

from ...application.ports import Clock


class ManualClock(Clock):
    """Stands still until it is told to `advance`; a sleep lasts until enough time was told."""

    def __init__(self, now: float = 1_750_000_000.0) -> None:
        self._started_at = now
        self._elapsed = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = count()

    @property
    def sleepers(self) -> int:
        """How many sleeps are going on."""
        return sum(not sleeper.done() for _, _, sleeper in self._sleepers)

    def now(self) -> float:
        return self._started_at + self._elapsed

    def monotonic(self) -> float:
        return self._elapsed

    async def sleep(self, duration_s: float) -> None:
        if duration_s <= 0:
            await asyncio.sleep(0)
            return
        sleeper = asyncio.get_running_loop().create_future()
        # The number keeps sleeps of one deadline in their order, and futures from being compared.
        heapq.heappush(self._sleepers, (self._elapsed + duration_s, next(self._numbers), sleeper))
        await sleeper

    def advance(self, duration_s: float) -> None:
        """Let time pass and wake, earliest first, whoever slept no longer than that."""
        self._elapsed += duration_s
        while self._sleepers and self._sleepers[0][0] <= self._elapsed:
            _, _, sleeper = heapq.heappop(self._sleepers)
            if not sleeper.done():
                sleeper.set_result(None)


class LeapingClock(Clock):
    """A sleep moves it by its length and returns; `slept` keeps the lengths."""

    def __init__(self, now: float = 1_750_000_000.0) -> None:
        self._started_at = now
        self._elapsed = 0.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self._started_at + self._elapsed

    def monotonic(self) -> float:
        return self._elapsed

    async def sleep(self, duration_s: float) -> None:
        self.slept.append(duration_s)
        self._elapsed += max(duration_s, 0.0)
        await asyncio.sleep(0)

    def advance(self, duration_s: float) -> None:
        """Let time pass without a sleep."""
        self._elapsed += duration_s
