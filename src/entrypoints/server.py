"""Runs the application: uvicorn on uvloop, with bounds and a clean end.

SIGTERM or SIGINT: no new connections, readiness off, running answers get the grace time, what
still runs then ends with an error event, exit code 0. A second SIGINT ends it at once.
"""

import asyncio
import errno
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
from .app import App
from .http_protocol import BoundedHttpProtocol

# After the answers' end is told, connections get this long to take it in.
_LAST_WORDS_S = 2.0
_RETRY_AFTER_S = 1.0
_END_JOBS_S = 1.0
_TELL_S = 0.1
_LISTENING_HINTS = {
    errno.EADDRINUSE: "another program uses the port; choose one with --port or server.port",
    errno.EACCES: "low ports are for root; choose one above 1023 with --port or server.port",
}


def serve(
    app: App,
    host: str,
    port: int,
    *,
    on_ready: Callable[[str, int], None] | None = None,
    trusted_proxies: str | None = None,
) -> None:
    """Serve until a signal comes. `port` 0 takes a free one; `on_ready` is told which.

    `trusted_proxies` are the addresses whose forwarding headers are believed; None: nobody's.

    Raises:
        ConfigurationError: the address cannot be listened on, or the lifespan did not start.
    """
    listener = listen(host, port)
    server = GatewayServer(app, on_ready=on_ready, trusted_proxies=trusted_proxies)
    try:
        server.run(sockets=[listener])
    except SystemExit as error:
        raise ConfigurationError("The server did not start; the log says why.") from error
    finally:
        listener.close()


class GatewayServer(uvicorn.Server):
    """uvicorn's server with our protocol; setting `should_exit` ends it as a signal would."""

    def __init__(
        self,
        app: App,
        *,
        on_ready: Callable[[str, int], None] | None = None,
        trusted_proxies: str | None = None,
    ) -> None:
        limits = app.limits
        super().__init__(
            uvicorn.Config(
                app,
                # Any: a factory is all that is called, the annotation wants a class
                http=cast(Any, partial(BoundedHttpProtocol, limits=limits, shedding=app.shedding)),
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

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # What lives now lives for good: the collector need not look at it again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        if self._on_ready is not None and sockets:
            host, port = sockets[0].getsockname()[:2]
            self._on_ready(host, port)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.calls.draining = True
        ending = asyncio.create_task(self._end_what_runs(), name="end-what-runs")
        try:
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
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ConfigurationError(
            f"cannot listen on {host}:{port}: {error.strerror or error}",
            hint=_LISTENING_HINTS.get(
                error.errno or 0, "is server.host one of this machine's own?"
            ),
        ) from error
    return listener
