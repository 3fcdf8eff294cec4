"""Responses and conversations that live as long as the process."""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import replace

from ...application.ports import (
    Appended,
    Clock,
    ConversationExport,
    Exported,
    LeaseKey,
    StateStore,
    Swept,
)
from ...domain.turn import RUNNING, Conversation, KeptItem, ResponseRecord
from ..stored.records import decode_record, encode_record
from ..stored.refusals import id_is_taken, item_is_there, too_large, too_many_items
from .state import HeldConversation, HeldResponse, MemoryState


class MemoryStateStore(StateStore):
    """No method waits for anything, so each is one step for all others."""

    def __init__(self, state: MemoryState, clock: Clock) -> None:
        self._state = state
        self._limits = state.limits
        self._responses = state.responses
        self._conversations = state.conversations
        self._clock = clock

    async def add(self, record: ResponseRecord, appended: Appended | None = None) -> None:
        key = (record.tenant, record.id)
        held = self._held(record)
        if key in self._responses:
            raise id_is_taken()
        self._append(record.tenant, appended)
        self._responses[key] = held

    async def settle(self, record: ResponseRecord, appended: Appended | None = None) -> bool:
        before = self._responses.get((record.tenant, record.id))
        if before is None or not before.runs:
            return False
        held = self._held(record)
        self._append(record.tenant, appended)
        held.events = before.events
        self._responses[record.tenant, record.id] = held
        return True

    async def find(self, tenant: str, response_id: str) -> ResponseRecord | None:
        held = self._live(tenant, response_id)
        return None if held is None else decode_record(held.value, tenant, response_id)

    async def chain(self, tenant: str, response_id: str) -> Sequence[ResponseRecord]:
        links: dict[str, HeldResponse] = {}
        link: str | None = response_id
        while link is not None:
            held = self._live(tenant, link)
            if held is None or link in links:
                return ()
            links[link] = held
            link = held.previous
        for held in links.values():
            held.used_at = self._clock.now()
        return [decode_record(held.value, tenant, id_) for id_, held in reversed(links.items())]

    async def forget(self, tenant: str, response_id: str) -> bool:
        held = self._live(tenant, response_id)
        self._responses.pop((tenant, response_id), None)
        return held is not None

    async def abandoned(self) -> Sequence[ResponseRecord]:
        now, leases = self._clock.now(), self._state.leases
        return [
            decode_record(held.value, tenant, id_)
            for (tenant, id_), held in self._responses.items()
            if held.runs
            and held.background
            and ((lease := leases.get(LeaseKey(tenant, id_))) is None or lease.until <= now)
        ]

    async def add_conversation(self, conversation: Conversation, items: Sequence[KeptItem]) -> None:
        key = (conversation.tenant, conversation.id)
        if key in self._conversations:
            raise id_is_taken()
        held = HeldConversation(conversation, self._clock.now())
        held.items = self._extended(held, items)
        self._conversations[key] = held

    async def find_conversation(self, tenant: str, conversation_id: str) -> Conversation | None:
        held = self._conversations.get((tenant, conversation_id))
        return None if held is None else held.conversation

    async def relabel_conversation(
        self, tenant: str, conversation_id: str, metadata: Mapping[str, str]
    ) -> Conversation | None:
        held = self._conversations.get((tenant, conversation_id))
        if held is None:
            return None
        held.conversation = replace(held.conversation, metadata=dict(metadata))
        held.written_at = self._clock.now()
        return held.conversation

    async def forget_conversation(self, tenant: str, conversation_id: str) -> bool:
        return self._conversations.pop((tenant, conversation_id), None) is not None

    async def items(self, tenant: str, conversation_id: str) -> Sequence[KeptItem] | None:
        held = self._conversations.get((tenant, conversation_id))
        return None if held is None else [*held.items.values()]

    async def append(self, tenant: str, conversation_id: str, items: Sequence[KeptItem]) -> bool:
        held = self._conversations.get((tenant, conversation_id))
        if held is None:
            return False
        held.items = self._extended(held, items)
        held.written_at = self._clock.now()
        return True

    async def forget_item(self, tenant: str, conversation_id: str, item_id: str) -> bool:
        held = self._conversations.get((tenant, conversation_id))
        if held is None or held.items.pop(item_id, None) is None:
            return False
        held.written_at = self._clock.now()
        return True

    async def sweep(self) -> Swept:
        limits, now = self._limits, self._clock.now()
        leases = self._state.leases
        for over in [key for key, lease in leases.items() if lease.until <= now]:
            del leases[over]
        idle = {
            key: held.used_at
            for key, held in self._responses.items()
            if not held.runs and held.used_at <= now - limits.in_use_s
        }
        expired = [key for key, used_at in idle.items() if used_at <= now - limits.ttl_s]
        for key in expired:
            del self._responses[key], idle[key]
        crowded = _surplus(self._responses, idle, limits.tenant_responses, limits.responses)
        for key in crowded:
            del self._responses[key]
        written = {
            key: held.written_at
            for key, held in self._conversations.items()
            if held.written_at <= now - limits.in_use_s
        }
        surplus = _surplus(
            self._conversations, written, limits.tenant_conversations, limits.conversations
        )
        for key in surplus:
            del self._conversations[key]
        return Swept(len(expired), len(crowded) + len(surplus))

    async def erase(self, tenant: str) -> int:
        count = 0
        for held in (self._responses, self._conversations):
            for key in [key for key in held if key[0] == tenant]:
                del held[key]
                count += 1
        return count

    async def export(self, tenant: str) -> AsyncIterator[Exported]:
        made = [
            (one.created_at, False, id_)
            for (owner, id_), one in self._responses.items()
            if owner == tenant
        ]
        made += [
            (one.conversation.created_at, True, id_)
            for (owner, id_), one in self._conversations.items()
            if owner == tenant
        ]
        for _, is_conversation, id_ in sorted(made):
            if is_conversation:
                held = self._conversations.get((tenant, id_))
                if held is not None:
                    yield ConversationExport(held.conversation, tuple(held.items.values()))
            else:
                record = await self.find(tenant, id_)
                if record is not None:
                    yield record

    async def ping(self) -> None:
        pass

    def _held(self, record: ResponseRecord) -> HeldResponse:
        value = encode_record(record)
        if len(value) > self._limits.response_bytes:
            raise too_large(len(value), self._limits.response_bytes)
        return HeldResponse(
            value,
            record.status in RUNNING,
            record.background,
            record.created_at,
            self._clock.now(),
            record.previous,
        )

    def _live(self, tenant: str, id_: str) -> HeldResponse | None:
        held = self._responses.get((tenant, id_))
        if held is None or held.runs or held.used_at > self._clock.now() - self._limits.ttl_s:
            return held
        return None

    def _append(self, tenant: str, appended: Appended | None) -> None:
        if appended is None:
            return
        held = self._conversations.get((tenant, appended.conversation))
        if held is not None:  # else it was deleted meanwhile, and the items with it
            held.items = self._extended(held, appended.items)
            held.written_at = self._clock.now()

    def _extended(self, held: HeldConversation, items: Iterable[KeptItem]) -> dict[str, KeptItem]:
        extended = dict(held.items)
        for one in items:
            if one.id in extended:
                raise item_is_there(one.id)
            extended[one.id] = one
        if len(extended) > self._limits.conversation_items:
            raise too_many_items(self._limits.conversation_items)
        return extended


def _surplus(
    all_: Iterable[tuple[str, str]],
    idle: Mapping[tuple[str, str], float],
    of_one: int,
    of_all: int,
) -> list[tuple[str, str]]:
    """Return which of `idle`, by last use, have to go for a tenant and all to keep to theirs."""
    kept = Counter(tenant for tenant, _ in all_)
    total = kept.total()
    going: list[tuple[str, str]] = []
    staying: list[tuple[str, str]] = []
    for key in sorted(idle, key=lambda key: idle[key]):
        if kept[key[0]] > of_one:
            kept[key[0]] -= 1
            going.append(key)
        else:
            staying.append(key)
    excess = max(total - len(going) - of_all, 0)
    return going + staying[:excess]
