"""Who works on what: held for a while, renewed while work goes on, free after a crash."""

from abc import abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class LeaseKey:
    """Whose and what: `subject` is the id of a conversation or of a background response."""

    tenant: str
    subject: str


class Leases(Protocol):
    """A holder is one process of the gateway. All methods raise StoreError."""

    @abstractmethod
    async def take(self, key: LeaseKey, holder: str, ttl_s: float) -> bool:
        """Hold `key` for `ttl_s`; False while it is held, by this holder too."""
        ...

    @abstractmethod
    async def renew(
        self, keys: Collection[LeaseKey], holder: str, ttl_s: float
    ) -> Collection[LeaseKey]:
        """Hold for `ttl_s` from now; return those that are still this holder's."""
        ...

    @abstractmethod
    async def release(self, key: LeaseKey, holder: str) -> None:
        """Let go; nothing happens to what somebody else holds. Idempotent."""
        ...
