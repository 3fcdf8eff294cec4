"""The routes that work on a conversation without answering it: count its tokens, make it short."""

from typing import Any, Literal

import msgspec
from litestar import Response, post
from litestar.handlers import HTTPRouteHandler
from msgspec import UNSET, Struct, UnsetType

from ...application.compact import Compacted
from ...domain.turn import KeptItem, item_id
from ..client_dialect import ClientDialect
from ..responses.answer_wire import UsageShape
from ..responses.objects import encode_usage
from ..responses.turn_wire import ResponsesWire
from ..services import Services
from ..watcher import RunningCalls
from .asking import Asking, under_watch
from .reading import Asked, AskedReader

_JSON = "application/json"
_encode = msgspec.json.Encoder().encode


class CountShape(Struct, frozen=True, kw_only=True):
    """`estimated` is ours: the provider has no counter."""

    object: Literal["response.input_tokens"] = "response.input_tokens"
    input_tokens: int
    estimated: Literal[True] | UnsetType = UNSET


class CompactionShape(Struct, frozen=True, kw_only=True):
    id: str
    object: Literal["response.compaction"] = "response.compaction"
    created_at: int
    output: list[msgspec.Raw]
    usage: UsageShape | None


def counting_routes(
    services: Services,
    calls: RunningCalls,
    # Any: the envelope, which only the dialect itself looks into
    dialect: ClientDialect[Any],
) -> list[HTTPRouteHandler]:
    """Return the routes beside the dialect's own."""
    state = services.state
    reader = AskedReader(services, calls, dialect)

    @post(f"{dialect.path}/input_tokens", status_code=200, operation_id="count_input_tokens")
    async def input_tokens(request: Asking) -> Response[bytes]:
        asked = await reader.read(request)
        async with under_watch(request, services, calls) as call:
            call.body_complete()
            counted = await state.count_tokens.count(asked.request)
        shape = CountShape(input_tokens=counted.tokens, estimated=UNSET if counted.exact else True)
        return Response(_encode(shape), media_type=_JSON)

    @post(f"{dialect.path}/compact", status_code=200, operation_id="compact_response")
    async def compact(request: Asking) -> Response[bytes]:
        asked = await reader.read(request)
        async with under_watch(request, services, calls) as call:
            call.body_complete()
            compacted = await state.compact.compact(asked.request)
        return Response(_encode(_compaction(asked, compacted, state.wire)), media_type=_JSON)

    return [input_tokens, compact]


def _compaction(asked: Asked, compacted: Compacted, wire: ResponsesWire) -> CompactionShape:
    tenant = asked.request.caller.tenant
    return CompactionShape(
        id=asked.id,
        created_at=int(asked.now),
        output=[
            wire.kept_item(tenant, KeptItem(item_id(asked.id, "o", number, item), item))
            for number, item in enumerate(compacted.items)
        ],
        usage=None if compacted.usage is None else encode_usage(compacted.usage),
    )
