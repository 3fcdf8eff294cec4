"""Proofs that all machines share, each gone at its own time."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ...application.ports import Clock, KeptProof, ProofKey, ProofVault
from ..stored.proofs import call_digest, decode_kept, encode_kept
from .names import quoted
from .scripts import ERASE_PROOFS, KEEP_PROOFS
from .server import RedisServer

_IN_ONE_ASKING = 500
_SLICE = 500
# A call waits for its proofs, so it does not wait long: they are an ornament to most.
_WITHIN_S = 0.2


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
            by_tenant[key.tenant] += (_digest(key), encode_kept(kept))
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
                within_s=_WITHIN_S,
            )

    async def find(self, keys: Iterable[ProofKey]) -> Mapping[ProofKey, KeptProof]:
        wanted = [*dict.fromkeys(keys)]
        found: dict[ProofKey, KeptProof] = {}
        for start in range(0, len(wanted), _IN_ONE_ASKING):
            some = wanted[start : start + _IN_ONE_ASKING]
            names = [f"{self._server.prefix}p:{quoted(key.tenant)}:{_digest(key)}" for key in some]
            values: list[bytes | None] = await self._server.command(
                "MGET", *names, within_s=_WITHIN_S
            )
            for key, value in zip(some, values, strict=True):
                kept = None if value is None else decode_kept(value)
                if kept is not None:
                    found[key] = kept
        return found

    async def erase(self, tenant: str) -> int:
        erased = 0
        while True:
            gone: int = await self._server.run(ERASE_PROOFS, quoted(tenant), _SLICE)
            erased += gone
            if gone < _SLICE:
                return erased


def _digest(key: ProofKey) -> str:
    return call_digest(key.call_id).hex()
