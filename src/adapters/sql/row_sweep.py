"""Deleting the oldest rows of a table, a slice at a time: nobody else writes during a slice."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Table,
    and_,
    bindparam,
    delete,
    func,
    select,
)

from .database import Database


@dataclass(frozen=True, slots=True)
class Dependent:
    """A table whose rows go with those they belong to; `owner` is the column that names them."""

    table: Table
    owner: str


class RowSweep:
    """Sweeps one table of which each row has a tenant, a second part of its key, and an age."""

    def __init__(
        self,
        database: Database,
        table: Table,
        *,
        key: str,
        age: str,
        slice_rows: int,
        dependents: Sequence[Dependent] = (),
    ) -> None:
        self._database = database
        self._table = table
        self._tenant: Column[str] = table.c.tenant
        self._key = table.c[key]
        self._age: Column[float] = table.c[age]
        self._slice_rows = slice_rows
        self._deletes = [
            delete(each).where(
                each.c.tenant == bindparam("old_tenant"), each.c[owner] == bindparam("old_key")
            )
            for each, owner in [(table, key), *((one.table, one.owner) for one in dependents)]
        ]

    async def delete_up_to(self, age: float, *free: ColumnElement[bool]) -> int:
        """Delete the rows that are `free` and not younger than `age`; return how many went.

        Raises:
            StoreError: the database does not answer.
        """
        return await self._delete(None, self._age <= age, *free)

    async def delete_of(self, tenant: str) -> int:
        """Delete all rows of a tenant, also those that somebody changes now; return how many went.

        Raises:
            StoreError: the database does not answer.
        """
        return await self._delete(None, self._tenant == tenant, waits=True)

    async def delete_surplus(self, tenant_rows: int, rows: int, *free: ColumnElement[bool]) -> int:
        """Delete the oldest `free` rows beyond so many of a tenant, and beyond so many in all."""
        gone = 0
        for tenant, surplus in await self._database.read(
            lambda connection: self._crowded(connection, tenant_rows)
        ):
            gone += await self._delete(surplus, self._tenant == tenant, *free)
        total = await self._database.read(
            lambda connection: connection.scalar(select(func.count()).select_from(self._table))
        )
        return gone + await self._delete(max((total or 0) - rows, 0), *free)

    def _crowded(self, connection: Connection, tenant_rows: int) -> list[tuple[str, int]]:
        counted = connection.execute(
            select(self._tenant, func.count())
            .group_by(self._tenant)
            .having(func.count() > tenant_rows)
        )
        return [(tenant, count - tenant_rows) for tenant, count in counted]

    async def _delete(
        self, at_most: int | None, *where: ColumnElement[bool], waits: bool = False
    ) -> int:
        gone = 0
        while at_most is None or gone < at_most:
            size = self._slice_rows if at_most is None else min(self._slice_rows, at_most - gone)
            went = await self._database.write(
                partial(self._delete_slice, size=size, where=where, waits=waits)
            )
            gone += went
            if went < size:
                break
        return gone

    def _delete_slice(
        self, connection: Connection, size: int, where: Sequence[ColumnElement[bool]], waits: bool
    ) -> int:
        old = connection.execute(
            select(self._tenant, self._key)
            .where(and_(True, *where))
            .order_by(self._age, self._key)
            .limit(size)
            # What somebody changes right now is in use: the next sweep looks at it again.
            .with_for_update(skip_locked=not waits)
        ).all()
        if old:
            keys = [{"old_tenant": tenant, "old_key": key} for tenant, key in old]
            for statement in self._deletes:
                connection.execute(statement, keys)
        return len(old)
