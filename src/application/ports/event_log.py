"""Keeps the events of background streams, so that they can be replayed and followed."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """`frame` is the event as clients get it; numbers rise by one from 0."""

    number: int
    frame: bytes


class EventLog(Protocol):
    """Shares the life of the response: deleted with it. All methods raise StoreError."""

    @abstractmethod
    async def append(self, tenant: str, response_id: str, events: Sequence[LoggedEvent]) -> bool:
        """Keep events, at least one; False, and nothing kept, if the response runs no more."""
        ...

    @abstractmethod
    async def read(
        self, tenant: str, response_id: str, after: int, limit: int = 1000
    ) -> Sequence[LoggedEvent]:
        """Return up to `limit` events whose number is above `after`, in their order."""
        ...
