"""Leases among the tasks of one process."""

from collections.abc import Collection

from ...application.ports import Clock, LeaseKey, Leases
from .state import HeldLease, MemoryState


class MemoryLeases(Leases):
    def __init__(self, state: MemoryState, clock: Clock) -> None:
        self._held = state.leases
        self._clock = clock

    async def take(self, key: LeaseKey, holder: str, ttl_s: float) -> bool:
        now = self._clock.now()
        held = self._held.get(key)
        if held is not None and held.until > now:
            return False
        self._held[key] = HeldLease(holder, now + ttl_s)
        return True

    async def renew(
        self, keys: Collection[LeaseKey], holder: str, ttl_s: float
    ) -> Collection[LeaseKey]:
        now = self._clock.now()
        still = [key for key in keys if self._holds(key, holder, now)]
        for key in still:
            self._held[key] = HeldLease(holder, now + ttl_s)
        return still

    async def release(self, key: LeaseKey, holder: str) -> None:
        if self._holds(key, holder, self._clock.now()):
            del self._held[key]

    def _holds(self, key: LeaseKey, holder: str, now: float) -> bool:
        held = self._held.get(key)
        return held is not None and held.holder == holder and held.until > now
