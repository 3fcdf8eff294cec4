"""The events of background streams as rows."""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, insert, select

from ...application.ports import EventLog, LoggedEvent
from . import responses, schema
from .database import Database
from .records import is_storable

_events = schema.response_events.c
_LAST_NUMBER = 2**31 - 1

_INSERT = insert(schema.response_events)
_RUNS = (
    select(schema.responses.c.id)
    .where(
        schema.responses.c.tenant == bindparam("of"),
        schema.responses.c.id == bindparam("this"),
        responses.RUNS,
    )
    # Until the events are in, whoever settles or deletes the response waits.
    .with_for_update(read=True)
)
_READ = (
    select(_events.number, _events.frame)
    .where(
        _events.tenant == bindparam("of"),
        _events.response == bindparam("this"),
        _events.number > bindparam("after"),
    )
    .order_by(_events.number)
    .limit(bindparam("at_most"))
)


class SqlEventLog(EventLog):
    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(self, tenant: str, response_id: str, events: Sequence[LoggedEvent]) -> bool:
        if not is_storable(response_id):
            return False
        this = {"of": tenant, "this": response_id}

        def append(connection: Connection) -> bool:
            if connection.execute(_RUNS, this).one_or_none() is None:
                return False
            # Made here, for a thousand streams may wait for their turn at once.
            rows = [
                {
                    "tenant": tenant,
                    "response": response_id,
                    "number": event.number,
                    "frame": event.frame,
                }
                for event in events
            ]
            connection.execute(_INSERT, rows)
            return True

        return await self._database.write(append, sum(len(event.frame) for event in events))

    async def read(
        self, tenant: str, response_id: str, after: int, limit: int = 1000
    ) -> Sequence[LoggedEvent]:
        if not is_storable(response_id) or after >= _LAST_NUMBER:
            return ()
        parameters = {
            "of": tenant,
            "this": response_id,
            "after": max(after, -1),
            "at_most": limit,
        }

        def read(connection: Connection) -> list[LoggedEvent]:
            rows = connection.execute(_READ, parameters)
            return [LoggedEvent(number, frame) for number, frame in rows]

        return await self._database.read(read)
