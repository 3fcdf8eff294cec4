"""Reads what a call would ask a model, for routes that work on it in another way."""

import asyncio
from typing import Generic, NamedTuple

from ...application.ports import Exchange
from ...domain.deferred import Deferred
from ...domain.request import Caller, Generation, GenerationRequest
from ..client_dialect import ClientDialect, EnvelopeT
from ..members import Members, too_deep
from ..services import Services
from ..watcher import RunningCalls
from .asking import Asking, admitted, read_object


class Asked(NamedTuple):
    """`now` is when it began, in seconds since the epoch."""

    id: str
    now: float
    request: GenerationRequest


class AskedReader(Generic[EnvelopeT]):
    """Reads the bodies of one dialect as its own calls do; decodes them in a thread."""

    def __init__(
        self, services: Services, calls: RunningCalls, dialect: ClientDialect[EnvelopeT]
    ) -> None:
        self._services = services
        self._calls = calls
        self._dialect = dialect
        # Each decoding holds the interpreter for moments; many at once would queue for it.
        self._decoding = asyncio.Semaphore(1)

    async def read(self, request: Asking) -> Asked:
        """Return what is asked, by whom.

        Raises:
            AuthenticationError: nobody we know.
            RequestError: it is not well said.
            ClientGone: the client left in the middle.
        """
        services, dialect = self._services, self._dialect
        caller = admitted(request, services)
        terms = dialect.read_terms(dict(request.scope["headers"]))
        members = await read_object(request, services, self._calls)
        async with self._decoding:
            envelope, content = await asyncio.to_thread(self._decode, members, caller)
        id_, now = services.ids.new(dialect.id_prefix), services.clock.now()
        asked = GenerationRequest(
            envelope.model,
            dialect.dialect,
            False,
            content,
            caller,
            turn=dialect.begin_turn(envelope, caller, id_, now),
            terms=terms,
        )
        exchange = request.scope["state"].get("exchange")
        if isinstance(exchange, Exchange):
            exchange.journal = asked.journal
        return Asked(id_, now, asked)

    def _decode(self, members: Members, caller: Caller) -> tuple[EnvelopeT, Deferred[Generation]]:
        envelope = self._dialect.decode_envelope(members)
        try:
            return envelope, Deferred.of(self._dialect.decode_content(members, caller))
        except RecursionError:
            raise too_deep(members) from None
