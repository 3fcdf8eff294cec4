"""Limits counted by one process, for itself alone."""

from collections.abc import Sequence

from ...application.flows import after_giving, after_taking, lacking
from ...application.ports import Clock, Limit, LimitKey, RateLimiter, Standing

_LOOK_AGAIN_S = 1.0
_MAX_ENTRIES = 100_000


class MemoryRateLimiter(RateLimiter):
    """What is full again is forgotten; beyond `max_entries` so are those nearest to it."""

    def __init__(self, clock: Clock, max_entries: int = _MAX_ENTRIES) -> None:
        self._monotonic = clock.monotonic
        self._max_entries = max_entries
        self._full_at: dict[LimitKey, float] = {}
        self._running: dict[LimitKey, float] = {}

    async def take(self, wanted: Sequence[tuple[Limit, float]]) -> Sequence[Standing]:
        now = self._monotonic()
        flowing: list[tuple[LimitKey, float]] = []
        running: list[tuple[LimitKey, float]] = []
        standings: list[Standing] = []
        for limit, amount in wanted:
            key = limit.key
            if limit.runs:
                count = self._running.get(key, 0.0) + amount
                if count > limit.burst:
                    return self._refusals(wanted, now)
                running.append((key, count))
                standings.append(Standing(limit, limit.burst - count, 0.0))
            else:
                standing = after_taking(limit, self._full_at.get(key, 0.0), amount, now)
                if standing is None:
                    return self._refusals(wanted, now)
                flowing.append((key, now + standing.reset_s))
                standings.append(standing)
        self._full_at.update(flowing)
        self._running.update(running)
        if len(self._full_at) > self._max_entries:
            self._sweep(now)
        return standings

    def give(self, changes: Sequence[tuple[Limit, float]]) -> None:
        now = self._monotonic()
        for limit, amount in changes:
            key = limit.key
            if limit.runs:
                count = self._running.get(key, 0.0) - amount
                if count > 0:
                    self._running[key] = count
                else:
                    self._running.pop(key, None)
            else:
                full_at = after_giving(limit, self._full_at.get(key, 0.0), amount, now)
                if full_at > now:
                    self._full_at[key] = full_at
                else:
                    self._full_at.pop(key, None)

    def _refusals(self, wanted: Sequence[tuple[Limit, float]], now: float) -> list[Standing]:
        return [
            self._crowded(limit, amount)
            if limit.runs
            else lacking(limit, self._full_at.get(limit.key, 0.0), amount, now)
            for limit, amount in wanted
        ]

    def _crowded(self, limit: Limit, amount: float) -> Standing:
        free = limit.burst - self._running.get(limit.key, 0.0)
        wait_s = 0.0 if amount <= free else _LOOK_AGAIN_S if amount <= limit.burst else float("inf")
        return Standing(limit, max(free, 0.0), 0.0, wait_s)

    def _sweep(self, now: float) -> None:
        """Forget what is full; of the rest keep half: whoever took least loses nothing by it."""
        kept = {key: at for key, at in self._full_at.items() if at > now}
        if len(kept) > self._max_entries // 2:
            latest = sorted(kept, key=kept.__getitem__)[-(self._max_entries // 2) :]
            kept = {key: kept[key] for key in latest}
        self._full_at = kept
