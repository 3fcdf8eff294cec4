"""uvicorn's HTTP protocol with the bounds it lacks.

uvicorn with httptools bounds neither the size of a head nor the time it takes, answers errors in
plain text, and lets through framing that two servers in a row may read differently. Source for
framing: RFC 9112, 6.1 and 6.3. The checks run once a packet or once a head, not once a byte.
"""

import asyncio
from typing import Any
from urllib.parse import unquote

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import (
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn.server import ServerState

from ..domain.errors import BodyTooSlow, InvalidRequest, ModelmuxError
from .errors import Refusal, describe
from .http_cycle import OneWriteCycle
from .http_refusals import bad_request, head_too_large, whole_refusal
from .services import HttpLimits
from .shedding import Shedding
from .watcher import RunningCalls

_MAX_HEADERS = 256
_MAX_PIPELINED = 16
# A body that nobody wants any more is dropped as it comes, for so long: closing at once would
# reset the connection, and the client might never read why.
_LINGER_S = 2.0
SOCKET_PATH = b"/v1/responses"
_FRAMING = frozenset({b"host", b"content-length", b"transfer-encoding"})
# Java's HttpClient and curl offer HTTP/2 so; httptools would stop reading at the body.
_OFFER = b"\r\nUpgrade: h2c\r\n"
_NO_OFFER = b"\r\nX-Ignore: h2c\r\n"
_OFFER_WITHIN = 4096
# A body that says it is no longer than this is handed over in one piece.
_WHOLE_BYTES = 256 * 1024


class BoundedHttpProtocol(HttpToolsProtocol):
    """Refuses, in OpenAI's shape, what is too large, too slow or ambiguous, and closes."""

    # Beside uvicorn's attributes these would be more than one dictionary can share the names of:
    # 1.2 KB for each connection.
    __slots__ = (
        "_asgi", "_calls", "_framing", "_handed_over_whole", "_head_bytes", "_head_timer",
        "_in_body", "_in_head", "_in_message", "_limits", "_linger_timer", "_parser", "_parts",
        "_refusal", "_running", "_shedding", "_was_turned_away", "_write_timer",
    )  # fmt: skip

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],  # Any: as in uvicorn
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        limits: HttpLimits,
        calls: RunningCalls,
        shedding: Shedding | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._parser = self.parser = httptools.HttpRequestParser(self)
        # As in uvicorn: what follows a request that closes the connection is ignored.
        self._parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._limits = limits
        self._calls = calls
        self._shedding = shedding
        loaded: Any = getattr(config, "loaded_app")  # noqa: B009  # its stub is half unknown
        self._asgi: ASGI3Application = loaded
        self._in_head = False
        self._in_message = False
        self._in_body = False
        self._parts: list[bytes] = []
        self._head_bytes = 0
        self._framing: set[bytes] = set()
        self._handed_over_whole = False
        self._refusal: Refusal | None = None
        self._was_turned_away = False
        # The cycle that is answering; the latest may wait behind it.
        self._running: RequestResponseCycle | None = None
        self._head_timer: asyncio.TimerHandle | None = None
        self._linger_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None

    # The connection.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._running is not None:
            # uvicorn tells the latest only.
            self._running.disconnected = True
            self._running.message_event.set()
            self._running = None
        self.pipeline.clear()
        self._unset_keepalive_if_required()
        for timer in (self._head_timer, self._linger_timer, self._write_timer):
            if timer is not None:
                timer.cancel()
        self._head_timer = self._linger_timer = self._write_timer = None
        # The parser's callbacks are ours: a circle, which uvicorn breaks on its side only.
        del self._parser

    def data_received(self, data: bytes) -> None:
        if self._refusal is not None:
            return
        if not self._in_message:
            if self._shedding is not None and self._shedding.is_full and self._turn_away(data):
                return
            offer = data.find(_OFFER, 0, _OFFER_WITHIN)
            if 0 <= offer < data.find(b"\r\n\r\n"):
                data = data.replace(_OFFER, _NO_OFFER, 1)
        if self._in_head:
            self._head_bytes += len(data)
        else:
            self._head_bytes = len(data)
        self._unset_keepalive_if_required()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._become_socket()
        except httptools.HttpParserError as error:
            self._refuse(self._refusal or bad_request(f"The request is not HTTP/1.1: {error}."))
        else:
            self._hand_over()
            self._look_after_head()

    def retire(self) -> None:
        """Close after the next answer that can still say so, not before.

        An idle connection stays: a client may be sending on it, and would take its end for a
        failure. So does one whose answer has begun without a word of closing.
        """
        latest = self._latest()  # those before it on the connection must not close it
        if latest is not None and not latest.response_started:
            latest.keep_alive = False

    def _turn_away(self, data: bytes) -> bool:
        """Refuse a call that came in one piece, unread, while there is no room for it."""
        latest = self._latest()
        if self._shedding is None or (latest is not None and not latest.response_complete):
            return False
        if self._calls.retiring or self.flow.write_paused:
            return False  # one has to say that it closes, the other waits until answers are read
        answer = self._shedding.turn_away_whole(data)
        if answer is None:
            return False
        self.transport.write(answer)
        self._was_turned_away = True
        if self._head_timer is not None:  # a new connection has spoken: it is kept as others are
            self._head_timer.cancel()
            self._head_timer = None
        if self.timeout_keep_alive_task is None:
            self._keep_alive()
        return True

    def _keep_alive(self) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def timeout_keep_alive_handler(self) -> None:
        if self._was_turned_away:  # it is not idle, it only got no further than the door
            self._was_turned_away = False
            self._keep_alive()
        else:
            super().timeout_keep_alive_handler()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._write_timer is None:
            self._write_timer = self.loop.call_later(
                self._limits.write_timeout_s, self.transport.abort
            )

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    # The head.

    def on_message_begin(self) -> None:
        if self._in_message or self._linger_timer is not None:
            raise self._reject("The request before this one has not ended.")
        super().on_message_begin()
        self._in_head = self._in_message = True
        self._framing.clear()
        self._handed_over_whole = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_head:
            return  # a trailer: it says nothing we would act on
        name = name.lower()
        if name in _FRAMING:
            if name in self._framing:
                raise self._reject(f"The header {name.decode()} is given twice.")
            self._framing.add(name)
            if name == b"content-length":
                # What is no number is refused by the parser.
                self._handed_over_whole = value.isdigit() and int(value) <= _WHOLE_BYTES
            if name == b"transfer-encoding" and value.lower() != b"chunked":
                raise self._reject("The only transfer encoding read here is chunked.")
        elif name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._in_head = False
        framing = self._framing
        if len(self.headers) > _MAX_HEADERS or self._is_head_too_large():
            self._refusal = self._head_too_large()
            raise ValueError("head too large")
        if b"transfer-encoding" in framing and (
            b"content-length" in framing or self._parser.get_http_version() != "1.1"
        ):
            raise self._reject("The length of the body is ambiguous.")
        if b"host" not in framing and self._parser.get_http_version() == "1.1":
            raise self._reject("The header host is missing.")
        if self._parser.should_upgrade():
            self._check_upgrade()
            return
        if len(self.pipeline) >= _MAX_PIPELINED:
            raise self._reject("Too many requests were sent ahead of their answers.")
        self._begin_cycle()

    def _check_upgrade(self) -> None:
        """Let a WebSocket through where there is one; it must be all there is on its connection."""
        method, path = self._parser.get_method(), self.url.partition(b"?")[0]
        if (method, path) != (b"GET", SOCKET_PATH) or not self._should_upgrade():
            raise self._reject("This server does not change protocols there.")
        latest = self._latest()
        if latest is not None and not latest.response_complete:
            raise self._reject("The request before this one has not ended.")
        if b"content-length" in self._framing or b"transfer-encoding" in self._framing:
            raise self._reject("A request that changes protocols has no body.")
        self.scope["method"] = "GET"

    def _become_socket(self) -> None:
        """Hand the connection over to uvicorn's WebSocket protocol."""
        self._unset_keepalive_if_required()
        for timer in (self._head_timer, self._linger_timer, self._write_timer):
            if timer is not None:
                timer.cancel()
        self._head_timer = self._linger_timer = self._write_timer = None
        self.handle_websocket_upgrade()
        del self._parser  # as in `connection_lost`, which is not told to us any more
        del self.parser

    def _begin_cycle(self) -> None:
        """What uvicorn does when a head is complete, less what is not used here."""
        parser, scope = self._parser, self.scope
        version = parser.get_http_version()
        url = httptools.parse_url(self.url)
        path = url.path.decode("ascii")
        scope["method"] = parser.get_method().decode("ascii")
        scope["http_version"] = version
        scope["path"] = unquote(path) if "%" in path else path
        scope["raw_path"] = url.path
        scope["query_string"] = url.query or b""
        before = self._latest()
        cycle = self.cycle = OneWriteCycle(
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=(
                version != "1.0" and parser.should_keep_alive() and not self._calls.retiring
            ),
            on_response=self.on_response_complete,
        )
        if before is None or before.response_complete:
            shed = None
            # Who reads no answers gets none ahead: a task waits for him, and all behind it.
            if self._shedding is not None and not self.flow.write_paused:
                shed = self._shedding.turn_away(scope, len(self.connections))
            if shed is not None:
                cycle.answer_at_once(*shed)
            else:
                self._start_asgi_task(cycle, self._asgi)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, self._asgi))
        self._in_body = True

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        if self._shedding is not None:
            self._shedding.comes()
        super()._start_asgi_task(cycle, app)

    def on_body(self, body: bytes) -> None:
        self._parts.append(body)

    def _hand_over(self) -> None:
        """Pass on what a packet brought, at once: in tiny chunks it would be copied for each."""
        parts = self._parts
        if not parts:
            return
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        cycle = self.cycle
        if cycle.response_complete:
            return
        cycle.body += body
        # uvicorn wakes the handler for every packet and stops reading at 64 KiB; a conversation
        # is often larger, and is wanted whole. Its end wakes the handler.
        if not self._handed_over_whole:
            cycle.message_event.set()
            if len(cycle.body) > _WHOLE_BYTES:
                self.flow.pause_reading()

    def on_message_complete(self) -> None:
        self._hand_over()
        self._in_message = self._in_body = False
        if self._parser.should_upgrade():
            return  # the parser raises, and `data_received` changes protocols
        if self._linger_timer is not None:
            self._linger_timer.cancel()
            self._linger_timer = None
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._refusal is not None and not self.transport.is_closing():
            self._refuse_next()
        elif self._in_message and not self._in_head and not self.transport.is_closing():
            self._unset_keepalive_if_required()
            self._linger_timer = self.loop.call_later(_LINGER_S, self.transport.close)

    def send_400_response(self, msg: str) -> None:
        self._refuse(bad_request(msg))

    def _latest(self) -> RequestResponseCycle | None:
        return self.cycle  # None before the first request, whatever uvicorn says of its type

    # Bounds.

    def _is_head_too_large(self) -> bool:
        limit = self._limits.max_header_bytes
        # Bytes of the packets that held the head, and more: only a large sum is looked into.
        if self._head_bytes <= limit:
            return False
        return len(self.url) + sum(len(n) + len(v) + 4 for n, v in self.headers) > limit

    def _look_after_head(self) -> None:
        cycle = self._latest()
        waiting = self._in_head or (
            not self._in_message and (cycle is None or cycle.response_complete)
        )
        if not waiting:
            if self._head_timer is not None:
                self._head_timer.cancel()
                self._head_timer = None
        elif self._in_head and self._head_bytes > self._limits.max_header_bytes + 2**18:
            self._refuse(self._head_too_large())
        else:
            self._await_head()

    def _await_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(
                self._limits.header_timeout_s, self._head_too_slow
            )

    def _head_too_slow(self) -> None:
        self._head_timer = None
        if self._in_head:
            self._refuse(describe(BodyTooSlow("The head of the request did not arrive in time.")))
        else:
            self.transport.close()

    def _head_too_large(self) -> Refusal:
        return head_too_large(self._limits.max_header_bytes, _MAX_HEADERS)

    # Refusals.

    def _reject(self, message: str) -> ModelmuxError:
        """Return what to raise out of a parser callback; `data_received` then refuses."""
        error = InvalidRequest(message, reason="bad_request")
        self._refusal = describe(error)
        return error

    def _refuse(self, refusal: Refusal) -> None:
        """Answer what was sent with `refusal`, after the requests before it, and close."""
        self._refusal = refusal
        self._parts.clear()
        if self.transport.is_closing():
            return
        if self._in_body and self.pipeline:
            self.pipeline.popleft()  # the body that failed is this one's, which never began
            self._in_body = False
        if self._in_body or self._running is None or self._running.response_complete:
            self._refuse_now(refusal)

    def _refuse_next(self) -> None:
        """The answer to an earlier request is complete: go on to the next, or to the refusal."""
        if self._refusal is not None and (self._running is None or self._running.response_complete):
            self._unset_keepalive_if_required()
            self._refuse_now(self._refusal)

    def _refuse_now(self, refusal: Refusal) -> None:
        cycle = self._latest() if self._in_body else None
        if cycle is None or not cycle.response_started:
            self.transport.write(whole_refusal(refusal))
        if cycle is not None:
            # A handler that has not answered yet must not answer after this.
            cycle.disconnected = True
            cycle.message_event.set()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._linger_timer = self.loop.call_later(_LINGER_S, self.transport.close)
