"""Time, so that tests own it."""

from abc import abstractmethod
from typing import Protocol


class Clock(Protocol):
    """The time that use cases, filters and stores go by."""

    @abstractmethod
    def now(self) -> float:
        """Return seconds since the Unix epoch."""
        ...

    @abstractmethod
    def monotonic(self) -> float:
        """Return seconds that only ever rise, from an arbitrary start."""
        ...

    @abstractmethod
    async def sleep(self, duration_s: float) -> None:
        """Return after `duration_s` of this clock's monotonic time, 0 and less at once."""
        ...
