"""Proofs that live as long as the process, bounded in time, number and bytes."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ...application.ports import Clock, KeptProof, ProofKey, ProofVault

_ENTRY_BYTES = 400  # the objects around the text, roughly


@dataclass(frozen=True, slots=True)
class ProofLimits:
    """Beyond any of these the oldest go first: a tenant's own, then anybody's."""

    ttl_s: float = 3600.0
    tenant_entries: int = 20_000
    tenant_bytes: int = 32 * 2**20
    entries: int = 100_000
    bytes: int = 128 * 2**20


@dataclass(frozen=True, slots=True)
class _Entry:
    kept: KeptProof
    expires_at: float
    size: int


class _Shelf:
    """Entries, oldest first, and their size."""

    __slots__ = ("entries", "size")

    def __init__(self) -> None:
        self.entries: OrderedDict[ProofKey, _Entry] = OrderedDict()
        self.size = 0

    def put(self, key: ProofKey, entry: _Entry) -> None:
        self.drop(key)
        self.entries[key] = entry
        self.size += entry.size

    def drop(self, key: ProofKey) -> None:
        entry = self.entries.pop(key, None)
        if entry is not None:
            self.size -= entry.size

    def oldest(self) -> ProofKey:
        return next(iter(self.entries))


class MemoryProofVault(ProofVault):
    def __init__(self, clock: Clock, limits: ProofLimits | None = None) -> None:
        self._clock = clock
        self._limits = limits or ProofLimits()
        self._all = _Shelf()
        self._tenants: dict[str, _Shelf] = {}

    async def keep(self, proofs: Mapping[ProofKey, KeptProof]) -> None:
        now = self._clock.monotonic()
        self._drop_expired(now)
        expires_at = now + self._limits.ttl_s
        for key, kept in proofs.items():
            entry = _Entry(kept, expires_at, _size(key, kept))
            self._all.put(key, entry)
            self._tenants.setdefault(key.tenant, _Shelf()).put(key, entry)
        for tenant in {key.tenant for key in proofs}:
            self._make_room(tenant)

    async def find(self, keys: Iterable[ProofKey]) -> Mapping[ProofKey, KeptProof]:
        now = self._clock.monotonic()
        entries = self._all.entries
        return {
            key: entry.kept
            for key in keys
            if (entry := entries.get(key)) is not None and entry.expires_at > now
        }

    async def erase(self, tenant: str) -> int:
        shelf = self._tenants.pop(tenant, _Shelf())
        for key in shelf.entries:
            self._all.drop(key)
        return len(shelf.entries)

    def _make_room(self, tenant: str) -> None:
        limits, shelf = self._limits, self._tenants.get(tenant, _Shelf())
        while len(shelf.entries) > limits.tenant_entries or shelf.size > limits.tenant_bytes:
            self._drop(shelf.oldest())
        while len(self._all.entries) > limits.entries or self._all.size > limits.bytes:
            self._drop(self._all.oldest())

    def _drop_expired(self, now: float) -> None:
        entries = self._all.entries
        while entries:
            oldest = self._all.oldest()
            if entries[oldest].expires_at > now:
                return
            self._drop(oldest)

    def _drop(self, key: ProofKey) -> None:
        self._all.drop(key)
        shelf = self._tenants[key.tenant]
        shelf.drop(key)
        if not shelf.entries:
            del self._tenants[key.tenant]


def _size(key: ProofKey, kept: KeptProof) -> int:
    size = _ENTRY_BYTES + len(key.tenant) + len(key.call_id)
    if kept.proof is not None:
        size += len(kept.proof.value)
    for thought in kept.reasoning:
        size += _ENTRY_BYTES + len(thought.text)
        if thought.proof is not None:
            size += len(thought.proof.value)
    return size
