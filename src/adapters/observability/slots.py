"""Where counts are kept: cells of a table in shared memory, found once and then by index.

prometheus_client's own children take a lock and 1.7 us a call, and know nothing of other
processes; these take a tenth of that and are folded only when somebody scrapes.
"""

import json
from bisect import bisect_left
from collections.abc import Callable
from typing import Generic, TypeVar

from ..shared_memory.counts import CountTable
from .families import (
    ANSWERS,
    ATTEMPT_DURATION,
    ATTEMPTS,
    COST,
    FIRST_TOKEN,
    HTTP_REQUESTS,
    REQUEST_DURATION,
    RETRIES,
    STREAM_GAP,
    TOKENS,
    UNPRICED,
    Family,
    Kind,
)

K = TypeVar("K", bound=tuple[str, ...])
V = TypeVar("V")

OTHER = "other"
TOKEN_KINDS = ("input", "output", "cached", "cache_write", "reasoning")
# Asked every few seconds by machines.
CHATTER = frozenset({"/health", "/health/live", "/health/ready", "/metrics"})
_MAX_LABEL = 200


def place(table: CountTable, family: Family, *labels: str) -> int:
    """Return the index of the first cell of a label set."""
    key = json.dumps((family.name, *labels)).encode("ascii")
    return table.place(key, family.cells, lasting=family.kind is not Kind.GAUGE)


def placed(key: bytes) -> tuple[str, ...]:
    """Return the family's name and the labels of a record that `place` has made."""
    return tuple(json.loads(key))


class Histogram:
    """Counts by upper bound, and the sum."""

    __slots__ = ("_at", "_bounds", "_cells", "_sum_at")

    def __init__(self, table: CountTable, family: Family, *labels: str) -> None:
        self._cells = table.cells
        self._bounds = family.bounds
        self._at = place(table, family, *labels)
        self._sum_at = self._at + family.cells - 1

    def add(self, seconds: float) -> None:
        # A time equal to a bound lies below it: Prometheus' buckets include their bound.
        cells = self._cells
        cells[self._at + bisect_left(self._bounds, seconds)] += 1.0
        cells[self._sum_at] += seconds


class RequestSlot:
    """What is counted for one path and route; `calls` are by method and status."""

    __slots__ = ("_path", "_table", "calls", "duration", "first_byte", "is_asked", "retries")

    def __init__(self, table: CountTable, key: tuple[str, str]) -> None:
        path, route = key
        self._table = table
        self._path = path
        self.is_asked = path not in CHATTER
        self.duration = Histogram(table, REQUEST_DURATION, *key)
        self.first_byte = Histogram(table, FIRST_TOKEN, *key) if route else None
        self.retries = place(table, RETRIES, *key) if route else 0
        self.calls: dict[tuple[str, int], int] = {}

    def call(self, method: str, status: int) -> int:
        """Return the cell of a call that was not counted here before, and remember it."""
        at = place(self._table, HTTP_REQUESTS, method, self._path, str(status))
        self.calls[method, status] = at
        return at


class TargetSlot:
    """What is counted for one provider and upstream model."""

    __slots__ = (
        "_key", "_table", "answers", "attempts", "cost", "duration", "gap", "tokens", "unpriced",
    )  # fmt: skip

    def __init__(self, table: CountTable, key: tuple[str, str]) -> None:
        self._table = table
        self._key = key
        self.duration = Histogram(table, ATTEMPT_DURATION, *key)
        self.gap: Histogram | None = None
        self.attempts: dict[str, int] = {}
        self.answers: dict[str, int] = {}
        self.tokens = tuple(place(table, TOKENS, *key, kind) for kind in TOKEN_KINDS)
        self.cost = -1
        self.unpriced = -1

    def attempt(self, outcome: str) -> int:
        """Return the cell of an outcome that was not counted here before, and remember it."""
        at = self.attempts[outcome] = place(self._table, ATTEMPTS, *self._key, outcome)
        return at

    def answer(self, outcome: str) -> int:
        """As `attempt`."""
        at = self.answers[outcome] = place(self._table, ANSWERS, *self._key, outcome)
        return at

    def add_gap(self, seconds: float) -> None:
        if self.gap is None:
            self.gap = Histogram(self._table, STREAM_GAP, *self._key)
        self.gap.add(seconds)

    def add_cost(self, dollars: float) -> None:
        if self.cost < 0:
            self.cost = place(self._table, COST, *self._key)
        self._table.cells[self.cost] += dollars

    def add_unpriced(self, tokens: int) -> None:
        if self.unpriced < 0:
            self.unpriced = place(self._table, UNPRICED, *self._key)
        self._table.cells[self.unpriced] += tokens


class BoundedSlots(Generic[K, V]):
    """At most `limit` slots; what would be one more is counted under what `overflow` makes of it.

    Labels come from callers in the end (`provider/model` names any model): without a bound a
    loop over names would eat the memory, here and in Prometheus.
    """

    __slots__ = ("_limit", "_make", "_overflow", "_slots")

    def __init__(self, limit: int, make: Callable[[K], V], overflow: Callable[[K], K]) -> None:
        self._limit = limit
        self._make = make
        self._overflow = overflow
        self._slots: dict[K, V] = {}

    def of(self, key: K) -> V:
        slot = self._slots.get(key)
        if slot is None:
            if len(self._slots) >= self._limit or _has_long_label(key):
                key = self._overflow(key)
                slot = self._slots.get(key)
            if slot is None:
                slot = self._slots[key] = self._make(key)
        return slot


def _has_long_label(labels: tuple[str, ...]) -> bool:
    return any(len(label) > _MAX_LABEL for label in labels)
