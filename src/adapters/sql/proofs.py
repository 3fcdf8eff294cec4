"""Proofs that outlive the process: written through to the database, read from memory first."""

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import Connection, select

from ...application.ports import Clock, KeptProof, ProofKey, ProofVault
from ...domain.errors import StoreError
from ..stored.proofs import call_digest, decode_kept, encode_kept
from . import schema
from .database import Database
from .row_sweep import RowSweep
from .sweeper import Sweeper

_IN_ONE_SELECT = 500
_ABSENCES = 20_000
_ABSENCE_S = 30.0
_FIND_S = 0.2  # a call waits for its proofs
_MAX_ABSENT_ID = 200  # callers choose the length of what they ask for


@dataclass(frozen=True, slots=True)
class RowLimits:
    """What is over them goes at the next sweep: each `every_s`, and after `every_rows` new rows.

    `slice_rows` bounds one transaction, for as long as which nobody else can write.
    """

    ttl_s: float = 7 * 86_400.0
    tenant_rows: int = 200_000
    rows: int = 1_000_000
    every_s: float = 300.0
    every_rows: int = 20_000
    slice_rows: int = 2_000


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
        self._upsert = database.upsert(schema.proofs)
        self._rows = RowSweep(
            database,
            schema.proofs,
            key="call",
            age="kept_at",
            slice_rows=self._limits.slice_rows,
        )
        self._sweeper = Sweeper(
            self.sweep,
            clock,
            "proofs",
            every_s=self._limits.every_s,
            every_rows=self._limits.every_rows,
        )

    async def start(self) -> None:
        self._sweeper.start()

    async def aclose(self) -> None:
        """Stop sweeping. Idempotent; the database, which still writes what waits, stays open."""
        await self._sweeper.aclose()

    async def keep(self, proofs: Mapping[ProofKey, KeptProof]) -> None:
        if not proofs:
            return
        now = self._clock.now()
        rows: list[dict[str, object]] = []
        for key, kept in proofs.items():
            self._absent.pop(key, None)
            call, value = call_digest(key.call_id), encode_kept(kept)
            rows.append({"tenant": key.tenant, "call": call, "kept_at": now, "value": value})
        # Memory first: should the disk fail, the next turn can still be served by this process.
        await self._front.keep(proofs)
        try:
            async with asyncio.timeout(self._database.patience_s):
                await self._database.insert(self._upsert, rows)
        except TimeoutError as error:
            raise StoreError("The store does not answer.", detail="proofs wait") from error
        self._sweeper.count(len(rows))

    async def find(self, keys: Iterable[ProofKey]) -> Mapping[ProofKey, KeptProof]:
        wanted = dict.fromkeys(keys)
        found = dict(await self._front.find(wanted))
        now = self._clock.monotonic()
        missing = [key for key in wanted if key not in found and self._absent.get(key, -1.0) <= now]
        if missing:
            try:
                stored = await self._read(missing)
            except StoreError:
                if not found:
                    raise
                return found  # those of the conversation that this process has led
            await self._front.keep(stored)
            found.update(stored)
            self._note_absent(now, [key for key in missing if key not in stored])
        return found

    async def erase(self, tenant: str) -> int:
        await self._front.erase(tenant)
        return await self._rows.delete_of(tenant)

    async def sweep(self) -> int:
        """Delete all that is over a limit, a slice at a time; return how many rows went.

        Raises:
            StoreError: the database does not answer.
        """
        expired = await self._rows.delete_up_to(self._clock.now() - self._limits.ttl_s)
        return expired + await self._rows.delete_surplus(
            self._limits.tenant_rows, self._limits.rows
        )

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
        stored = await self._database.read(
            lambda connection: _select(
                connection, oldest, {tenant: list(calls) for tenant, calls in by_tenant.items()}
            ),
            within_s=_FIND_S,
        )
        found: dict[ProofKey, KeptProof] = {}
        for tenant, call, value in stored:
            kept = decode_kept(value)
            if kept is not None:
                found[by_tenant[tenant][call]] = kept
        return found


def _select(
    connection: Connection, oldest: float, wanted: Mapping[str, Iterable[bytes]]
) -> list[tuple[str, bytes, bytes]]:
    proofs = schema.proofs.c
    found: list[tuple[str, bytes, bytes]] = []
    for tenant, wanted_calls in wanted.items():
        calls = iter(wanted_calls)
        while some := list(islice(calls, _IN_ONE_SELECT)):
            rows = connection.execute(
                select(proofs.call, proofs.value).where(
                    proofs.tenant == tenant, proofs.call.in_(some), proofs.kept_at > oldest
                )
            )
            found.extend((tenant, call, value) for call, value in rows)
    return found
