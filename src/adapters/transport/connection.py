"""One HTTP/1.1 connection to an upstream: idle, or serving exactly one exchange.

Source: RFC 9112, read strictly. What an upstream sends is bounded at every stage: head and chunk
framing by `max_header_bytes`, the body by what the reader takes (reading pauses when it is slow),
time by one timer, which is moved only when it fires.
"""

import asyncio
import select
from collections.abc import Callable
from enum import IntEnum
from typing import cast

import httptools

from ...domain.errors import (
    ProviderError,
    ProviderProtocolBroken,
    StreamCut,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from .settings import TransportSettings

_BUFFER_BYTES = 256 * 1024
_ONE_WRITE_BYTES = 64 * 1024
_DRAIN_S = 0.25
_DRAIN_BYTES = 64 * 1024


class _State(IntEnum):
    IDLE = 0
    HEAD = 1
    BODY = 2
    COMPLETE = 3
    CLOSED = 4


_IDLE, _HEAD, _BODY, _COMPLETE, _CLOSED = _State


class Connection(asyncio.Protocol):
    """Callbacks of the transport and the parser above, the exchange below.

    `on_free` is told when the connection may serve again, `on_lost` when it is gone.
    """

    __slots__ = (
        "_bodiless",
        "_buffered_bytes",
        "_deadline",
        "_draining",
        "_error",
        "_framed",
        "_header_bytes",
        "_heard",
        "_interim",
        "_loop",
        "_on_free",
        "_on_lost",
        "_overhead_bytes",
        "_parser",
        "_parts",
        "_paused",
        "_poll",
        "_reusable",
        "_settings",
        "_state",
        "_timer",
        "_timer_at",
        "_total_deadline",
        "_transport",
        "_unsent_bytes",
        "_uses",
        "_waiter",
        "headers",
        "idle_since",
        "status",
    )

    def __init__(
        self,
        settings: TransportSettings,
        loop: asyncio.AbstractEventLoop,
        on_free: Callable[["Connection"], None],
        on_lost: Callable[["Connection"], None],
    ) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.idle_since = 0.0
        self._settings = settings
        self._loop = loop
        self._on_free: Callable[[Connection], None] | None = on_free
        self._on_lost: Callable[[Connection], None] | None = on_lost
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._poll: select.poll | None = None
        self._state = _IDLE
        self._uses = 0
        self._heard = False
        self._bodiless = False
        self._interim = False
        self._framed = False
        self._reusable = False
        self._draining = False
        self._paused = False
        self._header_bytes = 0
        self._overhead_bytes = 0
        self._unsent_bytes = 0
        self._parts: list[bytes] = []
        self._buffered_bytes = 0
        self._waiter: asyncio.Future[None] | None = None
        self._error: ProviderError | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._deadline = 0.0
        self._total_deadline = 0.0

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
        if state is _IDLE or state is _COMPLETE:
            # Nobody asked: whatever this is, it must not meet the next caller.
            self._reusable = False
            if state is _IDLE:
                self.close()
            return
        if state is _CLOSED or self._parser is None:
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
        if self._state is _BODY and not self._framed:
            self._state = _COMPLETE
            self._wake()
        else:
            self._end_early(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_early(exc)
        if self._state is not _COMPLETE:
            self._state = _CLOSED
        if self._timer is not None:
            self._timer.cancel()
        # The parser holds our callbacks, the timer us: without this each connection is a cycle.
        self._timer = self._parser = self._transport = self._poll = None
        if self._on_lost is not None:
            self._on_lost(self)
        self._on_free = self._on_lost = None

    def resume_writing(self) -> None:
        """A large body went out at last: the wait for the answer starts now."""
        if self._state is _HEAD and self._deadline:
            self._arm(self._loop.time() + self._settings.first_byte_timeout_s)

    # The parser's side. Everything after the end of a reply is refused, not read.

    def on_message_begin(self) -> None:
        if self._state is not _HEAD:
            self._reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_bytes += len(name) + len(value)
        if self._state is not _HEAD:
            return
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1")
        headers = self.headers
        headers[key] = f"{headers[key]}, {text}" if key in headers else text

    def on_headers_complete(self) -> None:
        parser = self._parser
        if self._state is not _HEAD or parser is None:
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
        counted = "content-length" in headers
        if coding is not None and (counted or coding.lower() != "chunked"):
            self._break("The upstream frames its answer in two ways at once.")
            return
        self.status = status
        self._framed = coding is not None or counted or status in {204, 304}
        self._overhead_bytes = 0
        self._state = _BODY
        if self._bodiless:
            self._state = _COMPLETE
            self._reusable = False

    def on_body(self, body: bytes) -> None:
        if self._state is not _BODY:
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
        elif self._state is _BODY and self._parser is not None:
            self._state = _COMPLETE
            self._reusable = self._parser.should_keep_alive()

    # The exchange.

    def is_quiet(self) -> bool:
        """Return whether an idle connection is open and nothing has come on it unasked.

        The loop may not have looked yet, so the socket itself is asked.
        """
        transport = self._transport
        if self._state is not _IDLE or transport is None or transport.is_closing():
            return False
        return self._poll is None or not self._poll.poll(0)

    async def exchange(self, head: bytes, body: bytes, *, bodiless: bool = False) -> bool:
        """Send a request, wait for the head of its reply; False if the connection was stale.

        Stale: it had served before, and broke without one byte of a reply. `bodiless` replies
        (to HEAD) end with their head.

        Raises:
            ProviderError: the head did not come, or not in time, or is no HTTP.
        """
        transport = self._transport
        if transport is None:
            return False
        self._state = _HEAD
        self.status = 0
        self.headers = {}
        self._heard = self._interim = self._framed = self._reusable = False
        self._bodiless = bodiless
        self._header_bytes = self._overhead_bytes = self._unsent_bytes = 0
        self._error = None
        now = self._loop.time()
        self._total_deadline = now + self._settings.total_timeout_s
        try:
            if len(body) <= _ONE_WRITE_BYTES:
                transport.write(head + body)
            else:
                transport.write(head)
                transport.write(body)
            while self._state is _HEAD:
                await self._wait(now + self._settings.first_byte_timeout_s)
        except BaseException:
            self.close()
            raise
        if self.status:
            return True
        if self._uses and not self._heard and isinstance(self._error, UpstreamUnreachable):
            return False
        raise self._take_error()

    async def read(self, deadline: float | None) -> bytes:
        """Return the body bytes that are there, at least one; `b""` at the body's end."""
        while not self._parts:
            if self._state is _COMPLETE:
                return b""
            if self._state is not _BODY:
                raise self._take_error()
            if deadline is None:
                deadline = self._loop.time() + self._settings.idle_timeout_s
            await self._wait(deadline)
        parts = self._parts
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        self._buffered_bytes = 0
        if self._paused:
            self._resume_reading()
        return data

    def finish(self) -> None:
        """The reply has been read, or is not wanted further: free the connection, or close it."""
        if self._state is _COMPLETE and self._reusable:
            self._parts.clear()
            if self._paused:
                self._resume_reading()
            transport = self._transport
            if (
                transport is not None
                and not transport.is_closing()
                and not transport.get_write_buffer_size()
            ):
                self._uses += 1
                self._state = _IDLE
                self.idle_since = self._loop.time()
                if self._on_free is not None:
                    self._on_free(self)
                return
        self.close()

    def drain(self) -> None:
        """`finish` as soon as the reply ends, if it does so in a moment; else close."""
        if self._state is not _BODY:
            self.finish()
            return
        self._draining = True
        self._parts.clear()
        self._buffered_bytes = 0
        if self._paused:
            self._resume_reading()
        self._arm(self._loop.time() + _DRAIN_S)

    def close(self) -> None:
        """Close at once; nothing that is still to be sent or read matters any more."""
        self._state = _CLOSED
        self._deadline = 0.0
        self._parts.clear()
        if self._transport is not None:
            self._transport.abort()

    def abort(self) -> None:
        """`close`, telling whoever reads."""
        if self._state is _HEAD or self._state is _BODY:
            self._end_early(ConnectionAbortedError("closed by us"))
        else:
            self.close()

    # Inside.

    async def _wait(self, deadline: float) -> None:
        self._arm(deadline)
        self._waiter = waiter = self._loop.create_future()
        try:
            await waiter
        finally:
            self._waiter = None
            self._deadline = 0.0

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _take_error(self) -> ProviderError:
        """Return the failure and let go of it: its traceback would hold the connection."""
        error, self._error = self._error, None
        return error or StreamCut("The upstream's answer was closed before its end.")

    def _resume_reading(self) -> None:
        self._paused = False
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def _drain_on(self) -> None:
        if self._state is _COMPLETE:
            self._draining = False
            self._deadline = 0.0
            self.finish()
        elif self._buffered_bytes > _DRAIN_BYTES:
            self.close()

    def _fail(self, error: ProviderError) -> None:
        if self._error is None:
            self._error = error
        self._state = _CLOSED
        if self._transport is not None:
            self._transport.abort()
        self._wake()

    def _break(self, message: str, detail: str | None = None) -> None:
        """Refuse what came. A reply that is whole already stays whole; its connection ends."""
        if self._state is _COMPLETE:
            self._reusable = False
        elif self._state is not _CLOSED:
            self._fail(ProviderProtocolBroken(message, detail=detail))

    def _end_early(self, exc: Exception | None) -> None:
        detail = str(exc) if exc is not None else "closed by the upstream"
        if self._state is _HEAD:
            self._fail(
                UpstreamUnreachable(
                    "The connection to the upstream was lost before its answer.", detail=detail
                )
            )
        elif self._state is _BODY:
            self._fail(StreamCut("The upstream's answer broke off.", detail=detail))
        elif self._state is _IDLE:
            self.close()
        else:
            self._reusable = False

    def _arm(self, deadline: float) -> None:
        deadline = min(deadline, self._total_deadline)
        self._deadline = deadline
        if self._timer is not None:
            if self._timer_at <= deadline:
                return
            self._timer.cancel()
        self._timer_at = deadline
        self._timer = self._loop.call_at(deadline, self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        deadline = self._deadline
        if not deadline or self._state is _CLOSED:
            return
        now = self._loop.time()
        if now + 0.001 < deadline:
            self._arm(deadline)
        elif self._draining:
            self.close()
        elif now + 0.001 >= self._total_deadline:
            self._fail(UpstreamTimeout("The upstream took too long in all.", phase="total"))
        elif self._state is _BODY:
            self._fail(UpstreamTimeout("The upstream fell silent in its answer.", phase="idle"))
        else:
            self._on_no_answer(now)

    def _on_no_answer(self, now: float) -> None:
        unsent = self._transport.get_write_buffer_size() if self._transport is not None else 0
        if unsent and unsent != self._unsent_bytes:
            # The request is still on its way, and moves.
            self._unsent_bytes = unsent
            self._arm(now + self._settings.first_byte_timeout_s)
        else:
            self._fail(UpstreamTimeout("The upstream did not answer in time.", phase="first_byte"))
