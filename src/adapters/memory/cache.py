"""Answers that live as long as the process, the least lately asked for going first."""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ...application.ports import (
    Cache,
    CachedAnswer,
    CacheKey,
    Clock,
    Event,
    Gauge,
    Observer,
    Reading,
)
from ..stored.answers import decode_answer, encode_answer

# A key, its two names' and its digest's objects, an entry, and their places in the table.
_ENTRY_BYTES: Final = 420


@dataclass(frozen=True, slots=True)
class _Entry:
    value: bytes
    expires_at: float
    size_bytes: int


class MemoryCache(Cache):
    """Answers are held as bytes, so that what they take is known, and is little.

    `routes` are those that metrics name; others have names of the callers' choice.
    """

    def __init__(
        self,
        clock: Clock,
        observer: Observer,
        *,
        max_bytes: int = 64 * 2**20,
        max_answer_bytes: int = 2**20,
        routes: Collection[str] = (),
    ) -> None:
        self._clock = clock
        self._observer = observer
        self._max_bytes = max_bytes
        self._max_answer_bytes = max_answer_bytes
        self._routes = routes
        self._entries: OrderedDict[CacheKey, _Entry] = OrderedDict()
        self._bytes = 0

    def readings(self) -> Iterable[Reading]:
        """Return the gauges of the cache."""
        return (
            Reading(Gauge.CACHE_BYTES, self._bytes),
            Reading(Gauge.CACHE_ENTRIES, len(self._entries)),
        )

    async def get(self, key: CacheKey) -> CachedAnswer | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.expires_at <= self._clock.monotonic():
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return decode_answer(entry.value)

    async def put(self, key: CacheKey, answer: CachedAnswer, ttl_s: float) -> bool:
        value = encode_answer(answer)
        self._drop(key)
        if value is None or len(value) > self._max_answer_bytes:
            return False
        size_bytes = _ENTRY_BYTES + len(value) + len(key.tenant) + len(key.route)
        if size_bytes > self._max_bytes:
            return False
        while self._bytes + size_bytes > self._max_bytes:
            oldest = next(iter(self._entries))
            self._drop(oldest)
            label = oldest.route if oldest.route in self._routes else "other"
            self._observer.count(Event.CACHE, label, "evicted")
        expires_at = self._clock.monotonic() + ttl_s
        self._entries[key] = _Entry(value, expires_at, size_bytes)
        self._bytes += size_bytes
        return True

    async def purge(self, tenant: str | None = None, routes: Sequence[str] = ()) -> int:
        found = [
            key
            for key in self._entries
            if tenant in (None, key.tenant) and (not routes or key.route in routes)
        ]
        for key in found:
            self._drop(key)
        return len(found)

    def _drop(self, key: CacheKey) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= entry.size_bytes
