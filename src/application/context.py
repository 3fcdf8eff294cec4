"""What stands before a turn: the responses it continues, or the items of its conversation."""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace

from ..domain.conversation import Item, Message, OpaqueItem, Role, Text, ToolCall, ToolResult
from ..domain.errors import InvalidRequest, NotFound
from ..domain.request import Generation, GenerationRequest
from ..domain.turn import CONTINUABLE, RUNNING, KeptItem, ResponseRecord, Turn, item_id, place_of
from .outcomes import kept_items
from .ports import StateStore

REFERENCE = "item_reference"
_MAX_REFERRED_RESPONSES = 64
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Composed:
    """What a target is to be told; its items without instructions; those that are the turn's own.

    References are resolved.
    """

    content: Generation
    items: tuple[Item, ...]
    input: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class _Context:
    """What stands before: items without ids, those of a conversation, then whole responses."""

    said: Sequence[Item] = ()
    kept: Sequence[KeptItem] = ()
    records: Sequence[ResponseRecord] = ()

    def items(self) -> list[Item]:
        items = [*self.said, *(one.item for one in self.kept)]
        for record in self.records:
            items += record.input
            items += record.output
        return items

    def ids(self) -> set[str]:
        ids = {one.id for one in self.kept}
        for record in self.records:
            ids.update(one.id for one in kept_items(record))
        return ids


@dataclass(frozen=True, slots=True)
class ContextLoader:
    """Composes what was said before with what is said now. Changes nothing but last uses."""

    store: StateStore

    async def said_in(self, request: GenerationRequest) -> Generation:
        """Return a request's content with all it continues; instructions stay apart from items."""
        turn, content = request.turn, request.content.get()
        if turn is None:
            return content
        composed = await self.compose(turn, content)
        return replace(content, items=composed.items)

    async def compose(self, turn: Turn, content: Generation) -> Composed:
        """Return `content` as part of the turn it belongs to.

        Raises:
            InvalidRequest: what it continues or refers to is not there, or not to be continued;
                a tool result lacks its call.
            NotFound: there is no such conversation.
            StoreError: the store does not answer.
        """
        asked, context = turn.asked, _Context()
        if asked.previous is not None and not asked.store and asked.previous in turn.known:
            # What is kept may not build on what only a connection remembers.
            context = _Context(said=turn.known[asked.previous])
        elif asked.previous is not None:
            context = await self._chain(asked.tenant, asked.previous)
        elif asked.conversation is not None:
            context = await self._conversation(asked.tenant, asked.conversation)
        own = content.items
        if any(_is_reference(item) for item in own):
            own = await self.resolve(asked.tenant, own, context.ids())
        before = context.items()
        items = (*before, *own) if before else own
        _check_results(items)
        return Composed(_instructed(content, items), items, own)

    async def resolve(
        self, tenant: str, items: Iterable[Item], there: Container[str]
    ) -> tuple[Item, ...]:
        """Return `items` with those that references stand for in their place.

        What is `there` already, or was referred to before, is not said again.

        Raises:
            InvalidRequest: a reference names nothing of this tenant's.
            StoreError: the store does not answer.
        """
        resolved: list[Item] = []
        seen: set[str] = set()
        records: dict[str, ResponseRecord | None] = {}
        for item in items:
            if not _is_reference(item):
                resolved.append(item)
                continue
            id_ = _referred(item)
            if id_ in there or id_ in seen:
                continue
            place = place_of(id_)
            if place is None:
                raise _item_not_found(id_)
            response_id = place[0]
            if response_id not in records:
                if len(records) == _MAX_REFERRED_RESPONSES:
                    raise InvalidRequest(
                        "The input refers to items of more than "
                        f"{_MAX_REFERRED_RESPONSES} responses.",
                        param="input",
                    )
                records[response_id] = await self.store.find(tenant, response_id)
            resolved.append(_item_of(records[response_id], id_))
            seen.add(id_)
        return tuple(resolved)

    async def _chain(self, tenant: str, response_id: str) -> _Context:
        records = await self.store.chain(tenant, response_id)
        if not records:
            raise _previous_not_found(response_id)
        last = records[-1]
        if last.status in RUNNING:
            raise _not_continuable(
                f"The response {response_id[:_SHOWN]!r} is still running; it can be continued "
                "once it has completed."
            )
        if last.status not in CONTINUABLE:
            raise _not_continuable(
                f"The response {response_id[:_SHOWN]!r} is {last.status.value}: there is nothing "
                "to continue."
            )
        root = records[0]
        if root.conversation is None:
            return _Context(records=records)
        # What it followed is in the conversation: without it the model would answer from a part.
        before: list[KeptItem] = []
        for kept in await self.store.items(tenant, root.conversation) or ():
            place = place_of(kept.id)
            if place is not None and place[0] == root.id:
                return _Context(kept=before, records=records)
            before.append(kept)
        raise _previous_not_found(response_id)

    async def _conversation(self, tenant: str, conversation_id: str) -> _Context:
        kept = await self.store.items(tenant, conversation_id)
        if kept is None:
            raise conversation_not_found(conversation_id)
        return _Context(kept=kept)


def compose_alone(content: Generation) -> Generation:
    """Return the content of a turn that continues nothing.

    Raises:
        InvalidRequest: it refers to an item, or has a tool result without its call.
    """
    for item in content.items:
        if _is_reference(item):
            raise _item_not_found(_referred(item))
    _check_results(content.items)
    return _instructed(content, content.items)


def compose_apart(content: Generation) -> Generation:
    """Return the content of a turn without what it continues or refers to, as nobody would ask it.

    For who tells of a turn and may not look into the store.
    """
    own = tuple(item for item in content.items if not _is_reference(item))
    return _instructed(content, content.items if len(own) == len(content.items) else own)


def conversation_not_found(conversation_id: str) -> NotFound:
    return NotFound(
        f"Conversation with id {conversation_id[:_SHOWN]!r} not found.", param="conversation"
    )


def response_not_found(response_id: str) -> NotFound:
    return NotFound(f"Response with id {response_id[:_SHOWN]!r} not found.")


def _previous_not_found(response_id: str) -> InvalidRequest:
    return InvalidRequest(
        f"Previous response with id {response_id[:_SHOWN]!r} not found.",
        param="previous_response_id",
        reason="previous_response_not_found",
    )


def _not_continuable(message: str) -> InvalidRequest:
    return InvalidRequest(message, param="previous_response_id")


def _item_not_found(id_: str) -> InvalidRequest:
    return InvalidRequest(f"Item with id {id_[:_SHOWN]!r} not found.", param="input")


def _is_reference(item: Item) -> bool:
    return type(item) is OpaqueItem and item.type == REFERENCE


def _referred(item: Item) -> str:
    id_ = item.value.get("id") if isinstance(item, OpaqueItem) else None
    if not isinstance(id_, str):
        raise InvalidRequest("An item reference needs the id of an item.", param="input")
    return id_


def _item_of(record: ResponseRecord | None, id_: str) -> Item:
    place = place_of(id_)
    if record is not None and place is not None:
        items = record.input if place[1] == "i" else record.output
        if place[2] < len(items):
            item = items[place[2]]
            if item_id(record.id, place[1], place[2], item) == id_:
                return item
    raise _item_not_found(id_)


def _instructed(content: Generation, items: tuple[Item, ...]) -> Generation:
    if items is content.items and content.instructions is None:
        return content
    if content.instructions:
        items = (Message(Role.DEVELOPER, (Text(content.instructions),)), *items)
    return replace(content, items=items, instructions=None)


def _check_results(items: Iterable[Item]) -> None:
    calls: set[str] = set()
    for item in items:
        if isinstance(item, ToolCall):
            calls.add(item.id)
        elif isinstance(item, ToolResult) and item.call_id not in calls:
            what = "function" if item.kind == "function" else "custom tool"
            raise InvalidRequest(
                f"No tool call found for {what} call output with call_id {item.call_id[:_SHOWN]}.",
                param="input",
            )
