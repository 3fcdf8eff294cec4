"""POST /v1/messages/count_tokens: the exact count where the target has a counter, else ours."""

import asyncio
from collections.abc import Mapping

import msgspec
from litestar import Response, post
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from ...application.ports import Exchange
from ...domain.deferred import Deferred
from ...domain.request import Caller, Generation, GenerationRequest
from ..client_dialect import ClientDialect
from ..members import Members
from ..messages.envelope import MessagesEnvelope
from ..messages.handler import counting_dialect
from ..services import Services
from ..watcher import RunningCalls
from .asking import Asking, admitted, read_object, under_watch

_JSON = "application/json"
_encode = msgspec.json.Encoder().encode


class CountShape(Struct, frozen=True):
    """Clients read no more than this; the documentation says where it is an estimate."""

    input_tokens: int


def message_counting_routes(services: Services, calls: RunningCalls) -> list[HTTPRouteHandler]:
    """Return the route beside the dialect's own."""
    dialect = counting_dialect(services.state.sealer)
    # Each decoding holds the interpreter for moments; many at once would queue for it.
    decoding = asyncio.Semaphore(1)

    async def read(request: Asking) -> GenerationRequest:
        """Return what is asked as the dialect's own calls ask it; decoded in a thread."""
        caller = admitted(request, services)
        members = await read_object(request, services, calls)
        async with decoding:
            envelope, content = await asyncio.to_thread(_decode, dialect, members, caller)
        headers: Mapping[bytes, bytes] = dict(request.scope["headers"])
        asked = GenerationRequest(
            envelope.model,
            dialect.dialect,
            False,
            content,
            caller,
            terms=dialect.read_terms(headers),
        )
        exchange = request.scope["state"].get("exchange")
        if isinstance(exchange, Exchange):
            exchange.journal = asked.journal
        return asked

    @post(f"{dialect.path}/count_tokens", status_code=200, operation_id="count_message_tokens")
    async def count_tokens(request: Asking) -> Response[bytes]:
        asked = await read(request)
        async with under_watch(request, services, calls) as call:
            call.body_complete()
            counted = await services.state.count_tokens.count(asked)
        return Response(_encode(CountShape(counted.tokens)), media_type=_JSON)

    return [count_tokens]


def _decode(
    dialect: ClientDialect[MessagesEnvelope], members: Members, caller: Caller
) -> tuple[MessagesEnvelope, Deferred[Generation]]:
    envelope = dialect.decode_envelope(members)
    return envelope, Deferred.of(dialect.decode_content(members, caller))
