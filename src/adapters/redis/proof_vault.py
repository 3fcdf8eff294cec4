"""Proofs that all machines share, each gone at its own time."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ...application.ports import Clock, KeptProof, ProofKey, ProofVault
from ...domain.errors import StoreError
from ..stored.proofs import decode_kept, encode_kept
from .names import quoted
from .scripts import KEEP_PROOFS
from .server import RedisServer

_MAX_VALUE_BYTES = 8 * 2**20
_IN_ONE_ASKING = 500


@dataclass(frozen=True, slots=True)
class RedisProofLimits:
    """Beyond these the oldest go first: a tenant's own, then anybody's."""

    ttl_s: float = 7 * 86_400.0
    tenant_entries: int = 100_000
    entries: int = 500_000


class RedisProofVault(ProofVault):
    def __init__(
        self, server: RedisServer, clock: Clock, limits: RedisProofLimits | None = None
    ) -> None:
        self._server = server
        self._clock = clock
        self._limits = limits or RedisProofLimits()

    async def keep(self, proofs: Mapping[ProofKey, KeptProof]) -> None:
        by_tenant: defaultdict[str, list[str | bytes]] = defaultdict(list)
        for key, kept in proofs.items():
            value = encode_kept(kept)
            if len(value) > _MAX_VALUE_BYTES:
                raise StoreError("A proof is too large to be kept.", detail=f"{len(value)} bytes")
            by_tenant[key.tenant] += (_digest(key), value)
        limits, now = self._limits, self._clock.now()
        for tenant, calls in by_tenant.items():
            await self._server.run(
                KEEP_PROOFS,
                quoted(tenant),
                now,
                max(1, round(limits.ttl_s * 1000)),
                now - limits.ttl_s,
                limits.tenant_entries,
                limits.entries,
                *calls,
            )

    async def find(self, keys: Iterable[ProofKey]) -> Mapping[ProofKey, KeptProof]:
        wanted = [*dict.fromkeys(keys)]
        found: dict[ProofKey, KeptProof] = {}
        for start in range(0, len(wanted), _IN_ONE_ASKING):
            some = wanted[start : start + _IN_ONE_ASKING]
            names = [f"{self._server.prefix}p:{quoted(key.tenant)}:{_digest(key)}" for key in some]
            values: list[bytes | None] = await self._server.command("MGET", *names)
            for key, value in zip(some, values, strict=True):
                kept = None if value is None else decode_kept(value)
                if kept is not None:
                    found[key] = kept
        return found


def _digest(key: ProofKey) -> str:
    """Return what stands for a call id, whose length and letters are somebody else's choice."""
    return hashlib.sha256(key.call_id.encode("utf-8", "surrogatepass")).hexdigest()
