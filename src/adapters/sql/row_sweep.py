"""Deleting the oldest rows of a table, a slice at a time: nobody else writes during a slice."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Table,
    bindparam,
    delete,
    func,
    select,
    true,
)

from . import schema
from .database import Database


@dataclass(frozen=True, slots=True)
class Dependent:
    """A table whose rows go with those they belong to; `owner` is the column that names them."""

    table: Table
    owner: str


@dataclass(frozen=True, slots=True)
class _Room:
    """How many rows there may be `of` a kind."""

    of: ColumnElement[bool]
    rows: int


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
        self._alone = database.upsert(schema.changes)
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
        for tenant in await self._database.read(
            lambda connection: self._crowded(connection, tenant_rows)
        ):
            gone += await self._delete(_Room(self._tenant == tenant, tenant_rows), *free)
        everywhere = _Room(true(), rows)
        if await self._database.read(lambda connection: self._surplus(connection, everywhere)) > 0:
            gone += await self._delete(everywhere, *free)
        return gone

    def _surplus(self, connection: Connection, room: _Room) -> int:
        counted = select(func.count()).select_from(self._table).where(room.of)
        return (connection.scalar(counted) or 0) - room.rows

    def _crowded(self, connection: Connection, tenant_rows: int) -> Sequence[str]:
        return connection.scalars(
            select(self._tenant).group_by(self._tenant).having(func.count() > tenant_rows)
        ).all()

    async def _delete(
        self, room: _Room | None, *where: ColumnElement[bool], waits: bool = False
    ) -> int:
        gone = 0
        while went := await self._database.write(
            partial(self._delete_slice, room=room, where=where, waits=waits)
        ):
            gone += went
            if went < self._slice_rows:
                break
        return gone

    def _delete_slice(
        self,
        connection: Connection,
        room: _Room | None,
        where: Sequence[ColumnElement[bool]],
        waits: bool,
    ) -> int:
        size = self._slice_rows
        if room is not None:
            # One slice after the other, also of other processes: who counted while another
            # deletes would delete as many again.
            connection.execute(self._alone, {"subject": f"{self._table.name} swept", "counter": 0})
            size = min(size, self._surplus(connection, room))
            where = (room.of, *where)
        if size <= 0:
            return 0
        old = connection.execute(
            select(self._tenant, self._key)
            .where(true(), *where)
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
