"""Responses and conversations in Redis."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

from ...application.ports import (
    Appended,
    Clock,
    ConversationExport,
    Exported,
    StateLimits,
    StateStore,
    Swept,
)
from ...domain.errors import StoreError
from ...domain.turn import RUNNING, Conversation, KeptItem, ResponseRecord
from ..stored.json_text import decode_object, json_text
from ..stored.records import (
    decode_if_known,
    decode_item,
    decode_record,
    encode_item,
    encode_record,
)
from ..stored.refusals import id_is_taken, item_is_there, too_large, too_many_items
from . import scripts
from .names import parted, quoted, unquoted
from .server import RedisServer

_SLICE = 100
_BESIDE_THE_LOOP = 2**20  # bytes that take some milliseconds to decode


class RedisStateStore(StateStore):
    """As durable as its server is told to be: `appendonly yes` with `appendfsync always`, and
    `maxmemory-policy noeviction`, or what was acknowledged may be lost with the server.

    A use is written down when half of `in_use_s` has passed since the last one that was; what is
    deleted by age is therefore given that much longer.
    """

    def __init__(
        self, server: RedisServer, clock: Clock, limits: StateLimits | None = None
    ) -> None:
        self._server = server
        self._clock = clock
        self._limits = limits or StateLimits()
        self._lag_s = self._limits.in_use_s / 2

    async def add(self, record: ResponseRecord, appended: Appended | None = None) -> None:
        if not await self._keep("add", record, appended):
            raise id_is_taken()

    async def settle(self, record: ResponseRecord, appended: Appended | None = None) -> bool:
        return await self._keep("settle", record, appended)

    async def find(self, tenant: str, response_id: str) -> ResponseRecord | None:
        value: bytes | None = await self._server.run(
            scripts.FIND, quoted(tenant), quoted(response_id), self._over()
        )
        return None if value is None else decode_record(value, tenant, response_id)

    async def chain(self, tenant: str, response_id: str) -> Sequence[ResponseRecord]:
        now = self._clock.now()
        found: list[bytes] = await self._server.run(
            scripts.CHAIN,
            quoted(tenant),
            quoted(response_id),
            self._over(),
            now,
            now - self._lag_s,
        )
        if sum(map(len, found)) > _BESIDE_THE_LOOP:
            return await asyncio.to_thread(_decode_chain, tenant, found)
        return _decode_chain(tenant, found)

    async def forget(self, tenant: str, response_id: str) -> bool:
        gone: int = await self._server.run(
            scripts.FORGET, quoted(tenant), quoted(response_id), self._over()
        )
        return gone == 1

    async def abandoned(self) -> Sequence[ResponseRecord]:
        names: list[bytes] = await self._server.run(scripts.ABANDONED)
        found: list[ResponseRecord] = []
        for name in names:
            tenant, id_ = parted(name)
            value: bytes | None = await self._server.run(
                scripts.FIND, quoted(tenant), quoted(id_), self._over()
            )
            record = None if value is None else decode_if_known(value, tenant, id_)
            if record is not None and record.status in RUNNING:  # it may have ended by now
                found.append(record)
        return found

    async def add_conversation(self, conversation: Conversation, items: Sequence[KeptItem]) -> None:
        outcome: list[bytes] = await self._server.run(
            scripts.ADD_CONVERSATION,
            quoted(conversation.tenant),
            quoted(conversation.id),
            conversation.created_at,
            _metadata_text(conversation.metadata),
            self._clock.now(),
            self._limits.conversation_items,
            *_flat(items),
        )
        if not self._done(outcome):
            raise id_is_taken()

    async def find_conversation(self, tenant: str, conversation_id: str) -> Conversation | None:
        key = f"{self._server.prefix}c:{quoted(tenant)}:{quoted(conversation_id)}"
        head: list[bytes | None] = await self._server.command("HMGET", key, "a", "m")
        created_at, metadata = head
        if created_at is None or metadata is None:
            return None
        return Conversation(tenant, conversation_id, float(created_at), _metadata(metadata))

    async def relabel_conversation(
        self, tenant: str, conversation_id: str, metadata: Mapping[str, str]
    ) -> Conversation | None:
        created_at: bytes | None = await self._server.run(
            scripts.RELABEL,
            quoted(tenant),
            quoted(conversation_id),
            _metadata_text(metadata),
            self._clock.now(),
        )
        if created_at is None:
            return None
        return Conversation(tenant, conversation_id, float(created_at), dict(metadata))

    async def forget_conversation(self, tenant: str, conversation_id: str) -> bool:
        gone: int = await self._server.run(
            scripts.FORGET_CONVERSATION, quoted(tenant), quoted(conversation_id)
        )
        return gone == 1

    async def items(self, tenant: str, conversation_id: str) -> Sequence[KeptItem] | None:
        whole = await self._conversation(tenant, conversation_id)
        return None if whole is None else whole.items

    async def append(self, tenant: str, conversation_id: str, items: Sequence[KeptItem]) -> bool:
        outcome: list[bytes] = await self._server.run(
            scripts.APPEND,
            quoted(tenant),
            quoted(conversation_id),
            self._clock.now(),
            self._limits.conversation_items,
            *_flat(items),
        )
        return self._done(outcome)

    async def forget_item(self, tenant: str, conversation_id: str, item_id: str) -> bool:
        gone: int = await self._server.run(
            scripts.FORGET_ITEM,
            quoted(tenant),
            quoted(conversation_id),
            quoted(item_id),
            self._clock.now(),
        )
        return gone == 1

    async def sweep(self) -> Swept:
        limits, now = self._limits, self._clock.now()
        idle = now - limits.in_use_s - self._lag_s
        over = min(idle, self._over())
        expired = await self._thin("r", "", 0, over)
        crowded = 0
        tenants: list[bytes] = await self._server.command("SMEMBERS", f"{self._server.prefix}t")
        for tenant in (name.decode("ascii") for name in tenants):
            crowded += await self._thin("r", tenant, limits.tenant_responses, idle)
            crowded += await self._thin(
                "c", tenant, limits.tenant_conversations, now - limits.in_use_s
            )
            await self._server.run(scripts.EMPTY, tenant)
        crowded += await self._thin("r", "", limits.responses, idle)
        crowded += await self._thin("c", "", limits.conversations, now - limits.in_use_s)
        return Swept(expired, crowded)

    async def erase(self, tenant: str) -> int:
        erased = 0
        while True:
            gone: int = await self._server.run(scripts.ERASE, quoted(tenant), _SLICE)
            erased += gone
            if gone < _SLICE:
                return erased

    async def export(self, tenant: str) -> AsyncIterator[Exported]:
        made: dict[bytes, float] = {}  # names and times alone: what they name comes one by one
        cursor = b"0"
        while True:
            cursor, pairs = await self._server.run(scripts.NAMES, quoted(tenant), cursor)
            made.update(zip(pairs[::2], map(float, pairs[1::2]), strict=True))
            if cursor == b"0":
                break
        for name in sorted(made, key=lambda name: (made[name], name)):
            kind, _, id_ = name.partition(b":")
            one: Exported | None
            if kind == b"r":
                one = await self.find(tenant, unquoted(id_))
            else:
                one = await self._conversation(tenant, unquoted(id_))
            if one is not None:
                yield one

    async def ping(self) -> None:
        await self._server.command("SET", f"{self._server.prefix}ping", "", "PX", 1000)

    async def _keep(self, mode: str, record: ResponseRecord, appended: Appended | None) -> bool:
        value = encode_record(record)
        if len(value) > self._limits.response_bytes:
            raise too_large(len(value), self._limits.response_bytes)
        outcome: list[bytes] = await self._server.run(
            scripts.KEEP,
            mode,
            quoted(record.tenant),
            quoted(record.id),
            value,
            int(record.status in RUNNING),
            int(record.background),
            quoted(record.previous or ""),
            record.created_at,
            self._clock.now(),
            "" if appended is None else quoted(appended.conversation),
            self._limits.conversation_items,
            *(() if appended is None else _flat(appended.items)),
        )
        return self._done(outcome)

    def _done(self, outcome: Sequence[bytes]) -> bool:
        match outcome:
            case [b"there", item]:
                raise item_is_there(unquoted(item))
            case [b"many"]:
                raise too_many_items(self._limits.conversation_items)
            case _:
                return outcome[0] == b"kept"

    def _over(self) -> float:
        """Return the last use of what is just over its time."""
        return self._clock.now() - self._limits.ttl_s - self._lag_s

    async def _conversation(self, tenant: str, id_: str) -> ConversationExport | None:
        found: list[bytes] | None = await self._server.run(
            scripts.ITEMS, quoted(tenant), quoted(id_)
        )
        if found is None:
            return None
        created_at, metadata, *items = found
        conversation = Conversation(tenant, id_, float(created_at), _metadata(metadata))
        if sum(map(len, items)) > _BESIDE_THE_LOOP:
            return ConversationExport(conversation, await asyncio.to_thread(_decode_items, items))
        return ConversationExport(conversation, _decode_items(items))

    async def _thin(self, kind: str, tenant: str, most: int, upto: float) -> int:
        thinned = 0
        while True:
            gone: int = await self._server.run(scripts.THIN, kind, tenant, most, upto, _SLICE)
            thinned += gone
            if gone < _SLICE:
                return thinned


def _decode_chain(tenant: str, found: Sequence[bytes]) -> list[ResponseRecord]:
    links = zip(found[::2], found[1::2], strict=True)
    chain = [decode_record(value, tenant, unquoted(id_)) for id_, value in links]
    chain.reverse()
    return chain


def _decode_items(found: Sequence[bytes]) -> tuple[KeptItem, ...]:
    pairs = zip(found[::2], found[1::2], strict=True)
    return tuple([KeptItem(unquoted(id_), decode_item(value)) for id_, value in pairs])


def _flat(items: Sequence[KeptItem]) -> Iterator[str | bytes]:
    for one in items:
        yield quoted(one.id)
        yield encode_item(one.item)


def _metadata_text(metadata: Mapping[str, str]) -> bytes:
    return json_text({**metadata})


def _metadata(text: bytes) -> dict[str, str]:
    try:
        labels = decode_object(text)
    except ValueError as error:
        raise StoreError("What is stored cannot be read.", detail=str(error)[:200]) from error
    return {key: label for key, label in labels.items() if isinstance(label, str)}
