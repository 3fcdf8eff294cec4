"""Time, so that tests own it."""

from abc import abstractmethod
from typing import Protocol


class Clock(Protocol):
    @abstractmethod
    def now(self) -> float:
        """Return seconds since the Unix epoch."""
        ...

    @abstractmethod
    def monotonic(self) -> float:
        """Return seconds that only ever rise, from an arbitrary start."""
        ...

    @abstractmethod
    async def sleep(self, duration_s: float) -> None: ...
