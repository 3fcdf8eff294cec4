"""Proofs that outlive the process: written through to the database, read from memory first."""

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping
from itertools import islice

from sqlalchemy import select

from ...application.ports import Clock, KeptProof, ProofKey, ProofVault
from ...domain.errors import StoreError
from . import schema
from .database import Database, upsert
from .group_commit import GroupCommit
from .proof_sweeper import ProofSweeper, RowLimits
from .records import call_digest, decode_kept, encode_kept

_MAX_VALUE_BYTES = 8 * 2**20
_IN_ONE_SELECT = 500
_ABSENCES = 20_000
_ABSENCE_S = 30.0
_MAX_ABSENT_ID = 200  # callers choose the length of what they ask for


class SqlProofVault(ProofVault):
    """`front` is the memory before the database, and bounds itself. Whoever starts it closes it."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        front: ProofVault,
        limits: RowLimits | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._front = front
        self._limits = limits or RowLimits()
        # Calls that have no proof come back with every turn of their conversation, and a SELECT
        # costs a millisecond of CPU. Only an id that another process reuses is missed, so briefly.
        self._absent: OrderedDict[ProofKey, float] = OrderedDict()
        self._commits = GroupCommit(database, upsert(schema.proofs))
        self._sweeper = ProofSweeper(database, clock, self._limits)

    async def start(self) -> None:
        await self._commits.start()
        await self._sweeper.start()

    async def aclose(self) -> None:
        """Write what waits, then stop. Idempotent; the database stays open."""
        await self._sweeper.aclose()
        await self._commits.aclose()

    async def keep(self, proofs: Mapping[ProofKey, KeptProof]) -> None:
        if not proofs:
            return
        now = self._clock.now()
        rows: list[dict[str, object]] = []
        for key, kept in proofs.items():
            self._absent.pop(key, None)
            call, value = call_digest(key.call_id), _encode(kept)
            rows.append({"tenant": key.tenant, "call": call, "kept_at": now, "value": value})
        # Memory first: should the disk fail, the next turn can still be served by this process.
        await self._front.keep(proofs)
        await self._commits.write(rows)
        self._sweeper.count(len(rows))

    async def find(self, keys: Iterable[ProofKey]) -> Mapping[ProofKey, KeptProof]:
        wanted = dict.fromkeys(keys)
        found = dict(await self._front.find(wanted))
        now = self._clock.monotonic()
        missing = [key for key in wanted if key not in found and self._absent.get(key, -1.0) <= now]
        if missing:
            stored = await self._read(missing)
            await self._front.keep(stored)
            found.update(stored)
            self._note_absent(now, [key for key in missing if key not in stored])
        return found

    def _note_absent(self, now: float, keys: Iterable[ProofKey]) -> None:
        for key in keys:
            if len(key.call_id) > _MAX_ABSENT_ID:
                continue
            self._absent[key] = now + _ABSENCE_S
            self._absent.move_to_end(key)
        while len(self._absent) > _ABSENCES:
            self._absent.popitem(last=False)

    async def _read(self, keys: Iterable[ProofKey]) -> dict[ProofKey, KeptProof]:
        by_tenant: defaultdict[str, dict[bytes, ProofKey]] = defaultdict(dict)
        for key in keys:
            by_tenant[key.tenant][call_digest(key.call_id)] = key
        oldest = self._clock.now() - self._limits.ttl_s
        proofs = schema.proofs.c
        found: dict[ProofKey, KeptProof] = {}
        async with self._database.transaction() as connection:
            for tenant, by_call in by_tenant.items():
                calls = iter(by_call)
                while some := list(islice(calls, _IN_ONE_SELECT)):
                    rows = await connection.execute(
                        select(proofs.call, proofs.value).where(
                            proofs.tenant == tenant,
                            proofs.call.in_(some),
                            proofs.kept_at > oldest,
                        )
                    )
                    for call, value in rows:
                        kept = decode_kept(value)
                        if kept is not None:
                            found[by_call[call]] = kept
        return found


def _encode(kept: KeptProof) -> bytes:
    try:
        value = encode_kept(kept)
    except UnicodeEncodeError as error:
        raise StoreError("A proof is not text and cannot be kept.", detail=str(error)) from error
    if len(value) > _MAX_VALUE_BYTES:
        raise StoreError("A proof is too large to be kept.", detail=f"{len(value)} bytes")
    return value
