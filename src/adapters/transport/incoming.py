"""What comes in on a connection: bytes from the transport, a reply from the parser.

Source: RFC 9112, read strictly. Whatever an upstream sends is bounded: head and chunk framing by
`max_header_bytes`, the body by what its reader takes (reading pauses while it is slow).
"""

import asyncio
import select
from abc import abstractmethod
from enum import IntEnum
from typing import cast

import httptools

from ...domain.errors import (
    ProviderError,
    ProviderProtocolBroken,
    StreamCut,
    UpstreamUnreachable,
)
from .settings import TransportSettings

_BUFFER_BYTES = 256 * 1024
_FAREWELLS = (b"HTTP/1.1 408", b"HTTP/1.0 408")


class State(IntEnum):
    IDLE = 0
    HEAD = 1
    BODY = 2
    COMPLETE = 3
    CLOSED = 4


IDLE, HEAD, BODY, COMPLETE, CLOSED = State


class Incoming(asyncio.Protocol):
    """The callbacks of transport and parser. Everything after the end of a reply is refused.

    `unasked` says that there was something: this upstream answers what nobody asked.
    """

    __slots__ = (
        "_bodiless",
        "_buffered_bytes",
        "_draining",
        "_error",
        "_framed",
        "_header_bytes",
        "_heard",
        "_interim",
        "_loop",
        "_overhead_bytes",
        "_parser",
        "_parts",
        "_paused",
        "_poll",
        "_reusable",
        "_settings",
        "_state",
        "_transport",
        "_waiter",
        "headers",
        "status",
        "unasked",
    )

    def __init__(self, settings: TransportSettings, loop: asyncio.AbstractEventLoop) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.unasked = False
        self._settings = settings
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._poll: select.poll | None = None
        self._state = IDLE
        self._heard = False
        self._bodiless = False
        self._interim = False
        self._framed = False
        self._reusable = False
        self._draining = False
        self._paused = False
        self._header_bytes = 0
        self._overhead_bytes = 0
        self._parts: list[bytes] = []
        self._buffered_bytes = 0
        self._waiter: asyncio.Future[None] | None = None
        self._error: ProviderError | None = None

    # The transport's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # create_connection gives stream transports; their common base is what the stub promises.
        self._transport = cast(asyncio.Transport, transport)
        self._parser = httptools.HttpResponseParser(self)
        socket = transport.get_extra_info("socket")
        if hasattr(select, "poll") and socket is not None:
            self._poll = select.poll()
            self._poll.register(socket.fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        state = self._state
        if state is IDLE or state is COMPLETE:
            # Nobody asked: whatever this is, it must not meet the next caller.
            self._reusable = False
            # Some servers tell an idle connection that its time is over: that is no answer.
            if not data.startswith(_FAREWELLS):
                self.unasked = True
            if state is IDLE:
                self.close()
            return
        if state is CLOSED or self._parser is None:
            return
        self._heard = True
        self._overhead_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._break("The upstream switches protocols.")
        except httptools.HttpParserError as error:
            self._break("The upstream does not speak HTTP.", str(error))
        if self._overhead_bytes > self._settings.max_header_bytes:
            self._break("The upstream's head is too large.")
        if self._draining:
            self._drain_on()
        elif self._waiter is not None and (self._parts or self._state is not state):
            self._wake()

    def eof_received(self) -> None:
        if self._state is BODY and not self._framed:
            self._state = COMPLETE
            self._wake()
        else:
            self._end_early(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_early(exc)
        if self._state is not COMPLETE:
            self._state = CLOSED
        # The parser holds our callbacks: without this each connection is a cycle.
        self._parser = self._transport = self._poll = None

    # The parser's side. Everything after the end of a reply is refused, not read.

    def on_message_begin(self) -> None:
        if self._state is not HEAD:
            self._reusable = False
            self.unasked = True

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_bytes += len(name) + len(value)
        if self._state is not HEAD:
            return
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1")
        headers = self.headers
        headers[key] = f"{headers[key]}, {text}" if key in headers else text

    def on_headers_complete(self) -> None:
        parser = self._parser
        if self._state is not HEAD or parser is None:
            return
        status = parser.get_status_code()
        if status < 200:
            self._interim = True
            self.headers = {}
            return
        if self._header_bytes > self._settings.max_header_bytes:
            self._break("The upstream's head is too large.")
            return
        headers = self.headers
        coding = headers.get("transfer-encoding")
        # A length beside a coding, two lengths, and bad ones are refused by the parser.
        if coding is not None and coding.lower() != "chunked":
            self._break("The upstream encodes its answer for transfer, unasked.")
            return
        self.status = status
        self._framed = coding is not None or "content-length" in headers or status in {204, 304}
        self._overhead_bytes = 0
        self._state = BODY
        if self._bodiless:
            self._state = COMPLETE
            self._reusable = False

    def on_body(self, body: bytes) -> None:
        if self._state is not BODY:
            return
        self._overhead_bytes = 0
        self._buffered_bytes += len(body)
        if self._draining:
            return
        self._parts.append(body)
        if self._buffered_bytes > _BUFFER_BYTES and not self._paused:
            self._paused = True
            if self._transport is not None:
                self._transport.pause_reading()

    def on_message_complete(self) -> None:
        if self._interim:
            self._interim = False
        elif self._state is BODY and self._parser is not None:
            self._state = COMPLETE
            self._reusable = self._parser.should_keep_alive()

    def _expect(self, *, bodiless: bool) -> None:
        """Forget the last reply; the next bytes are the head of another."""
        self._state = HEAD
        self.status = 0
        self.headers = {}
        self._heard = self._interim = self._framed = self._reusable = False
        self._bodiless = bodiless
        self._header_bytes = self._overhead_bytes = 0
        self._error = None

    # What the exchange does about it.

    @abstractmethod
    def close(self) -> None:
        """Close at once."""
        ...

    @abstractmethod
    def _wake(self) -> None:
        """Something came that whoever waits wants to know."""
        ...

    @abstractmethod
    def _drain_on(self) -> None:
        """More came of a reply that nobody reads any more."""
        ...

    def _resume_reading(self) -> None:
        self._paused = False
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def _fail(self, error: ProviderError) -> None:
        if self._error is None:
            self._error = error
        self._state = CLOSED
        if self._transport is not None:
            self._transport.abort()
        self._wake()

    def _break(self, message: str, detail: str | None = None) -> None:
        """Refuse what came. A reply that is whole already stays whole; its connection ends."""
        if self._state is COMPLETE:
            self._reusable = False
            self.unasked = True
        elif self._state is not CLOSED:
            self._fail(ProviderProtocolBroken(message, detail=detail))

    def _end_early(self, exc: Exception | None) -> None:
        detail = str(exc) if exc is not None else "closed by the upstream"
        if self._state is HEAD:
            self._fail(
                UpstreamUnreachable(
                    "The connection to the upstream was lost before its answer.", detail=detail
                )
            )
        elif self._state is BODY:
            self._fail(StreamCut("The upstream's answer broke off.", detail=detail))
        elif self._state is IDLE:
            self.close()
        else:
            self._reusable = False
