"""Deletes proofs whose time is over, and the oldest where there are too many."""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import ColumnElement, bindparam, delete, func, select

from ...application.ports import Clock
from ...domain.errors import StoreError
from . import schema
from .connection import StoreConnection
from .database import Database

_log = logging.getLogger(__name__)
_proofs = schema.proofs.c
# The time as well: a proof that was kept anew since it was chosen stays.
_DELETE_ONE = delete(schema.proofs).where(
    _proofs.tenant == bindparam("old_tenant"),
    _proofs.call == bindparam("old_call"),
    _proofs.kept_at == bindparam("old_kept_at"),
)


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


class ProofSweeper:
    """Owns one task that sweeps. Whoever starts it closes it."""

    def __init__(self, database: Database, clock: Clock, limits: RowLimits) -> None:
        self._database = database
        self._clock = clock
        self._limits = limits
        self._new_rows = 0
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="proof-sweeper")

    async def aclose(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def count(self, rows: int) -> None:
        """Note that `rows` were written."""
        self._new_rows += rows
        if self._new_rows >= self._limits.every_rows:
            self._wake.set()

    async def sweep(self) -> int:
        """Delete all that is over a limit, a slice at a time; return how many rows went.

        Raises:
            StoreError: the database does not answer.
        """
        deleted = await self._delete_all(_proofs.kept_at <= self._clock.now() - self._limits.ttl_s)
        for tenant, count in await self._crowded_tenants():
            deleted += await self._delete_oldest(
                count - self._limits.tenant_rows, _proofs.tenant == tenant
            )
        async with self._database.transaction() as connection:
            total = await connection.scalar(select(func.count()).select_from(schema.proofs)) or 0
        return deleted + await self._delete_oldest(total - self._limits.rows)

    async def _run(self) -> None:
        while True:
            try:
                deleted = await self.sweep()
                if deleted:
                    _log.info("proofs_swept", extra={"rows": deleted})
            except StoreError as error:
                _log.warning("proofs_not_swept", extra={"detail": error.detail})
            self._new_rows = 0
            self._wake.clear()
            await self._pause()

    async def _pause(self) -> None:
        timer = asyncio.create_task(self._clock.sleep(self._limits.every_s))
        wake = asyncio.create_task(self._wake.wait())
        try:
            await asyncio.wait((timer, wake), return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            wake.cancel()

    async def _crowded_tenants(self) -> list[tuple[str, int]]:
        async with self._database.transaction() as connection:
            rows = await connection.execute(
                select(_proofs.tenant, func.count())
                .group_by(_proofs.tenant)
                .having(func.count() > self._limits.tenant_rows)
            )
            return [(tenant, count) for tenant, count in rows]

    async def _delete_oldest(self, surplus: int, *where: ColumnElement[bool]) -> int:
        if surplus <= 0:
            return 0
        async with self._database.transaction() as connection:
            newest_to_go = await connection.scalar(
                select(_proofs.kept_at)
                .where(*where)
                .order_by(_proofs.kept_at)
                .offset(surplus - 1)
                .limit(1)
            )
        if newest_to_go is None:
            return 0
        return await self._delete_all(*where, _proofs.kept_at <= newest_to_go)

    async def _delete_all(self, *where: ColumnElement[bool]) -> int:
        deleted = 0
        while True:
            async with self._database.transaction() as connection:
                gone = await self._delete_slice(connection, *where)
            deleted += gone
            if gone < self._limits.slice_rows:
                return deleted

    async def _delete_slice(self, connection: StoreConnection, *where: ColumnElement[bool]) -> int:
        some = (
            select(_proofs.tenant, _proofs.call, _proofs.kept_at)
            .where(*where)
            .order_by(_proofs.kept_at)
            .limit(self._limits.slice_rows)
        )
        old = await connection.execute(some)
        keys = [
            {"old_tenant": tenant, "old_call": call, "old_kept_at": kept_at}
            for tenant, call, kept_at in old
        ]
        if keys:
            await connection.execute(_DELETE_ONE, keys)
        return len(keys)
