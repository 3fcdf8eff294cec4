"""Where counts gather between two scrapes: plain objects in plain dictionaries.

prometheus_client's own children take a lock and 1.7 us a call; these take a tenth of that and
are folded into its families only when somebody scrapes.
"""

from bisect import bisect_left
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

OTHER = "other"

# Seconds: from a health check to a long thought.
BOUNDS = (
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0,
)  # fmt: skip
_LABELS = (*map(str, BOUNDS), "+Inf")


class Histogram:
    """Counts by upper bound, and the sum."""

    __slots__ = ("_counts", "total")

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS) + 1)
        self.total = 0.0

    def add(self, seconds: float) -> None:
        # A time equal to a bound lies below it: Prometheus' buckets include their bound.
        self._counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds

    def cumulative(self) -> list[tuple[str, float]]:
        """Return (upper bound, count at or below it), the last for all."""
        running = 0
        buckets: list[tuple[str, float]] = []
        for label, count in zip(_LABELS, self._counts, strict=True):
            running += count
            buckets.append((label, running))
        return buckets


class Counter:
    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0


class RequestSlot:
    """What is counted for one path and route."""

    __slots__ = ("calls", "duration", "first_byte", "retries")

    def __init__(self) -> None:
        self.duration = Histogram()
        self.first_byte = Histogram()
        self.calls: dict[tuple[str, int], int] = {}
        self.retries = 0


class TargetSlot:
    """What is counted for one provider and upstream model."""

    __slots__ = ("answers", "attempts", "duration", "tokens")

    def __init__(self) -> None:
        self.duration = Histogram()
        self.attempts: dict[str, int] = {}
        self.answers: dict[str, int] = {}
        self.tokens = [0, 0, 0, 0, 0]


class BoundedSlots(Generic[K, V]):
    """At most `limit` slots; what would be one more is counted under what `overflow` makes of it.

    Labels come from callers in the end (`provider/model` names any model): without a bound a
    loop over names would eat the memory, here and in Prometheus.
    """

    __slots__ = ("_limit", "_make", "_overflow", "_slots")

    def __init__(self, limit: int, make: Callable[[], V], overflow: Callable[[K], K]) -> None:
        self._limit = limit
        self._make = make
        self._overflow = overflow
        self._slots: dict[K, V] = {}

    def of(self, key: K) -> V:
        slot = self._slots.get(key)
        if slot is None:
            if len(self._slots) >= self._limit:
                key = self._overflow(key)
                slot = self._slots.get(key)
            if slot is None:
                slot = self._slots[key] = self._make()
        return slot

    def items(self) -> list[tuple[K, V]]:
        """Return a copy that may be read in another thread."""
        return list(self._slots.items())


def _other_model(pair: tuple[str, str]) -> tuple[str, str]:
    return pair[0], OTHER


def _other_parameter(key: tuple[str, str, str]) -> tuple[str, str, str]:
    return key[0], OTHER, key[2]


class Counts:
    """All that is counted: requests by (path, model), targets by (provider, model)."""

    __slots__ = ("adjustments", "events", "in_flight", "requests", "targets")

    def __init__(self, limit: int) -> None:
        self.in_flight = 0
        self.events: dict[tuple[str, ...], int] = {}
        self.requests = BoundedSlots[tuple[str, str], RequestSlot](limit, RequestSlot, _other_model)
        self.targets = BoundedSlots[tuple[str, str], TargetSlot](limit, TargetSlot, _other_model)
        self.adjustments = BoundedSlots[tuple[str, str, str], Counter](
            limit, Counter, _other_parameter
        )
