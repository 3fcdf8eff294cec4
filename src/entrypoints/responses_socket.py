"""The WebSocket form of the Responses API: many turns on one connection, one at a time.

Source: the WebSocket mode of OpenAI's and of the Open Responses API. Events are the objects of
the stream, each in a text frame of its own. What a turn with `store: false` said is remembered
for as long as the connection lasts, and can be continued on it alone.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import msgspec

from ..application.ports import Answer, Exchange
from ..domain.conversation import Item
from ..domain.errors import InvalidRequest, ModelmuxError, UnsupportedFeature
from ..domain.events import ResponseFinished
from ..domain.request import Caller, GenerationRequest
from ..domain.turn import Turn
from .asgi import Receive, Scope, Send
from .authentication import admit
from .body_decoder import BodyDecoder
from .client_dialect import AnswerHead, ClientDialect, StreamEncoder
from .errors import UNEXPECTED, Refusal, describe, encode_refusal
from .exchange import CLIENT_GONE_STATUS, JSON, request_id
from .members import Members, decode_members
from .services import Services

_log = logging.getLogger("modelmux.http")
_LONGEST_S = 3600.0  # as OpenAI has it
_MOST_WAITING = 16
_MOST_REMEMBERED = 8
# What other WebSocket modes know, with the value that asks for nothing.
_NOT_HERE = {"background": b"false", "stream_id": b"null", "generate": b"true"}
_TRUE = msgspec.Raw(b"true")
_PAYLOAD = b"data: "
_DONE = b"[DONE]"
_TOO_LONG = Refusal(
    400,
    "invalid_request_error",
    "websocket_connection_limit_reached",
    "A connection lasts 60 minutes at most; open another.",
)
_TOO_MANY = Refusal(
    429,
    "rate_limit_error",
    "too_many_waiting",
    f"One response runs at a time; {_MOST_WAITING} requests may wait for it, of one's size in all.",
)


class ResponsesSocket:
    """The ASGI callable for WebSocket connections."""

    # Any: the envelope, which only the dialect itself looks into
    def __init__(self, services: Services, dialect: ClientDialect[Any]) -> None:
        self._services = services
        self._dialect = dialect
        self._decoder = BodyDecoder(dialect, _decode_frame)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        services = self._services
        headers: dict[bytes, bytes] = dict(scope["headers"])
        await receive()  # websocket.connect
        id_ = request_id(headers, services.ids)
        try:
            caller = admit(headers, services.keys, open_access=services.open_access)
        except ModelmuxError as error:
            await _refuse_handshake(send, describe(error), id_)
            return
        told = [(b"x-request-id", id_.encode("ascii"))]
        await send({"type": "websocket.accept", "headers": told})
        with suppress(OSError):  # what our server raises when the client has gone
            carried = services.tell_headers(headers)
            connection = _Connection(services, self._dialect, self._decoder, caller, carried, send)
            await connection.run(receive)


async def _refuse_handshake(send: Send, refusal: Refusal, id_: str) -> None:
    headers = [*refusal.headers, JSON, (b"x-request-id", id_.encode("ascii"))]
    await send(
        {"type": "websocket.http.response.start", "status": refusal.status, "headers": headers}
    )
    await send({"type": "websocket.http.response.body", "body": encode_refusal(refusal, id_)})


class _Connection:
    """One client's connection. Its reader goes on while an answer runs: only it sees the end."""

    def __init__(
        self,
        services: Services,
        dialect: ClientDialect[Any],
        decoder: BodyDecoder[Any],
        caller: Caller,
        headers: Mapping[str, str],
        send: Send,
    ) -> None:
        self._services = services
        self._dialect = dialect
        self._decoder = decoder
        self._caller = caller
        self._headers = headers
        self._send = send
        self._known: OrderedDict[str, tuple[Item, ...]] = OrderedDict()
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(_MOST_WAITING)
        self._waiting_bytes = 0

    async def run(self, receive: Receive) -> None:
        """Answer one request after the other until the client or the hour is gone."""
        tasks = [
            asyncio.create_task(self._read_all(receive), name="responses-socket-reader"),
            asyncio.create_task(self._answer_all(), name="responses-socket"),
        ]
        try:
            done, _ = await asyncio.wait(
                tasks, timeout=_LONGEST_S, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                await self._tell(_error_event(_TOO_LONG, _TOO_LONG.message))
                await self._send({"type": "websocket.close", "code": 1000})
        finally:
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
        for end in ends:
            if isinstance(end, Exception):
                raise end

    async def _read_all(self, receive: Receive) -> None:
        while (event := await receive())["type"] == "websocket.receive":
            text = event.get("text")
            frame: bytes = event["bytes"] if text is None else text.encode()
            size_bytes = self._waiting_bytes + len(frame)
            # Together they take no more than one request may.
            if self._waiting.full() or size_bytes > self._services.limits.max_body_bytes:
                await self._tell(_error_event(_TOO_MANY, _TOO_MANY.message))
            else:
                self._waiting_bytes = size_bytes
                self._waiting.put_nowait(frame)

    async def _answer_all(self) -> None:
        while True:
            frame = await self._waiting.get()
            self._waiting_bytes -= len(frame)
            await self._answer(frame)

    async def _answer(self, frame: bytes) -> None:
        services = self._services
        exchange = Exchange(
            services.ids.new("req_"), "WEBSOCKET", self._dialect.path, status=200, stream=True
        )
        exchange.tenant, exchange.key_id = self._caller.tenant, self._caller.key_id
        started_at = services.clock.monotonic()
        services.observer.exchange_started()
        run = _Run(exchange, started_at)
        try:
            await self._stream(run, frame)
        except (asyncio.CancelledError, OSError):
            exchange.client_gone, exchange.status = True, CLIENT_GONE_STATUS
            raise
        except ModelmuxError as error:
            await self._fail(run, describe(error), error.detail)
        except Exception as error:  # noqa: BLE001  # this is the outermost handler of the request
            _log.exception("unexpected_error", extra={"request_id": exchange.request_id})
            await self._fail(run, UNEXPECTED, type(error).__name__)
        finally:
            if run.answer is not None:
                await run.answer.aclose()
            if exchange.journal.is_planned:
                exchange.model = run.model
            exchange.duration_s = services.clock.monotonic() - started_at
            services.observer.exchange_settled(exchange)

    async def _stream(self, run: "_Run", frame: bytes) -> None:
        services, dialect = self._services, self._dialect
        _, envelope, content = await self._decoder.decode(frame, self._caller)
        run.model = envelope.model
        now = services.clock.now()
        id_ = services.ids.new(dialect.id_prefix)
        turn = run.turn = dialect.begin_turn(envelope, self._caller, id_, now)
        if turn is not None:
            turn.relayable = False  # an answer that is to be continued has to be understood
            turn.known = self._known
        answer = run.answer = await services.respond.open(
            GenerationRequest(
                envelope.model,
                dialect.dialect,
                True,
                content,
                self._caller,
                turn=turn,
                journal=run.exchange.journal,
                size_bytes=len(frame),
                headers=self._headers,
            )
        )
        encoder = dialect.stream_encoder(AnswerHead(id_, int(now), envelope, turn))
        while events := await answer.read():
            data = encoder.encode(events)
            run.encoder = encoder
            if run.exchange.first_byte_s is None:
                run.exchange.first_byte_s = services.clock.monotonic() - run.started_at
            run.exchange.chunks += 1
            if type(events[-1]) is ResponseFinished:
                self._remember(turn)
            await self._tell(data)

    def _remember(self, turn: Turn | None) -> None:
        if turn is None or turn.record is None or turn.asked.store:
            return
        self._known[turn.asked.id] = (*turn.context, *turn.record.output)
        while len(self._known) > _MOST_REMEMBERED:
            self._known.popitem(last=False)

    async def _fail(self, run: "_Run", refusal: Refusal, detail: str | None) -> None:
        exchange = run.exchange
        exchange.error, exchange.error_detail = refusal.code or refusal.type, detail
        if run.turn is not None and run.turn.asked.previous is not None:
            # What could not be continued once is not continued at all: the client starts anew.
            self._known.pop(run.turn.asked.previous, None)
        if run.encoder is not None:
            await self._tell(run.encoder.refuse(refusal, exchange.request_id))
            return
        exchange.status = refusal.status
        message = f"{refusal.message} (request id: {exchange.request_id})"
        await self._tell(_error_event(refusal, message))

    async def _tell(self, frames: bytes) -> None:
        """Send each event of a stream as a text frame of its own."""
        for frame in frames.split(b"\n\n"):
            payload = frame[frame.find(_PAYLOAD) + len(_PAYLOAD) :] if _PAYLOAD in frame else b""
            if payload and payload != _DONE:
                await self._send({"type": "websocket.send", "text": payload.decode()})


class _Run:
    """What the steps of one turn share; `encoder` is there once something was told."""

    __slots__ = ("answer", "encoder", "exchange", "model", "started_at", "turn")

    def __init__(self, exchange: Exchange, started_at: float) -> None:
        self.exchange = exchange
        self.started_at = started_at
        self.model = ""
        self.turn: Turn | None = None
        self.answer: Answer | None = None
        self.encoder: StreamEncoder | None = None


def _decode_frame(frame: bytes) -> Members:
    """Return the members of a `response.create` as those of a request that streams."""
    members = decode_members(frame)
    kind = members.pop("type", None)
    if kind is None or bytes(kind) != b'"response.create"':
        raise InvalidRequest(
            "A frame must be an object whose 'type' is 'response.create'.", param="type"
        )
    for name, harmless in _NOT_HERE.items():
        asked = members.pop(name, None)
        if asked is not None and bytes(asked) not in (b"null", harmless):
            raise UnsupportedFeature(f"'{name}' is not for WebSockets here.", param=name)
    members["stream"] = _TRUE
    return members


def _error_event(refusal: Refusal, message: str) -> bytes:
    body = {
        "type": "error",
        "status": refusal.status,
        "error": {
            "type": refusal.type,
            "code": refusal.code,
            "message": message,
            "param": refusal.param,
        },
    }
    return b"data: %b\n\n" % msgspec.json.encode(body)
