"""Use case: conversations, lists of items that live until they are deleted."""

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from ..domain.conversation import Item
from ..domain.errors import InvalidRequest, NotFound
from ..domain.turn import MARK, Conversation, KeptItem, id_prefix
from .context import ContextLoader, conversation_not_found
from .holding import Holding, hold_conversation
from .paging import Page, PageRequest, page_of
from .ports import Clock, IdSource, StateStore

_MAX_ITEMS = 20


@dataclass(frozen=True, slots=True)
class Conversations:
    """What changes the items holds the conversation for that moment.

    All methods but `create` raise NotFound where the tenant has no such conversation.
    """

    store: StateStore
    holding: Holding
    ids: IdSource
    clock: Clock

    async def create(
        self, tenant: str, metadata: Mapping[str, str], items: Sequence[Item] = ()
    ) -> Conversation:
        """Begin a conversation with up to 20 items.

        Raises:
            InvalidRequest: there are more, or one refers to an item that is not there.
        """
        kept = await self._named(tenant, items, ())
        id_ = self.ids.new(f"conv_{MARK}")
        conversation = Conversation(tenant, id_, self.clock.now(), dict(metadata))
        await self.store.add_conversation(conversation, kept)
        return conversation

    async def find(self, tenant: str, conversation_id: str) -> Conversation:
        found = await self.store.find_conversation(tenant, conversation_id)
        if found is None:
            raise conversation_not_found(conversation_id)
        return found

    async def relabel(
        self, tenant: str, conversation_id: str, metadata: Mapping[str, str]
    ) -> Conversation:
        """Replace the metadata, also while somebody writes items."""
        changed = await self.store.relabel_conversation(tenant, conversation_id, metadata)
        if changed is None:
            raise conversation_not_found(conversation_id)
        return changed

    async def forget(self, tenant: str, conversation_id: str) -> None:
        """Delete it with its items.

        Raises:
            Conflict: somebody writes to it.
        """
        async with self._writing(tenant, conversation_id):
            if not await self.store.forget_conversation(tenant, conversation_id):
                raise conversation_not_found(conversation_id)

    async def list_items(
        self, tenant: str, conversation_id: str, request: PageRequest
    ) -> Page[KeptItem]:
        """Return a page of the items.

        Raises:
            InvalidRequest: no item has the id that the page shall begin after.
        """
        items = await self._items(tenant, conversation_id)
        return page_of(items, request, lambda kept: kept.id)

    async def add_items(
        self, tenant: str, conversation_id: str, items: Sequence[Item]
    ) -> tuple[KeptItem, ...]:
        """Add up to 20 items at the end; return them with their ids.

        Raises:
            InvalidRequest: there are more, one refers to an item that is not there, or the
                conversation would hold more than it may.
            Conflict: somebody writes to it.
        """
        async with self._writing(tenant, conversation_id):
            there = {kept.id for kept in await self._items(tenant, conversation_id)}
            kept = await self._named(tenant, items, there)
            if kept and not await self.store.append(tenant, conversation_id, kept):
                raise conversation_not_found(conversation_id)
        return kept

    async def find_item(self, tenant: str, conversation_id: str, item_id: str) -> KeptItem:
        """Return one item.

        Raises:
            NotFound: the conversation has none of that id.
        """
        for kept in await self._items(tenant, conversation_id):
            if kept.id == item_id:
                return kept
        raise _item_not_found(item_id)

    async def forget_item(self, tenant: str, conversation_id: str, item_id: str) -> Conversation:
        """Delete one item; return the conversation.

        Raises:
            NotFound: the conversation has none of that id.
            Conflict: somebody writes to it.
        """
        async with self._writing(tenant, conversation_id):
            conversation = await self.find(tenant, conversation_id)
            if not await self.store.forget_item(tenant, conversation_id, item_id):
                raise _item_not_found(item_id)
        return conversation

    async def _items(self, tenant: str, conversation_id: str) -> Sequence[KeptItem]:
        items = await self.store.items(tenant, conversation_id)
        if items is None:
            raise conversation_not_found(conversation_id)
        return items

    async def _named(
        self, tenant: str, items: Sequence[Item], there: Iterable[str]
    ) -> tuple[KeptItem, ...]:
        check_number(len(items))
        resolved = await ContextLoader(self.store).resolve(tenant, items, set(there))
        return tuple(KeptItem(self.ids.new(f"{id_prefix(item)}_{MARK}"), item) for item in resolved)

    @asynccontextmanager
    async def _writing(self, tenant: str, conversation_id: str) -> AsyncGenerator[None, None]:
        hold = await hold_conversation(self.holding, tenant, conversation_id)
        try:
            yield
        finally:
            await self.holding.release(hold)


def check_number(number: int) -> None:
    """Return if one call may bring so many items.

    Raises:
        InvalidRequest: it may not.
    """
    if number > _MAX_ITEMS:
        raise InvalidRequest(
            f"'items' has at most {_MAX_ITEMS} items a call; this has {number}.", param="items"
        )


def _item_not_found(item_id: str) -> NotFound:
    return NotFound(f"Item with id {item_id[:200]!r} not found.")
