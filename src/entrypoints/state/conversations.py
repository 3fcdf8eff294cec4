"""The routes of conversations and their items."""

import msgspec
from litestar import Response, delete, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from msgspec import Raw

from ...application.conversations import check_number
from ...application.paging import Page
from ...domain.conversation import Item
from ...domain.turn import KeptItem
from ..members import Members, decode_member, missing
from ..responses.decode import ItemDecoder, item_decoder
from ..services import Services
from ..watcher import RunningCalls
from .asking import (
    Asking,
    admitted,
    known_form,
    metadata_of,
    page_asked,
    query_of,
    read_object,
)
from .responses import sealed_asked
from .shapes import encode_conversation, encode_deleted, encode_page

_JSON = "application/json"
_ITEMS = msgspec.json.Decoder(list[Raw] | None)


def conversation_routes(services: Services, calls: RunningCalls) -> list[HTTPRouteHandler]:
    """Return the routes under /v1/conversations."""
    state = services.state
    conversations = state.conversations
    decode = item_decoder(state.sealer)

    @post("/v1/conversations", status_code=200, operation_id="create_conversation")
    async def create(request: Asking) -> Response[bytes]:
        tenant = admitted(request, services).tenant
        members = await read_object(request, services, calls)
        metadata = metadata_of(members)
        items = _items(members, tenant, decode) if "items" in members else ()
        conversation = await conversations.create(tenant, metadata, items)
        return Response(encode_conversation(conversation), media_type=_JSON)

    @get("/v1/conversations/{conversation_id:str}", operation_id="get_conversation")
    async def retrieve(request: Asking, conversation_id: FromPath[str]) -> Response[bytes]:
        tenant = admitted(request, services).tenant
        found = await conversations.find(tenant, known_form(conversation_id, "Conversation"))
        return Response(encode_conversation(found), media_type=_JSON)

    @post(
        "/v1/conversations/{conversation_id:str}",
        status_code=200,
        operation_id="update_conversation",
    )
    async def update(request: Asking, conversation_id: FromPath[str]) -> Response[bytes]:
        tenant = admitted(request, services).tenant
        members = await read_object(request, services, calls)
        if "metadata" not in members:
            raise missing("metadata")
        id_ = known_form(conversation_id, "Conversation")
        changed = await conversations.relabel(tenant, id_, metadata_of(members))
        return Response(encode_conversation(changed), media_type=_JSON)

    @delete(
        "/v1/conversations/{conversation_id:str}",
        status_code=200,
        operation_id="delete_conversation",
    )
    async def forget(request: Asking, conversation_id: FromPath[str]) -> Response[bytes]:
        tenant = admitted(request, services).tenant
        id_ = known_form(conversation_id, "Conversation")
        await conversations.forget(tenant, id_)
        return Response(encode_deleted(id_, "conversation.deleted"), media_type=_JSON)

    return [create, retrieve, update, forget, *_item_routes(services, calls)]


def _item_routes(services: Services, calls: RunningCalls) -> list[HTTPRouteHandler]:
    state = services.state
    conversations = state.conversations
    decode = item_decoder(state.sealer)

    @post(
        "/v1/conversations/{conversation_id:str}/items",
        status_code=200,
        operation_id="add_conversation_items",
    )
    async def add(request: Asking, conversation_id: FromPath[str]) -> Response[bytes]:
        tenant = admitted(request, services).tenant
        query = query_of(request)
        members = await read_object(request, services, calls)
        if "items" not in members:
            raise missing("items")
        items = _items(members, tenant, decode)
        id_ = known_form(conversation_id, "Conversation")
        added = Page(tuple(await conversations.add_items(tenant, id_, items)), has_more=False)
        body = encode_page(state.wire, tenant, added, sealed=sealed_asked(query))
        return Response(body, media_type=_JSON)

    @get("/v1/conversations/{conversation_id:str}/items", operation_id="list_conversation_items")
    async def list_items(request: Asking, conversation_id: FromPath[str]) -> Response[bytes]:
        tenant = admitted(request, services).tenant
        query = query_of(request)
        id_ = known_form(conversation_id, "Conversation")
        page: Page[KeptItem] = await conversations.list_items(tenant, id_, page_asked(query))
        body = encode_page(state.wire, tenant, page, sealed=sealed_asked(query))
        return Response(body, media_type=_JSON)

    @get(
        "/v1/conversations/{conversation_id:str}/items/{item_id:str}",
        operation_id="get_conversation_item",
    )
    async def retrieve(
        request: Asking, conversation_id: FromPath[str], item_id: FromPath[str]
    ) -> Response[bytes]:
        tenant = admitted(request, services).tenant
        query = query_of(request)
        id_ = known_form(conversation_id, "Conversation")
        found = await conversations.find_item(tenant, id_, known_form(item_id, "Item"))
        item = state.wire.kept_item(tenant, found, sealed=sealed_asked(query))
        return Response(bytes(item), media_type=_JSON)

    @delete(
        "/v1/conversations/{conversation_id:str}/items/{item_id:str}",
        status_code=200,
        operation_id="delete_conversation_item",
    )
    async def forget(
        request: Asking, conversation_id: FromPath[str], item_id: FromPath[str]
    ) -> Response[bytes]:
        tenant = admitted(request, services).tenant
        id_ = known_form(conversation_id, "Conversation")
        left = await conversations.forget_item(tenant, id_, known_form(item_id, "Item"))
        return Response(encode_conversation(left), media_type=_JSON)

    return [add, list_items, retrieve, forget]


def _items(members: Members, tenant: str, decode: ItemDecoder) -> tuple[Item, ...]:
    """Return the items of a body, at most as many as one call may bring."""
    raw = members["items"]
    given = decode_member(_ITEMS, raw, "items") or ()
    check_number(len(given))  # before they are decoded
    if not given:
        return ()
    return decode(raw, tenant)
