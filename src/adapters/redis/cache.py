"""Answers that all machines share, each gone at its own time.

A cache must cost less than it spares: a server that does not answer in a tenth of a second is left
alone, and asked beside the requests whether it is there again. Until then everything is a miss.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from typing import Final

from redis.exceptions import ResponseError

from ...application.ports import (
    Cache,
    CachedAnswer,
    CacheKey,
    Clock,
    Event,
    Gauge,
    Observer,
    Reading,
)
from ...domain.errors import StoreError
from ...domain.secret import Secret
from ..stored.answers import decode_answer, encode_answer
from .names import quoted
from .server import RedisServer

TIMEOUT_S: Final = 0.1
# A first connection may cross machines and shake hands for TLS.
_CONNECT_S: Final = 0.25
_PROBE_EVERY_S: Final = 1.0
_PROBE_S: Final = 0.5
_STEP: Final = 1000
_STORE: Final = "cache"

_log = logging.getLogger("modelmux.cache")


def cache_server(url: Secret, prefix: str = "modelmux") -> RedisServer:
    """Return a server that is not waited for; whoever makes it closes it.

    Raises:
        ConfigurationError: `url` is not the address of a Redis server.
    """
    return RedisServer(url, prefix, timeout_s=TIMEOUT_S, connect_s=_CONNECT_S)


class RedisCache(Cache):
    """Whoever makes it closes it. Limits of memory are the server's own: set its `maxmemory`."""

    def __init__(
        self,
        server: RedisServer,
        clock: Clock,
        observer: Observer,
        *,
        max_answer_bytes: int = 2**20,
    ) -> None:
        self._server = server
        self._clock = clock
        self._observer = observer
        self._max_answer_bytes = max_answer_bytes
        self._down = False
        self._probing: asyncio.Task[None] | None = None

    def readings(self) -> Iterable[Reading]:
        """Return whether the server answers; what it holds is told by itself."""
        return (Reading(Gauge.STORE_UP, float(not self._down), (_STORE,)),)

    async def get(self, key: CacheKey) -> CachedAnswer | None:
        if self._down:
            return None
        try:
            value: bytes | None = await self._server.command("GET", self._name(key))
        except StoreError as error:
            self._failed(error)
            return None
        return None if value is None else decode_answer(value)

    async def put(self, key: CacheKey, answer: CachedAnswer, ttl_s: float) -> bool:
        if self._down:
            return False
        value = encode_answer(answer)
        if value is None or len(value) > self._max_answer_bytes:
            return False
        try:
            await self._server.command(
                "SET", self._name(key), value, "PX", max(1, round(ttl_s * 1000))
            )
        except StoreError as error:
            # A server that says no, such as for want of memory, still gives what it has.
            if not isinstance(error.__cause__, ResponseError):
                self._failed(error)
            return False
        return True

    async def purge(self, tenant: str | None = None, routes: Sequence[str] = ()) -> int:
        # Quoted names hold none of the letters that patterns give a meaning.
        whose = "*" if tenant is None else quoted(tenant)
        forgotten = 0
        for route in [quoted(route) for route in routes] or ["*"]:
            pattern = f"{self._server.prefix}a:{whose}:{route}:*"
            cursor: bytes | str = "0"
            while True:
                cursor, names = await self._server.command(
                    "SCAN", cursor, "MATCH", pattern, "COUNT", _STEP
                )
                if names:
                    gone: int = await self._server.command("UNLINK", *names)
                    forgotten += gone
                if int(cursor) == 0:
                    break
        return forgotten

    async def aclose(self) -> None:
        """End the looking after the server. Idempotent."""
        probing, self._probing = self._probing, None
        if probing is not None:
            probing.cancel()
            await asyncio.wait((probing,))

    def _name(self, key: CacheKey) -> str:
        prefix = self._server.prefix
        return f"{prefix}a:{quoted(key.tenant)}:{quoted(key.route)}:{key.digest.hex()}"

    def _failed(self, error: StoreError) -> None:
        if self._down:
            return  # others had asked at the same moment
        self._down = True
        _log.warning("cache_down", extra={"reason": error.detail or error.message})
        self._observer.count(Event.STORE, _STORE, "failed")
        self._probing = asyncio.create_task(self._look_after())

    async def _look_after(self) -> None:
        while self._down:
            await self._clock.sleep(_PROBE_EVERY_S)
            try:
                async with asyncio.timeout(_PROBE_S):
                    await self._server.command("PING")
            except (StoreError, TimeoutError):
                continue
            self._down = False
            _log.info("cache_up_again")
            self._observer.count(Event.STORE, _STORE, "back")
