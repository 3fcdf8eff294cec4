"""Keys that live as long as the process."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ...application.keys import HeldKey, KeyTable, new_key
from ...application.ports import Clock, KeyRecord, KeyRegistry, KeyRing


class MemoryKeyRing(KeyRing):
    """Knows the keys it is given, and those of its registry at once."""

    def __init__(self, configured: Iterable[HeldKey] = ()) -> None:
        self._configured = tuple(configured)
        self._table = KeyTable(self._configured)

    def find(self, key: str) -> KeyRecord | None:
        return self._table.find(key)

    def is_empty(self) -> bool:
        return self._table.is_empty()

    def replace(self, made: Iterable[HeldKey]) -> None:
        """Hold `made` beside the configured keys, in place of those made before."""
        self._table = KeyTable((*self._configured, *made))


class MemoryKeyRegistry(KeyRegistry):
    def __init__(self, clock: Clock, ring: MemoryKeyRing) -> None:
        self._clock = clock
        self._ring = ring
        self._keys: dict[str, HeldKey] = {}

    async def create(
        self, *, name: str, tenant: str, tags: tuple[str, ...] = ()
    ) -> tuple[KeyRecord, str]:
        held, text = new_key(name=name, tenant=tenant, now=self._clock.now(), tags=tags)
        self._keys[held.record.id] = held
        self._ring.replace(self._keys.values())
        return held.record, text

    async def list(self) -> Sequence[KeyRecord]:
        return [held.record for held in self._keys.values()]

    async def revoke(self, key_id: str) -> KeyRecord | None:
        held = self._keys.get(key_id)
        if held is None:
            return None
        if held.record.revoked_at is None:
            held = replace(held, record=replace(held.record, revoked_at=self._clock.now()))
            self._keys[key_id] = held
            self._ring.replace(self._keys.values())
        return held.record
