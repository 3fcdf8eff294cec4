"""Responses and conversations in the database."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial

from sqlalchemy import Connection

from ...application.ports import (
    Appended,
    Clock,
    ConversationExport,
    Exported,
    StateLimits,
    StateStore,
    Swept,
)
from ...domain.errors import InvalidRequest, StoreError
from ...domain.turn import Conversation, KeptItem, ResponseRecord
from . import conversations, responses, schema
from .database import Database
from .records import encode_metadata, is_storable
from .row_sweep import Dependent, RowSweep
from .sweeper import Sweeper

_log = logging.getLogger(__name__)
_BEFORE_ALL = (float("-inf"), "")


class SqlStateStore(StateStore):
    """Sweeps by itself between `start` and `aclose`; works without.

    The use of a response is written down if the last one noted is older than a fifth of
    `in_use_s`, behind the caller's back; sweeps allow for what was not noted.
    """

    def __init__(self, database: Database, clock: Clock, limits: StateLimits | None = None) -> None:
        self._database = database
        self._clock = clock
        self._limits = limits or StateLimits()
        self._unnoted_s = self._limits.in_use_s / 5
        self._notes: set[asyncio.Task[None]] = set()
        self._ping = database.upsert(schema.changes)
        self._responses = RowSweep(
            database,
            schema.responses,
            key="id",
            age="used_at",
            slice_rows=500,
            dependents=[Dependent(schema.response_events, "response")],
        )
        self._conversations = RowSweep(
            database,
            schema.conversations,
            key="id",
            age="written_at",
            slice_rows=20,
            dependents=[Dependent(schema.conversation_items, "conversation")],
        )
        self._leases = RowSweep(
            database, schema.leases, key="subject", age="held_until", slice_rows=500
        )
        self._sweeper = Sweeper(
            self._sweep_all, clock, "state", every_s=self._limits.every_s, every_rows=20_000
        )

    async def start(self) -> None:
        self._sweeper.start()

    async def aclose(self) -> None:
        """Stop sweeping, note what was used. Idempotent; the database stays open."""
        await self._sweeper.aclose()
        await self._noted()

    async def add(self, record: ResponseRecord, appended: Appended | None = None) -> None:
        new_row = self._row(record)
        if appended is None:
            await self._database.insert(responses.INSERT, [new_row.columns], new_row.size_bytes)
        else:
            new = self._addition(record.tenant, appended.conversation, appended.items)

            def add(connection: Connection) -> InvalidRequest | None:
                room = conversations.make_room(connection, new)
                if isinstance(room, InvalidRequest):
                    return room
                connection.execute(responses.INSERT, new_row.columns)
                if room is not None:
                    conversations.fill(connection, new, room)
                return None

            refused = await self._database.write(add, new_row.size_bytes + new.size_bytes)
            if refused is not None:
                raise refused
        self._sweeper.count(1)

    async def settle(self, record: ResponseRecord, appended: Appended | None = None) -> bool:
        new_row = self._row(record)
        new = (
            None
            if appended is None
            else self._addition(record.tenant, appended.conversation, appended.items)
        )

        size = new_row.size_bytes + (0 if new is None else new.size_bytes)

        def settle(connection: Connection) -> bool | InvalidRequest:
            room = None if new is None else conversations.make_room(connection, new)
            if isinstance(room, InvalidRequest):
                return room
            won = responses.settle(connection, new_row)
            if won and new is not None and room is not None:
                conversations.fill(connection, new, room)
            return won

        return _raised(await self._database.write(settle, size))

    async def find(self, tenant: str, response_id: str) -> ResponseRecord | None:
        if not is_storable(response_id):
            return None
        oldest = self._oldest()
        return await self._database.read(
            lambda connection: responses.find(connection, tenant, response_id, oldest)
        )

    async def chain(self, tenant: str, response_id: str) -> Sequence[ResponseRecord]:
        if not is_storable(response_id):
            return ()
        now, oldest = self._clock.now(), self._oldest()
        read = partial(
            responses.chain,
            tenant=tenant,
            response_id=response_id,
            oldest=oldest,
            stale=now - self._unnoted_s,
        )
        noting = bool(self._notes)  # they may be done while this reads what was before them
        found = await self._database.read(read)
        if not found.records and noting:
            # It may be over its time only because a use of it is about to be written down.
            await self._noted()
            found = await self._database.read(read)
        if found.stale:
            self._note_use(tenant, found.stale, now)
        return found.records

    async def forget(self, tenant: str, response_id: str) -> bool:
        if not is_storable(response_id):
            return False
        oldest = self._oldest()
        return await self._database.write(
            lambda connection: responses.forget(connection, tenant, response_id, oldest)
        )

    async def abandoned(self) -> Sequence[ResponseRecord]:
        now = self._clock.now()
        return await self._database.read(lambda connection: responses.abandoned(connection, now))

    async def add_conversation(self, conversation: Conversation, items: Sequence[KeptItem]) -> None:
        row = conversations.conversation_row(conversation, len(items), self._clock.now())
        new = self._addition(conversation.tenant, conversation.id, items)
        await self._database.write(
            lambda connection: conversations.add(connection, row, new), new.size_bytes
        )

    async def find_conversation(self, tenant: str, conversation_id: str) -> Conversation | None:
        if not is_storable(conversation_id):
            return None
        return await self._database.read(
            lambda connection: conversations.find(connection, tenant, conversation_id)
        )

    async def relabel_conversation(
        self, tenant: str, conversation_id: str, metadata: Mapping[str, str]
    ) -> Conversation | None:
        if not is_storable(conversation_id):
            return None
        value, now = encode_metadata(metadata), self._clock.now()
        return await self._database.write(
            lambda connection: conversations.relabel(
                connection, tenant, conversation_id, value, now
            )
        )

    async def forget_conversation(self, tenant: str, conversation_id: str) -> bool:
        if not is_storable(conversation_id):
            return False
        return await self._database.write(
            lambda connection: conversations.forget(connection, tenant, conversation_id)
        )

    async def items(self, tenant: str, conversation_id: str) -> Sequence[KeptItem] | None:
        if not is_storable(conversation_id):
            return None
        return await self._database.read(
            lambda connection: conversations.items(connection, tenant, conversation_id)
        )

    async def append(self, tenant: str, conversation_id: str, items: Sequence[KeptItem]) -> bool:
        if not is_storable(conversation_id):
            return False
        new = self._addition(tenant, conversation_id, items)
        return _raised(
            await self._database.write(
                lambda connection: conversations.append(connection, new), new.size_bytes
            )
        )

    async def forget_item(self, tenant: str, conversation_id: str, item_id: str) -> bool:
        if not is_storable(conversation_id) or not is_storable(item_id):
            return False
        now = self._clock.now()
        return await self._database.write(
            lambda connection: conversations.forget_item(
                connection, tenant, conversation_id, item_id, now
            )
        )

    async def sweep(self) -> Swept:
        await self._noted()
        now, limits = self._clock.now(), self._limits
        free = responses.free(now, limits.in_use_s + self._unnoted_s)
        expired = await self._responses.delete_up_to(now - limits.ttl_s, free)
        crowded = await self._responses.delete_surplus(
            limits.tenant_responses, limits.responses, free
        )
        crowded += await self._conversations.delete_surplus(
            limits.tenant_conversations,
            limits.conversations,
            schema.conversations.c.written_at <= now - limits.in_use_s,
        )
        # Of holders that crashed; nobody counts them.
        await self._leases.delete_up_to(now - limits.in_use_s)
        return Swept(expired, crowded)

    async def erase(self, tenant: str) -> int:
        gone = await self._responses.delete_of(tenant)
        gone += await self._conversations.delete_of(tenant)
        await self._leases.delete_of(tenant)  # nobody counts them either
        return gone

    async def export(self, tenant: str) -> AsyncIterator[Exported]:
        # Each kind comes by age; the older of the two next ones is next.
        waiting = self._export_conversations(tenant)
        next_one = await anext(waiting, None)
        async for record in self._export_responses(tenant):
            while next_one is not None and _age(next_one.conversation) <= _age(record):
                yield next_one
                next_one = await anext(waiting, None)
            yield record
        while next_one is not None:
            yield next_one
            next_one = await anext(waiting, None)

    async def ping(self) -> None:
        # A write that changes a page: an empty transaction succeeds on a full disk.
        await self._database.insert(self._ping, [{"subject": "ping", "counter": 0}])

    async def _sweep_all(self) -> int:
        swept = await self.sweep()
        return swept.expired + swept.crowded

    async def _export_responses(self, tenant: str) -> AsyncIterator[ResponseRecord]:
        after, oldest = _BEFORE_ALL, self._oldest()
        while keys := await self._database.read(
            partial(responses.export_keys, tenant=tenant, after=after, oldest=oldest)
        ):
            for ids in responses.export_groups(keys):
                for record in await self._database.read(
                    partial(responses.read_group, tenant=tenant, ids=ids)
                ):
                    yield record
            after = keys[-1][:2]

    async def _export_conversations(self, tenant: str) -> AsyncIterator[ConversationExport]:
        after = _BEFORE_ALL
        while page := await self._database.read(
            partial(conversations.export_page, tenant=tenant, after=after)
        ):
            for conversation in page:
                items = await self.items(tenant, conversation.id)
                if items is not None:
                    yield ConversationExport(conversation, tuple(items))
            after = _age(page[-1])

    def _row(self, record: ResponseRecord) -> responses.NewRow:
        return responses.new_row(record, self._clock.now(), self._limits.response_bytes)

    def _addition(
        self, tenant: str, conversation_id: str, items: Sequence[KeptItem]
    ) -> conversations.Addition:
        most = self._limits.conversation_items
        return conversations.addition(tenant, conversation_id, items, most, self._clock.now())

    def _oldest(self) -> float:
        return self._clock.now() - self._limits.ttl_s

    def _note_use(self, tenant: str, ids: Sequence[str], now: float) -> None:
        note = asyncio.create_task(self._note(tenant, ids, now))
        self._notes.add(note)
        note.add_done_callback(self._notes.discard)

    async def _note(self, tenant: str, ids: Sequence[str], now: float) -> None:
        try:
            await self._database.write(
                lambda connection: responses.touch(connection, tenant, ids, now)
            )
        except StoreError as error:
            _log.warning("use_not_noted", extra={"detail": error.detail})

    async def _noted(self) -> None:
        if self._notes:
            await asyncio.wait(set(self._notes))


def _raised(outcome: bool | InvalidRequest) -> bool:
    if isinstance(outcome, InvalidRequest):
        raise outcome
    return outcome


def _age(one: ResponseRecord | Conversation) -> tuple[float, str]:
    return (one.created_at, one.id)
