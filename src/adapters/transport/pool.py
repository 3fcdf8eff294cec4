"""Connections by origin, kept while they may serve again. The pool never queues."""

import asyncio
from functools import partial

from .connection import Connection
from .dialling import Dialler
from .proxies import Proxy
from .settings import TransportSettings
from .url import Url

_CLOSE_S = 1.0
_DISTRUST_S = 30.0


class Origin:
    """One address: how its requests begin, and its idle connections, the last used at the end.

    An answer that nobody asked for may come a moment too late to be told from the next one. So
    where one was met, each call gets a connection of its own until `distrusted_until`.
    """

    __slots__ = ("distrusted_until", "idle", "own_headers", "proxy", "target_prefix", "url")

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
        self.distrusted_until = 0.0


class Pool:
    """Takes the connection used last, so that the surplus grows old and is closed."""

    __slots__ = ("_dialler", "_emptied", "_open", "_origins", "_settings", "_sweeper")

    def __init__(self, settings: TransportSettings, dialler: Dialler) -> None:
        self._settings = settings
        self._dialler = dialler
        self._origins: dict[tuple[str, str, int], Origin] = {}
        self._open: set[Connection] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._emptied: asyncio.Future[None] | None = None

    @property
    def open(self) -> int:
        """How many connections there are, whatever they do."""
        return len(self._open)

    @property
    def idle(self) -> int:
        """How many of them wait for use."""
        return sum(len(origin.idle) for origin in self._origins.values())

    def origin(self, url: Url) -> Origin:
        """Return the origin of `url`."""
        key = (url.scheme, url.host, url.port)
        origin = self._origins.get(key)
        if origin is None:
            origin = Origin(url, self._dialler.proxy_for(url))
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
            await self._dialler.dial(origin.url, origin.proxy, connection)
        except BaseException:
            connection.close()
            self._lost(origin, connection)
            raise
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

    def _put(self, origin: Origin, connection: Connection) -> None:
        if self._settings.keep_alive_s <= 0 or connection.idle_since < origin.distrusted_until:
            connection.close()
            return
        origin.idle.append(connection)
        if self._sweeper is None:
            loop = asyncio.get_running_loop()
            self._sweeper = loop.call_later(self._settings.keep_alive_s, self._sweep)

    def _lost(self, origin: Origin, connection: Connection) -> None:
        self._open.discard(connection)
        if connection.unasked:
            origin.distrusted_until = asyncio.get_running_loop().time() + _DISTRUST_S
            for idle in tuple(origin.idle):
                idle.close()
            origin.idle.clear()
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
