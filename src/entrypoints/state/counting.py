"""The routes that work on a conversation without answering it: count its tokens, make it short."""

import asyncio
from typing import Any, Literal, NamedTuple

import msgspec
from litestar import Response, post
from litestar.handlers import HTTPRouteHandler
from msgspec import UNSET, Struct, UnsetType

from ...application.compact import Compacted
from ...application.ports import Exchange
from ...domain.deferred import Deferred
from ...domain.request import Caller, Generation, GenerationRequest
from ...domain.turn import KeptItem, item_id
from ..client_dialect import ClientDialect
from ..members import Members, too_deep
from ..responses.answer_wire import UsageShape
from ..responses.objects import encode_usage
from ..responses.turn_wire import ResponsesWire
from ..services import Services
from ..watcher import RunningCalls
from .asking import Asking, admitted, read_object, under_watch

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
    # Each decoding holds the interpreter for moments; many at once would queue for it.
    decoding = asyncio.Semaphore(1)

    async def read(request: Asking) -> _Asked:
        """Return what is asked as the dialect's own calls ask it; decoded in a thread."""
        caller = admitted(request, services)
        members = await read_object(request, services, calls)
        async with decoding:
            envelope, content = await asyncio.to_thread(_decode, dialect, members, caller)
        id_, now = services.ids.new(dialect.id_prefix), services.clock.now()
        asked = GenerationRequest(
            envelope.model,
            dialect.dialect,
            False,
            content,
            caller,
            turn=dialect.begin_turn(envelope, caller, id_, now),
        )
        exchange = request.scope["state"].get("exchange")
        if isinstance(exchange, Exchange):
            exchange.journal = asked.journal
        return _Asked(id_, now, asked)

    @post(f"{dialect.path}/input_tokens", status_code=200, operation_id="count_input_tokens")
    async def input_tokens(request: Asking) -> Response[bytes]:
        asked = await read(request)
        async with under_watch(request, services, calls) as call:
            call.body_complete()
            counted = await state.count_tokens.count(asked.request)
        shape = CountShape(input_tokens=counted.tokens, estimated=UNSET if counted.exact else True)
        return Response(_encode(shape), media_type=_JSON)

    @post(f"{dialect.path}/compact", status_code=200, operation_id="compact_response")
    async def compact(request: Asking) -> Response[bytes]:
        asked = await read(request)
        async with under_watch(request, services, calls) as call:
            call.body_complete()
            compacted = await state.compact.compact(asked.request)
        return Response(_encode(_compaction(asked, compacted, state.wire)), media_type=_JSON)

    return [input_tokens, compact]


def _compaction(asked: "_Asked", compacted: Compacted, wire: ResponsesWire) -> CompactionShape:
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


class _Asked(NamedTuple):
    """`now` is when it began, in seconds since the epoch."""

    id: str
    now: float
    request: GenerationRequest


def _decode(
    dialect: ClientDialect[Any], members: Members, caller: Caller
) -> tuple[Any, Deferred[Generation]]:
    envelope = dialect.decode_envelope(members)
    try:
        return envelope, Deferred.of(dialect.decode_content(members, caller))
    except RecursionError:
        raise too_deep(members) from None
