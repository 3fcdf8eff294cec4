"""Connections by origin, kept while they may serve again. The pool never queues."""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Sequence
from functools import partial
from typing import Protocol

from ...domain.errors import UpstreamTimeout, UpstreamUnreachable
from .connection import Connection
from .proxies import Proxy, ProxyRules
from .settings import TransportSettings
from .tls import tls_context
from .tunnel import open_tunnel
from .url import Url

_CLOSE_S = 1.0


class Origin:
    """One address: how it is dialled, how its requests begin, and its idle connections."""

    __slots__ = ("idle", "own_headers", "proxy", "target_prefix", "url")

    def __init__(self, url: Url, proxy: Proxy | None) -> None:
        self.url = url
        self.proxy = proxy
        self.target_prefix = ""
        # The answer's bytes are passed on and bounded as they come: never compressed.
        self.own_headers = (
            f" HTTP/1.1\r\nhost: {url.authority}\r\n"
            "accept-encoding: identity\r\nuser-agent: modelmux\r\n"
        )
        if proxy is not None and url.scheme == "http":
            self.target_prefix = f"http://{url.authority}"
            if proxy.authorization is not None:
                self.own_headers += f"proxy-authorization: {proxy.authorization}\r\n"
        self.idle: list[Connection] = []


class Resolve(Protocol):
    """Chooses the addresses that are dialled for a host, best first; may refuse by raising."""

    def __call__(self, host: str, port: int, /) -> Awaitable[Sequence[str]]: ...


class Pool:
    """Takes the connection used last, so that the surplus grows old and is closed."""

    __slots__ = ("_emptied", "_open", "_origins", "_rules", "_settings", "_sweeper")

    def __init__(
        self, settings: TransportSettings, rules: ProxyRules | None, resolve: Resolve | None
    ) -> None:
        self._settings = settings
        self._resolve = resolve
        self._rules = rules
        self._origins: dict[tuple[str, str, int], Origin] = {}
        self._open: set[Connection] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._emptied: asyncio.Future[None] | None = None

    def origin(self, url: Url) -> Origin:
        """Return the origin of `url`."""
        key = (url.scheme, url.host, url.port)
        origin = self._origins.get(key)
        if origin is None:
            proxy = self._rules.proxy_for(url) if self._rules is not None else None
            origin = Origin(url, proxy)
            if self._settings.keep_alive_s > 0:
                self._origins[key] = origin
        return origin

    def take(self, origin: Origin) -> Connection | None:
        """Return an idle connection that is open and quiet, if there is one."""
        idle = origin.idle
        if not idle:
            return None
        oldest = asyncio.get_running_loop().time() - self._settings.keep_alive_s
        while idle:
            connection = idle.pop()
            if connection.idle_since >= oldest and connection.is_quiet():
                return connection
            connection.close()
        return None

    async def connect(self, origin: Origin) -> Connection:
        """Return a new connection.

        Raises:
            UpstreamUnreachable: there is nobody, or nobody we trust.
            UpstreamTimeout: not within the time to connect.
        """
        if len(self._open) >= self._settings.max_connections:
            self._close_oldest_idle()
        loop = asyncio.get_running_loop()
        connection = Connection(
            self._settings, loop, partial(self._put, origin), partial(self._lost, origin)
        )
        self._open.add(connection)
        try:
            async with asyncio.timeout(self._settings.connect_timeout_s):
                await self._dial(loop, origin, connection)
        except BaseException as error:
            connection.close()
            self._lost(origin, connection)
            raise _explain(error) from error
        return connection

    async def aclose(self) -> None:
        """Close everything, and wait until it is closed."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        if not self._open:
            return
        self._emptied = asyncio.get_running_loop().create_future()
        for connection in tuple(self._open):
            connection.abort()
        await asyncio.wait([self._emptied], timeout=_CLOSE_S)

    async def _dial(
        self, loop: asyncio.AbstractEventLoop, origin: Origin, connection: Connection
    ) -> None:
        url, proxy = origin.url, origin.proxy
        context: ssl.SSLContext | None = None
        if url.scheme == "https":
            context = tls_context(self._settings.ca_file, self._settings.verify_tls)
        if proxy is None:
            addresses: Sequence[str] = (url.host,)
            if self._resolve is not None:
                addresses = await self._resolve(url.host, url.port)
            for address in addresses[:-1]:
                with contextlib.suppress(OSError):
                    return await _dial_address(loop, address, url, context, connection)
            await _dial_address(loop, addresses[-1], url, context, connection)
        elif context is None:
            await loop.create_connection(lambda: connection, proxy.host, proxy.port)
        else:
            tunnel = await open_tunnel(proxy, url.host, url.port)
            try:
                transport = await loop.start_tls(
                    tunnel, connection, context, server_hostname=url.host
                )
            except BaseException:
                tunnel.abort()
                raise
            if transport is None:
                raise ConnectionResetError("lost during the TLS handshake")
            connection.connection_made(transport)

    def _put(self, origin: Origin, connection: Connection) -> None:
        if self._settings.keep_alive_s <= 0:
            connection.close()
            return
        origin.idle.append(connection)
        if self._sweeper is None:
            loop = asyncio.get_running_loop()
            self._sweeper = loop.call_later(self._settings.keep_alive_s, self._sweep)

    def _lost(self, origin: Origin, connection: Connection) -> None:
        self._open.discard(connection)
        # Only an idle connection is in the list, and few are lost while idle.
        if connection in origin.idle:
            origin.idle.remove(connection)
        if not self._open and self._emptied is not None and not self._emptied.done():
            self._emptied.set_result(None)

    def _sweep(self) -> None:
        self._sweeper = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        remaining: list[float] = []
        for origin in self._origins.values():
            fresh = [
                one for one in origin.idle if one.idle_since + self._settings.keep_alive_s > now
            ]
            for connection in origin.idle[: len(origin.idle) - len(fresh)]:
                connection.close()
            origin.idle[:] = fresh
            if fresh:
                remaining.append(fresh[0].idle_since)
        if remaining:
            # Connections are put back in order of time, so the first of a list is its oldest.
            self._sweeper = loop.call_at(
                min(remaining) + self._settings.keep_alive_s + 0.01, self._sweep
            )

    def _close_oldest_idle(self) -> None:
        idle = [origin for origin in self._origins.values() if origin.idle]
        if idle:
            min(idle, key=lambda origin: origin.idle[0].idle_since).idle.pop(0).close()


async def _dial_address(
    loop: asyncio.AbstractEventLoop,
    address: str,
    url: Url,
    context: ssl.SSLContext | None,
    connection: Connection,
) -> None:
    await loop.create_connection(
        lambda: connection,
        address,
        url.port,
        ssl=context,
        server_hostname=url.host if context is not None else None,
    )


def _explain(error: BaseException) -> BaseException:
    """Return what a caller is told of a failed dialling; cancellation stays itself."""
    if isinstance(error, TimeoutError):
        return UpstreamTimeout("No connection to the upstream in time.", phase="connect")
    if isinstance(error, ssl.SSLCertVerificationError):
        return UpstreamUnreachable(
            "The upstream's certificate is not trusted.", detail=error.verify_message
        )
    if isinstance(error, OSError | UnicodeError):
        return UpstreamUnreachable(
            "The upstream cannot be reached.", detail=f"{type(error).__name__}: {error}"
        )
    return error
