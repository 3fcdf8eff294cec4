"""One HTTP/1.1 connection to an upstream: idle, or serving exactly one exchange.

One timer watches over it. Its deadline is a number; the timer itself is moved only when it fires,
because making and cancelling one for each read costs more than reading.
"""

import asyncio
from collections.abc import Callable

from ...domain.errors import ProviderError, StreamCut, UpstreamTimeout, UpstreamUnreachable
from .incoming import BODY, CLOSED, COMPLETE, HEAD, IDLE, Incoming
from .settings import TransportSettings

_ONE_WRITE_BYTES = 64 * 1024
_DRAIN_S = 0.25
_DRAIN_BYTES = 64 * 1024


class Connection(Incoming):
    """`on_free` is told when the connection may serve again, `on_lost` when it is gone."""

    __slots__ = (
        "_deadline",
        "_on_free",
        "_on_lost",
        "_timer",
        "_timer_at",
        "_total_deadline",
        "_unsent_bytes",
        "_uses",
        "idle_since",
    )

    def __init__(
        self,
        settings: TransportSettings,
        loop: asyncio.AbstractEventLoop,
        on_free: Callable[["Connection"], None],
        on_lost: Callable[["Connection"], None],
    ) -> None:
        super().__init__(settings, loop)
        self.idle_since = 0.0
        self._on_free: Callable[[Connection], None] | None = on_free
        self._on_lost: Callable[[Connection], None] | None = on_lost
        self._uses = 0
        self._unsent_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._deadline = 0.0
        self._total_deadline = 0.0

    def resume_writing(self) -> None:
        """A large body went out at last: the wait for the answer starts now."""
        if self._state is HEAD and self._deadline:
            self._arm(self._loop.time() + self._settings.first_byte_timeout_s)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._on_lost is not None:
            self._on_lost(self)
        self._on_free = self._on_lost = None

    def is_quiet(self) -> bool:
        """Return whether an idle connection is open and nothing has come on it unasked.

        The loop may not have looked yet, so the socket itself is asked.
        """
        transport = self._transport
        if self._state is not IDLE or transport is None or transport.is_closing():
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
            if self._uses:
                return False
            raise UpstreamUnreachable("The upstream closed the connection before the call.")
        self._expect(bodiless=bodiless)
        self._unsent_bytes = 0
        now = self._loop.time()
        self._total_deadline = now + self._settings.total_timeout_s
        try:
            if len(body) <= _ONE_WRITE_BYTES:
                transport.write(head + body)
            else:
                transport.write(head)
                transport.write(body)
            while self._state is HEAD:
                await self._woken(now + self._settings.first_byte_timeout_s)
        except BaseException:
            self.close()
            raise
        if self.status:
            return True
        if self._is_stale():
            return False
        raise self._take_error()

    def take_whole(self) -> bytes | None:
        """Return what there is of the body if its end is there too."""
        if self._state is not COMPLETE:
            return None
        parts = self._parts
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        self._buffered_bytes = 0
        return data

    async def read(self, deadline: float | None) -> bytes:
        """Return the body bytes that are there, at least one; `b""` at the body's end."""
        while not self._parts:
            if self._state is COMPLETE:
                return b""
            if self._state is not BODY:
                raise self._take_error()
            if deadline is None:
                deadline = self._loop.time() + self._settings.idle_timeout_s
            await self._woken(deadline)
        parts = self._parts
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        self._buffered_bytes = 0
        if self._paused:
            self._resume_reading()
        return data

    def finish(self) -> None:
        """The reply has been read, or is not wanted further: free the connection, or close it."""
        if self._state is COMPLETE and self._reusable:
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
                self._state = IDLE
                self.idle_since = self._loop.time()
                if self._on_free is not None:
                    self._on_free(self)
                return
        self.close()

    def drain(self) -> None:
        """`finish` as soon as the reply ends, if it does so in a moment; else close."""
        if self._state is not BODY:
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
        self._state = CLOSED
        self._deadline = 0.0
        self._waiter = None
        self._parts.clear()
        if self._transport is not None:
            self._transport.abort()

    def abort(self) -> None:
        """`close`, telling whoever reads."""
        if self._state is HEAD or self._state is BODY:
            self._end_early(ConnectionAbortedError("closed by us"))
        else:
            self.close()

    # Inside.

    def _is_stale(self) -> bool:
        return self._uses > 0 and not self._heard and isinstance(self._error, UpstreamUnreachable)

    def _woken(self, deadline: float) -> asyncio.Future[None]:
        """Return what ends when something has happened; `_wake` ends it."""
        self._arm(deadline)
        self._waiter = waiter = self._loop.create_future()
        return waiter

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            self._deadline = 0.0
            if not waiter.done():
                waiter.set_result(None)

    def _take_error(self) -> ProviderError:
        """Return the failure and let go of it: its traceback would hold the connection."""
        error, self._error = self._error, None
        return error or StreamCut("The upstream's answer was closed before its end.")

    def _drain_on(self) -> None:
        if self._state is COMPLETE:
            self._draining = False
            self._deadline = 0.0
            self.finish()
        elif self._buffered_bytes > _DRAIN_BYTES:
            self.close()

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
        if not deadline or self._state is CLOSED:
            return
        now = self._loop.time()
        if now + 0.001 < deadline:
            self._arm(deadline)
        elif self._draining:
            self.close()
        elif now + 0.001 >= self._total_deadline:
            self._fail(UpstreamTimeout("The upstream took too long in all.", phase="total"))
        elif self._state is BODY:
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
