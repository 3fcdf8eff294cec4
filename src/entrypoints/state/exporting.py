"""What is kept for a tenant as lines of JSON: the API's own objects, with all that belongs to them.

A response has its `input` beside its `output`, a conversation its `items`.
"""

from collections.abc import Iterable
from typing import assert_never

from ...application.ports import ConversationExport, Exported
from ...domain.turn import KeptItem, ResponseRecord, item_id
from ..responses.turn_wire import ResponsesWire
from .shapes import encode_conversation


def encode_export(wire: ResponsesWire, exported: Exported) -> bytes:
    """Return one line without its end."""
    match exported:
        case ResponseRecord():
            kept = (
                KeptItem(item_id(exported.id, "i", number, item), item)
                for number, item in enumerate(exported.input)
            )
            body = wire.body(exported)
            return body[:-1] + b',"input":' + _list(wire, exported.tenant, kept) + b"}"
        case ConversationExport():
            body = encode_conversation(exported.conversation)
            items = _list(wire, exported.conversation.tenant, exported.items)
            return body[:-1] + b',"items":' + items + b"}"
        case _:
            assert_never(exported)


def _list(wire: ResponsesWire, tenant: str, items: Iterable[KeptItem]) -> bytes:
    return b"[" + b",".join(bytes(wire.kept_item(tenant, item)) for item in items) + b"]"
