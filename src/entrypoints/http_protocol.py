"""uvicorn's HTTP protocol with the bounds it lacks.

uvicorn with httptools bounds neither the size of a head nor the time it takes, answers errors in
plain text, and lets through framing that two servers in a row may read differently. Source for
framing: RFC 9112, 6.1 and 6.3. The checks run once a packet or once a head, not once a byte.
"""

import asyncio
import itertools
from typing import Any
from urllib.parse import unquote

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn.server import ServerState

from ..domain.errors import BodyTooSlow, InvalidRequest, ModelmuxError
from .errors import Refusal, describe, encode_refusal
from .http_cycle import OneWriteCycle
from .services import HttpLimits

_MAX_HEADERS = 256
_MAX_PIPELINED = 16
# A body that nobody wants any more is dropped as it comes, for so long: closing at once would
# reset the connection, and the client might never read why.
_LINGER_S = 2.0
_FRAMING = frozenset({b"host", b"content-length", b"transfer-encoding"})
# Java's HttpClient and curl offer HTTP/2 so; httptools would stop reading at the body.
_OFFER = b"\r\nUpgrade: h2c\r\n"
_NO_OFFER = b"\r\nX-Ignore: h2c\r\n"
_OFFER_WITHIN = 4096
# A body that says it is no longer than this is handed over in one piece.
_WHOLE_BYTES = 256 * 1024
_numbers = itertools.count(1)


class BoundedHttpProtocol(HttpToolsProtocol):
    """Refuses, in OpenAI's shape, what is too large, too slow or ambiguous, and closes."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],  # Any: as in uvicorn
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        limits: HttpLimits,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._parser = self.parser = httptools.HttpRequestParser(self)
        # As in uvicorn: what follows a request that closes the connection is ignored.
        self._parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._limits = limits
        loaded: Any = getattr(config, "loaded_app")  # noqa: B009  # its stub is half unknown
        self._asgi: ASGI3Application = loaded
        self._in_head = False
        self._in_message = False
        self._head_bytes = 0
        self._framing: set[bytes] = set()
        self._handed_over_whole = False
        self._refusal: Refusal | None = None
        self._head_timer: asyncio.TimerHandle | None = None
        self._linger_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None

    # The connection.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
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
            self._refuse(_bad_request("This server does not change protocols."))
        except httptools.HttpParserError as error:
            self._refuse(self._refusal or _bad_request(f"The request is not HTTP/1.1: {error}."))
        else:
            self._look_after_head()

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
            raise self._reject("This server does not change protocols.")
        if len(self.pipeline) >= _MAX_PIPELINED:
            raise self._reject("Too many requests were sent ahead of their answers.")
        self._begin_cycle()

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
            keep_alive=version != "1.0" and parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        if before is None or before.response_complete:
            self._start_asgi_task(cycle, self._asgi)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, self._asgi))

    def on_body(self, body: bytes) -> None:
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
        self._in_message = False
        if self._linger_timer is not None:
            self._linger_timer.cancel()
            self._linger_timer = None
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._in_message and not self._in_head and not self.transport.is_closing():
            self._unset_keepalive_if_required()
            self._linger_timer = self.loop.call_later(_LINGER_S, self.transport.close)

    def send_400_response(self, msg: str) -> None:
        self._refuse(_bad_request(msg))

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
        limit = self._limits.max_header_bytes
        return Refusal(
            431,
            "invalid_request_error",
            "request_header_too_large",
            f"The head of the request is larger than {limit} bytes or {_MAX_HEADERS} headers.",
        )

    # Refusals.

    def _reject(self, message: str) -> ModelmuxError:
        """Return what to raise out of a parser callback; `data_received` then refuses."""
        error = InvalidRequest(message, reason="bad_request")
        self._refusal = describe(error)
        return error

    def _refuse(self, refusal: Refusal) -> None:
        """Answer, unless an earlier request's answer is on its way, and close."""
        self._refusal = refusal
        if self.transport.is_closing():
            return
        cycle = self._latest()
        begun = cycle is not None and cycle.response_started and not cycle.response_complete
        if not begun:
            id_ = f"conn_{next(_numbers):08d}"
            body = encode_refusal(refusal, id_)
            self.transport.write(
                b"%bcontent-type: application/json\r\ncontent-length: %d\r\n"
                b"x-request-id: %b\r\nconnection: close\r\n\r\n%b"
                % (STATUS_LINE[refusal.status], len(body), id_.encode(), body)
            )
        if cycle is not None:
            # A handler that has not answered yet must not answer after this.
            cycle.disconnected = True
            cycle.message_event.set()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._linger_timer = self.loop.call_later(_LINGER_S, self.transport.close)


def _bad_request(message: str) -> Refusal:
    return describe(InvalidRequest(message, reason="bad_request"))
