"""The shapes of lists, conversations and receipts of deletion.

Source: OpenAI's API reference for /v1/responses and /v1/conversations.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec
from msgspec import Raw, Struct

from ...application.paging import Page
from ...domain.turn import Conversation, KeptItem
from ..responses.turn_wire import ResponsesWire


class ListShape(Struct, frozen=True, kw_only=True):
    object: Literal["list"] = "list"
    data: Sequence[Raw]
    first_id: str | None
    last_id: str | None
    has_more: bool


class ConversationShape(Struct, frozen=True, kw_only=True):
    id: str
    object: Literal["conversation"] = "conversation"
    created_at: int
    metadata: Mapping[str, str]


class DeletedShape(Struct, frozen=True):
    id: str
    object: Literal["response", "conversation.deleted"]
    deleted: Literal[True] = True


_encode = msgspec.json.Encoder().encode


def encode_page(
    wire: ResponsesWire, tenant: str, page: Page[KeptItem], *, sealed: bool = False
) -> bytes:
    """Return a list; with `sealed` thoughts carry their `encrypted_content`."""
    items = page.items
    return _encode(
        ListShape(
            data=[wire.kept_item(tenant, item, sealed=sealed) for item in items],
            first_id=items[0].id if items else None,
            last_id=items[-1].id if items else None,
            has_more=page.has_more,
        )
    )


def encode_conversation(conversation: Conversation) -> bytes:
    return _encode(
        ConversationShape(
            id=conversation.id,
            created_at=int(conversation.created_at),
            metadata=conversation.metadata,
        )
    )


def encode_deleted(id_: str, object_: Literal["response", "conversation.deleted"]) -> bytes:
    return _encode(DeletedShape(id_, object_))
