"""Answers that were given before, kept for who asks the same."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ...domain.adjustments import Adjustment
from ...domain.events import StreamEvent


@dataclass(frozen=True, slots=True)
class CacheKey:
    """`digest` is the SHA-256 of all that shapes the answer; the tenant's answers are its own."""

    tenant: str
    route: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class CachedAnswer:
    """A whole answer as its events, first to last, and who gave it when (epoch seconds)."""

    events: tuple[StreamEvent, ...]
    provider: str
    model: str
    kept_at: float
    told: tuple[Adjustment, ...] = ()


class Cache(Protocol):
    """Bounded; may forget anything at any time. A cache that does not answer is a miss."""

    @abstractmethod
    async def get(self, key: CacheKey) -> CachedAnswer | None:
        """Return what is kept and not past its time; never raises."""
        ...

    @abstractmethod
    async def put(self, key: CacheKey, answer: CachedAnswer, ttl_s: float) -> bool:
        """Keep an answer for `ttl_s`; return whether it is kept. Never raises.

        One that is too large, or cannot be written down, is not.
        """
        ...

    @abstractmethod
    async def purge(self, tenant: str | None = None, routes: Sequence[str] = ()) -> int:
        """Forget what is kept of a tenant (None: of all) and of routes (none: of all).

        Returns how many answers were forgotten.

        Raises:
            StoreError: it could not be done.
        """
        ...
