"""The handler of every call that a model answers: admit, read, open, answer, settle.

One callable a dialect, plain ASGI: no middleware, no request and response objects. It is the
outermost handler: whatever happens, the caller is told and the exchange is settled once.
"""

import asyncio
import logging
from collections.abc import Mapping
from functools import partial
from typing import Generic

from ..application.ports import Answer, Exchange
from ..domain.errors import ModelmuxError, ProviderProtocolBroken
from ..domain.events import RelayedBytes, ResponseFinished
from ..domain.request import NO_TERMS
from ..domain.response import Response, ResponseBuilder
from .asgi import Receive, Scope, Send, headers_of
from .authentication import admit
from .body import check_body_headers, read_body
from .body_decoder import BodyDecoder
from .client_dialect import AnswerHead, ClientDialect, EnvelopeT, StreamEncoder
from .debug_log import BodyLog
from .errors import UNEXPECTED, Refusal, describe
from .exchange import CLIENT_GONE_STATUS, JSON, AnswerHeaders, request_id, send_whole
from .members import too_deep
from .services import Services
from .sse import SSE_HEADERS
from .watcher import ClientGone, RunningCall, RunningCalls
from .wire_style import Headers

_log = logging.getLogger("modelmux.http")


class GenerationHandler(Generic[EnvelopeT]):
    """Answers the calls of one dialect."""

    def __init__(
        self, services: Services, calls: RunningCalls, dialect: ClientDialect[EnvelopeT]
    ) -> None:
        self._services = services
        self._calls = calls
        self._dialect = dialect
        self._headers = AnswerHeaders(dialect.style)
        self._decoder = BodyDecoder(dialect)
        self._monotonic = services.clock.monotonic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        services = self._services
        started_at = self._monotonic()
        headers = headers_of(scope)
        exchange = Exchange(request_id(headers, services.ids), scope["method"], self._dialect.path)
        if services.traces is not None:
            exchange.journal.trace = services.traces.begin(headers.get(b"traceparent"))
        services.observer.exchange_started()
        call = self._calls.enter(receive, send, services.limits.body_timeout_s)
        call.pulse = self._dialect.style.pulse
        run = _Run(exchange, call, headers, started_at)
        del headers
        try:
            await self._answer(run)
        except asyncio.CancelledError:
            await self._end(run)
        except ClientGone:
            _note_gone(exchange)
        except ModelmuxError as error:
            await self._refuse(run, describe(error), error.detail)
        except Exception as error:  # noqa: BLE001  # this is the outermost handler
            _log.exception("unexpected_error", extra={"request_id": exchange.request_id})
            await self._refuse(run, UNEXPECTED, type(error).__name__)
        finally:
            self._calls.leave(call)
            exchange.asked = run.model
            if exchange.journal.is_planned:
                exchange.model = run.model
            exchange.duration_s = self._monotonic() - started_at
            services.observer.exchange_settled(exchange)

    async def _answer(self, run: "_Run") -> None:
        head, answer = await self._open(run)
        try:
            if head.envelope.stream:
                await self._stream(run, head, answer)
            else:
                await self._whole(run, head, answer)
        finally:
            self._calls.leave(run.call)
            await answer.aclose()

    async def _open(self, run: "_Run") -> tuple[AnswerHead[EnvelopeT], Answer]:
        """Return the running answer; what was read to get it is let go of with this frame."""
        services, exchange, dialect = self._services, run.exchange, self._dialect
        if services.shedding is not None:
            place = services.shedding.admit(run.headers)
            if place is not None:
                await place
        run.terms = dialect.read_terms(run.headers)
        caller = admit(
            run.headers,
            services.keys,
            open_access=services.open_access,
            named_first=dialect.style.named_key_first,
        )
        exchange.tenant, exchange.key_id = caller.tenant, caller.key_id
        if services.bodies is not None and services.bodies.active:
            run.body_log = services.bodies.sink(exchange)
        limit = services.limits.max_body_bytes
        check_body_headers(run.headers, limit)
        body = await read_body(run.call.receive, run.call, limit)
        if run.body_log is not None:
            run.body_log("request", exchange.request_id, body)
        members, envelope, content = await self._decoder.decode(body, caller)
        size_bytes = len(body)
        del body
        told = services.tell_headers(run.headers)
        run.headers = _READ  # a stream may run for an hour
        run.model = envelope.model
        exchange.stream = envelope.stream
        now = services.clock.now()
        id_ = services.ids.new(dialect.id_prefix)
        turn = dialect.begin_turn(envelope, caller, id_, now)
        request = dialect.asked(
            members, envelope, content, caller, turn, run.terms, exchange.journal, size_bytes, told
        )
        try:
            answer = await services.respond.open(request)
        except RecursionError:
            raise too_deep(members) from None
        return AnswerHead(id_, int(now), envelope, turn, caller.tenant), answer

    async def _whole(self, run: "_Run", head: AnswerHead[EnvelopeT], answer: Answer) -> None:
        exchange = run.exchange
        if exchange.journal.relayed:
            body = await _read_relayed(answer)
        else:
            response = await _read_response(answer)
            encode = partial(self._dialect.encode_response, head, response)
            large = self._dialect.is_large(response)
            body = await asyncio.to_thread(encode) if large else encode()
        if run.body_log is not None:
            run.body_log("response", exchange.request_id, body)
        headers = self._begin(run, JSON)
        await send_whole(run.call.send, 200, headers, body)

    async def _stream(self, run: "_Run", head: AnswerHead[EnvelopeT], answer: Answer) -> None:
        call, exchange, send, dialect = run.call, run.exchange, run.call.send, self._dialect
        make = dialect.relay_encoder if exchange.journal.relayed else dialect.stream_encoder
        encoder = run.encoder = make(head)
        events = await answer.read()
        headers = self._begin(run, *SSE_HEADERS)
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        call.streaming = True
        body_log = run.body_log
        while events:
            data = encoder.encode(events)
            if body_log is not None:
                body_log("chunk", exchange.request_id, data)
            exchange.chunks += 1
            if type(events[-1]) is ResponseFinished:
                call.hush()
                await send({"type": "http.response.body", "body": data})
                return
            if data:
                await send({"type": "http.response.body", "body": data, "more_body": True})
                call.spoke = True
            events = await answer.read()
        raise _endless()

    def _begin(self, run: "_Run", *content: tuple[bytes, bytes]) -> Headers:
        """Return the headers of an answer that succeeds; from here on its status is spent."""
        exchange = run.exchange
        elapsed_s = exchange.first_byte_s = self._monotonic() - run.started_at
        exchange.status = 200
        run.begun = True
        headers = self._headers.build(exchange.request_id, elapsed_s, exchange.journal, run.terms)
        headers += content
        return headers

    async def _end(self, run: "_Run") -> None:
        """Act on a cancellation: ours is taken back, anybody else's goes on."""
        ending, run.call.ended_by = run.call.ended_by, None
        task = asyncio.current_task()
        if ending is None or task is None or task.uncancel() > 0:
            _note_gone(run.exchange)
            raise asyncio.CancelledError
        if isinstance(ending, ClientGone):
            _note_gone(run.exchange)
        else:
            await self._refuse(run, describe(ending), ending.detail)

    async def _refuse(self, run: "_Run", refusal: Refusal, detail: str | None) -> None:
        """Tell the caller: by status and body, or in the stream where the status is spent."""
        exchange, call = run.exchange, run.call
        body_unread = call.body_deadline is not None
        self._calls.leave(call)
        exchange.error = refusal.code or refusal.type
        exchange.error_detail = detail
        if run.begun:
            if run.encoder is not None:
                end = run.encoder.refuse(refusal, exchange.request_id)
                await call.send({"type": "http.response.body", "body": end})
            return
        style = self._dialect.style
        body = style.encode_refusal(refusal, exchange.request_id)
        status = exchange.status = style.status_of(refusal)
        elapsed_s = self._monotonic() - run.started_at
        headers = self._headers.build(exchange.request_id, elapsed_s, exchange.journal, run.terms)
        headers += refusal.headers
        headers.append(JSON)
        # A client that waits for leave to send its body must not be left guessing whether it
        # comes; one that crawls gets no second chance on this connection.
        if body_unread and (b"expect" in run.headers or refusal.status == 408):
            headers.append((b"connection", b"close"))
        run.begun = True
        await send_whole(call.send, status, headers, body)


_READ: Mapping[bytes, bytes] = {}


class _Run:
    """What the steps of one call share."""

    __slots__ = (
        "begun", "body_log", "call", "encoder", "exchange", "headers", "model", "started_at",
        "terms",
    )  # fmt: skip

    def __init__(
        self,
        exchange: Exchange,
        call: RunningCall,
        headers: Mapping[bytes, bytes],
        started_at: float,
    ) -> None:
        self.exchange = exchange
        self.call = call
        self.headers = headers
        self.started_at = started_at
        self.model = ""
        self.begun = False
        self.terms = NO_TERMS
        self.encoder: StreamEncoder | None = None
        self.body_log: BodyLog | None = None


async def _read_relayed(answer: Answer) -> bytes:
    parts: list[bytes] = []
    while events := await answer.read():
        parts += [event.data for event in events if type(event) is RelayedBytes]
        if type(events[-1]) is ResponseFinished:
            return parts[0] if len(parts) == 1 else b"".join(parts)
    raise _endless()


async def _read_response(answer: Answer) -> Response:
    builder = ResponseBuilder()
    while events := await answer.read():
        builder.add(events)
        if type(events[-1]) is ResponseFinished:
            return builder.build()
    raise _endless()


def _endless() -> ProviderProtocolBroken:
    return ProviderProtocolBroken("The provider's answer stopped without saying that it is whole.")


def _note_gone(exchange: Exchange) -> None:
    exchange.client_gone = True
    if exchange.status == 0:
        exchange.status = CLIENT_GONE_STATUS
