"""Conversations and their items as rows.

Whoever writes to a conversation locks its own row first, so that its items change one after the
other. What is refused is returned, not raised: raising would undo what others commit with it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import (
    Connection,
    Double,
    String,
    and_,
    bindparam,
    delete,
    insert,
    select,
    tuple_,
    update,
)

from ...domain.errors import InvalidRequest
from ...domain.turn import Conversation, KeptItem
from ..stored.records import decode_item, encode_item
from ..stored.refusals import item_is_there, too_many_items
from . import schema
from .records import decode_metadata, encode_metadata, is_storable

_conversations = schema.conversations.c
_items = schema.conversation_items.c
_IN_ONE_SELECT = 500
_EXPORT_KEYS = 100

_this = and_(_conversations.tenant == bindparam("of"), _conversations.id == bindparam("this"))
_its_items = and_(_items.tenant == bindparam("of"), _items.conversation == bindparam("this"))
_INSERT = insert(schema.conversations)
_INSERT_ITEMS = insert(schema.conversation_items)
_LOCK = (
    select(_conversations.item_count, _conversations.next_position).where(_this).with_for_update()
)
_TAKEN = select(_items.id).where(_its_items, _items.id.in_(bindparam("ids", expanding=True)))
_NOTE_WRITE = (
    update(schema.conversations)
    .where(_this)
    .values(
        item_count=bindparam("new_count"),
        next_position=bindparam("new_position"),
        written_at=bindparam("now"),
    )
)
_RELABEL = (
    update(schema.conversations)
    .where(_this)
    .values(value=bindparam("new_value"), written_at=bindparam("now"))
)
_FIND = select(_conversations.created_at, _conversations.value).where(_this)
_ITEMS = (
    select(_items.id, _items.value)
    .select_from(schema.conversations)
    # Outer: one row without an item tells an empty conversation from none.
    .outerjoin(
        schema.conversation_items,
        and_(_items.tenant == _conversations.tenant, _items.conversation == _conversations.id),
    )
    .where(_this)
    .order_by(_items.position)
)
_DELETE = delete(schema.conversations).where(_this)
_DELETE_ITEMS = delete(schema.conversation_items).where(_its_items)
_DELETE_ITEM = delete(schema.conversation_items).where(_its_items, _items.id == bindparam("item"))
_EXPORT = (
    select(_conversations.created_at, _conversations.id, _conversations.value)
    .where(
        _conversations.tenant == bindparam("of"),
        tuple_(_conversations.created_at, _conversations.id)
        > tuple_(bindparam("after_time", type_=Double), bindparam("after_id", type_=String)),
    )
    .order_by(_conversations.created_at, _conversations.id)
    .limit(_EXPORT_KEYS)
)


@dataclass(frozen=True, slots=True)
class Addition:
    """Items as they are to be stored, at most `most` with those already there."""

    tenant: str
    conversation: str
    items: Sequence[tuple[str, bytes]]
    most: int
    now: float

    @property
    def size_bytes(self) -> int:
        return sum(len(value) for _, value in self.items)


def addition(
    tenant: str, conversation_id: str, items: Sequence[KeptItem], most: int, now: float
) -> Addition:
    """Return items ready to be stored.

    Raises:
        InvalidRequest: they are too many, two have one id, or an id cannot be stored.
        StoreError: an item cannot be written down.
    """
    if len(items) > most:
        raise too_many_items(most)
    seen: set[str] = set()
    for kept in items:
        if kept.id in seen:
            raise item_is_there(kept.id)
        if not is_storable(kept.id) or len(kept.id) > 200:
            raise InvalidRequest(f"{kept.id[:80]!r} cannot be the id of an item.")
        seen.add(kept.id)
    stored = [(kept.id, encode_item(kept.item)) for kept in items]
    return Addition(tenant, conversation_id, stored, most, now)


@dataclass(frozen=True, slots=True)
class Room:
    """A conversation that is locked for the rest of the transaction."""

    items: int
    next_position: int


def make_room(connection: Connection, addition: Addition) -> Room | InvalidRequest | None:
    """Lock the conversation and look whether it takes the items; None if it is not there."""
    this = {"of": addition.tenant, "this": addition.conversation}
    row = connection.execute(_LOCK, this).one_or_none()
    if row is None:
        return None
    room = Room(row[0], row[1])
    if room.items + len(addition.items) > addition.most:
        return too_many_items(addition.most)
    ids = iter([id_ for id_, _ in addition.items])
    while some := list(islice(ids, _IN_ONE_SELECT)):
        for (taken,) in connection.execute(_TAKEN, {**this, "ids": some}):
            return item_is_there(taken)
    return room


def fill(connection: Connection, addition: Addition, room: Room) -> None:
    """Add the items at the end of the conversation that `room` is of."""
    _insert_items(connection, addition, room.next_position)
    connection.execute(
        _NOTE_WRITE,
        {
            "of": addition.tenant,
            "this": addition.conversation,
            "new_count": room.items + len(addition.items),
            "new_position": room.next_position + len(addition.items),
            "now": addition.now,
        },
    )


def append(connection: Connection, addition: Addition) -> bool | InvalidRequest:
    room = make_room(connection, addition)
    if isinstance(room, Room):
        fill(connection, addition, room)
        return True
    return False if room is None else room


def conversation_row(conversation: Conversation, items: int, now: float) -> dict[str, object]:
    """Return the row of a new conversation.

    Raises:
        StoreError: the metadata cannot be written down.
    """
    return {
        "tenant": conversation.tenant,
        "id": conversation.id,
        "created_at": conversation.created_at,
        "written_at": now,
        "item_count": items,
        "next_position": items,
        "value": encode_metadata(conversation.metadata),
    }


def add(connection: Connection, row: Mapping[str, object], addition: Addition) -> None:
    connection.execute(_INSERT, row)
    _insert_items(connection, addition, 0)


def find(connection: Connection, tenant: str, conversation_id: str) -> Conversation | None:
    row = connection.execute(_FIND, {"of": tenant, "this": conversation_id}).one_or_none()
    if row is None:
        return None
    return Conversation(tenant, conversation_id, row[0], decode_metadata(row[1]))


def relabel(
    connection: Connection, tenant: str, conversation_id: str, value: bytes, now: float
) -> Conversation | None:
    connection.execute(
        _RELABEL, {"of": tenant, "this": conversation_id, "new_value": value, "now": now}
    )
    return find(connection, tenant, conversation_id)


def forget(connection: Connection, tenant: str, conversation_id: str) -> bool:
    this = {"of": tenant, "this": conversation_id}
    if connection.execute(_DELETE, this).rowcount == 0:
        return False
    connection.execute(_DELETE_ITEMS, this)
    return True


def forget_item(
    connection: Connection, tenant: str, conversation_id: str, item_id: str, now: float
) -> bool:
    this = {"of": tenant, "this": conversation_id}
    row = connection.execute(_LOCK, this).one_or_none()
    if row is None:
        return False
    if connection.execute(_DELETE_ITEM, {**this, "item": item_id}).rowcount == 0:
        return False
    connection.execute(
        _NOTE_WRITE, {**this, "new_count": row[0] - 1, "new_position": row[1], "now": now}
    )
    return True


def items(connection: Connection, tenant: str, conversation_id: str) -> Sequence[KeptItem] | None:
    rows = connection.execute(_ITEMS, {"of": tenant, "this": conversation_id}).all()
    if not rows:
        return None
    return [KeptItem(id_, decode_item(value)) for id_, value in rows if id_ is not None]


def export_page(
    connection: Connection, tenant: str, after: tuple[float, str]
) -> Sequence[Conversation]:
    """Return the next conversations by age."""
    rows = connection.execute(_EXPORT, {"of": tenant, "after_time": after[0], "after_id": after[1]})
    return [
        Conversation(tenant, id_, created_at, decode_metadata(value))
        for created_at, id_, value in rows
    ]


def _insert_items(connection: Connection, addition: Addition, first: int) -> None:
    rows = list(_item_rows(addition, first))
    if rows:
        connection.execute(_INSERT_ITEMS, rows)


def _item_rows(addition: Addition, first: int) -> Iterator[dict[str, object]]:
    for position, (id_, value) in enumerate(addition.items, first):
        yield {
            "tenant": addition.tenant,
            "conversation": addition.conversation,
            "position": position,
            "id": id_,
            "value": value,
        }
