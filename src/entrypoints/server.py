"""Runs the application: uvicorn on uvloop, with bounds and a clean end.

SIGTERM or SIGINT: no new connections, readiness off, running answers get the grace time, what
still runs then ends with an error event, exit code 0. A second SIGINT ends it at once.
"""

import asyncio
import gc
import math
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import FrameType
from typing import Any, cast

import uvicorn

from ..domain.errors import ConfigurationError, ShuttingDown
from .acceptor import Acceptor
from .app import App
from .http_protocol import BoundedHttpProtocol
from .supervisor.listening import CannotListen, bind

# After the answers' end is told, connections get this long to take it in.
_LAST_WORDS_S = 2.0
_RETRY_AFTER_S = 1.0
_END_JOBS_S = 1.0
_TELL_S = 0.1
_QUIET_TICKS = 2
# Clients with idle connections may be sending: so long they are answered, and told to close.
_LAST_ASKS_S = 0.5


def serve(server: "GatewayServer", listener: socket.socket) -> None:
    """Serve until a signal comes, or the server is told to end; close the listener.

    Raises:
        ConfigurationError: the lifespan did not start.
    """
    try:
        server.run(sockets=[listener])
    except SystemExit as error:
        raise ConfigurationError("The server did not start; the log says why.") from error
    finally:
        listener.close()


class GatewayServer(uvicorn.Server):
    """uvicorn's server with our protocol.

    It ends by a signal, by `stop`, or by `retire` when another process has taken its place.
    `on_ready` is told where it listens; `trusted_proxies` are the addresses whose forwarding
    headers are believed, None: nobody's. `shares_listener`: other processes accept there too.
    """

    def __init__(
        self,
        app: App,
        *,
        on_ready: Callable[[str, int], None] | None = None,
        trusted_proxies: str | None = None,
        shares_listener: bool = False,
    ) -> None:
        limits = app.limits
        self._protocol = partial(
            BoundedHttpProtocol, limits=limits, calls=app.calls, shedding=app.shedding
        )
        super().__init__(
            uvicorn.Config(
                app,
                # Any: a factory is all that is called, the annotation wants a class
                http=cast(Any, self._protocol),
                ws="websockets-sansio",
                ws_max_size=limits.max_body_bytes,
                ws_per_message_deflate=False,  # a few bytes could be made to fill the memory
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=trusted_proxies is not None,
                forwarded_allow_ips=trusted_proxies,
                timeout_keep_alive=math.ceil(limits.keep_alive_s),
                timeout_graceful_shutdown=math.ceil(limits.drain_grace_s + _LAST_WORDS_S),
            )
        )
        self._app = app
        self._on_ready = on_ready
        self._shares_listener = shares_listener
        self._acceptor: Acceptor | None = None
        self._retires_by: float | None = None
        self._quiet_ticks = 0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        if self._shares_listener and sockets:
            await super().startup([])
            self._acceptor = Acceptor(sockets[0], self._new_protocol)
        else:
            await super().startup(sockets)
        # What lives now lives for good: the collector need not look at it again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        if self._on_ready is not None and sockets:
            host, port = sockets[0].getsockname()[:2]
            self._on_ready(host, port)

    def retire(self) -> None:
        """Accept no more; answer what comes on the connections there are, and end when it has.

        An answer says `connection: close`; a connection that says nothing more is closed when its
        time is over, as always. What still runs after `reload_grace_s` ends as by `stop`.
        """
        if self._retires_by is not None:
            return
        self._retires_by = asyncio.get_running_loop().time() + self._app.limits.reload_grace_s
        self._accept_no_more()
        self._let_close()

    def _let_close(self) -> None:
        """Let every answer that has not begun yet be the last on its connection."""
        self._app.calls.retiring = True
        for connection in self.server_state.connections:
            if isinstance(connection, BoundedHttpProtocol):
                connection.retire()

    def stop(self) -> None:
        """Accept no more, and end within the grace time."""
        self._app.calls.draining = True
        self._accept_no_more()
        self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        return await super().on_tick(counter) or self._has_retired()

    def _new_protocol(self) -> BoundedHttpProtocol:
        """As uvicorn does it."""
        return self._protocol(self.config, self.server_state, self.lifespan.state)

    def _accept_no_more(self) -> None:
        if self._acceptor is not None:
            self._acceptor.close()
        for server in self.servers:
            server.close()

    def _has_retired(self) -> bool:
        if self._retires_by is None:
            return False
        state = self.server_state
        opening = self._acceptor is not None and self._acceptor.opening
        if opening or state.connections or state.tasks or self._app.jobs.running:
            self._quiet_ticks = 0
            return asyncio.get_running_loop().time() > self._retires_by
        # A connection that was accepted a moment ago may not be known yet.
        self._quiet_ticks += 1
        return self._quiet_ticks >= _QUIET_TICKS

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._accept_no_more()
        self._app.calls.draining = True
        ending = asyncio.create_task(self._end_what_runs(), name="end-what-runs")
        try:
            if self.server_state.connections and not self.force_exit:
                self._let_close()
                await asyncio.sleep(_LAST_ASKS_S)
            await super().shutdown(sockets)
        finally:
            ending.cancel()
            await asyncio.wait((ending,))

    async def _end_what_runs(self) -> None:
        await asyncio.sleep(self._app.limits.drain_grace_s)
        # First the background: who follows a response there is told its own end.
        with suppress(TimeoutError):
            async with asyncio.timeout(_END_JOBS_S):
                await self._app.jobs.aclose()
                await asyncio.sleep(_TELL_S)
        self._app.calls.end_all(
            ShuttingDown("The gateway is shutting down; try again.", retry_after_s=_RETRY_AFTER_S)
        )

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take note of the signal. Unlike uvicorn, do not raise it again at the end: exit 0."""
        del sig, frame
        if self.should_exit:
            self.force_exit = True
        self.should_exit = True


def listen(host: str, port: int) -> socket.socket:
    """Return a bound socket.

    Raises:
        ConfigurationError: the address cannot be had.
    """
    try:
        return bind(host, port)
    except CannotListen as error:
        raise ConfigurationError(str(error), hint=error.hint) from error
