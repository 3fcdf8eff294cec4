"""Keys in the database, and the ring that answers from memory."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress

from sqlalchemy import Connection, insert, select, update

from ...application.keys import HeldKey, KeyTable, new_key
from ...application.ports import Clock, KeyRecord, KeyRegistry, KeyRing
from ...domain.errors import StoreError
from . import schema
from .database import Database
from .records import encode_tags, held_key, is_storable

_log = logging.getLogger(__name__)
_SUBJECT = "keys"


class SqlKeyRegistry(KeyRegistry):
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def create(
        self, *, name: str, tenant: str, tags: tuple[str, ...] = ()
    ) -> tuple[KeyRecord, str]:
        held, text = new_key(name=name, tenant=tenant, now=self._clock.now(), tags=tags)
        record = held.record
        row = {
            "id": record.id,
            "name": record.name,
            "tenant": record.tenant,
            "digest": held.digest,
            "created_at": record.created_at,
            "tags": encode_tags(tags),
        }

        def create(connection: Connection) -> None:
            connection.execute(insert(schema.keys), row)
            _count_change(connection)

        await self._database.write(create)
        return record, text

    async def list(self) -> Sequence[KeyRecord]:
        return [held.record for held in await self._database.read(_read_keys)]

    async def revoke(self, key_id: str) -> KeyRecord | None:
        # The id is typed by people, who may paste anything.
        if not is_storable(key_id):
            return None
        now = self._clock.now()

        def revoke(connection: Connection) -> KeyRecord | None:
            connection.execute(
                update(schema.keys)
                .where(schema.keys.c.id == key_id, schema.keys.c.revoked_at.is_(None))
                .values(revoked_at=now)
            )
            _count_change(connection)
            found = connection.execute(select(schema.keys).where(schema.keys.c.id == key_id))
            row = found.one_or_none()
            return None if row is None else held_key(row).record

        return await self._database.write(revoke)


# As the poll is small and comes twice a second, it is what finds out that a database is frozen.
_POLL_LIMIT_S = 1.5


class SqlKeyRing(KeyRing):
    """The keys of the database and of configuration, as of at most `poll_s` ago.

    While the database is gone it answers with what it last read. Whoever starts it closes it.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        configured: Iterable[HeldKey] = (),
        *,
        poll_s: float = 0.5,
    ) -> None:
        self._database = database
        self._clock = clock
        self._configured = tuple(configured)
        self._poll_s = poll_s
        self._table = KeyTable(self._configured)
        self._seen: int | None = None
        self._follower: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read the keys, and follow their changes from then on.

        Raises:
            StoreError: they cannot be read; a ring that took them for none would open the gate.
        """
        await self._refresh()
        self._follower = asyncio.create_task(self._follow(), name="key-ring")

    async def aclose(self) -> None:
        follower, self._follower = self._follower, None
        if follower is not None:
            follower.cancel()
            with suppress(asyncio.CancelledError):
                await follower

    def find(self, key: str) -> KeyRecord | None:
        return self._table.find(key)

    def is_empty(self) -> bool:
        return self._table.is_empty()

    async def _follow(self) -> None:
        failing = False
        while True:
            await self._clock.sleep(self._poll_s)
            try:
                await self._refresh()
            except StoreError as error:
                if not failing:
                    _log.warning("keys_not_refreshed", extra={"detail": error.detail})
                failing = True
            else:
                if failing:
                    _log.info("keys_refreshed_again")
                failing = False

    async def _refresh(self) -> None:
        def read(connection: Connection) -> tuple[int | None, list[HeldKey] | None]:
            counter = connection.scalar(
                select(schema.changes.c.counter).where(schema.changes.c.subject == _SUBJECT)
            )
            if self._seen is not None and counter == self._seen:
                return counter, None
            # Read after the counter: a change in between is read twice, never missed.
            return counter, _read_keys(connection)

        counter, made = await self._database.read(read, within_s=_POLL_LIMIT_S)
        if made is not None:
            self._table = KeyTable((*self._configured, *made))
            self._seen = counter


def _read_keys(connection: Connection) -> list[HeldKey]:
    rows = connection.execute(
        select(schema.keys).order_by(schema.keys.c.created_at, schema.keys.c.id)
    )
    return [held_key(row) for row in rows]


def _count_change(connection: Connection) -> None:
    counted = connection.execute(
        update(schema.changes)
        .where(schema.changes.c.subject == _SUBJECT)
        .values(counter=schema.changes.c.counter + 1)
    )
    if counted.rowcount == 0:
        connection.execute(insert(schema.changes).values(subject=_SUBJECT, counter=1))
