"""One Redis server as the stores see it: scripts that run whole, or StoreError."""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, final

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from ...application.store_breaker import StoreBreaker
from ...domain.errors import ConfigurationError, StoreError
from ...domain.secret import Secret

Argument: TypeAlias = bytes | str | int | float

# Any: what a command returns is the server's choice; each caller knows its own script.
Reply: TypeAlias = Any

_CONNECT_S = 2.0
_CONNECTIONS = 64
WITHIN_S = 2.0  # how long one asking may take where there is a breaker


class Script:
    """A piece of Lua, known to the server by its hash."""

    __slots__ = ("sha", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        # Not for safety: it is how Redis names scripts.
        self.sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


@final
class RedisServer:
    """A pool of connections, made on need. Whoever makes it closes it.

    All keys begin with `prefix`, so that several gateways may share a server. One server or a
    primary with replicas, not a cluster: a script touches a tenant's keys and those of all.

    Nothing is sent twice: a write whose answer was lost may have happened, so it fails instead.
    With a `breaker`, which it then owns, nobody waits longer than `within_s`, nor at all while the
    server is known to be gone.

    Raises:
        ConfigurationError: `url` is not the address of a Redis server.
    """

    def __init__(
        self,
        url: Secret,
        prefix: str = "modelmux",
        *,
        timeout_s: float = 5.0,
        connect_s: float = _CONNECT_S,
        connections: int = _CONNECTIONS,
        breaker: StoreBreaker | None = None,
    ) -> None:
        self.prefix = f"{prefix}:"
        self._breaker = breaker
        if breaker is not None:
            breaker.probe = self._ping
        try:
            # The library leaves untyped what it passes on.
            self._pool = BlockingConnectionPool.from_url(  # pyright: ignore[reportUnknownMemberType]
                url.reveal(),
                max_connections=connections,
                timeout=timeout_s,
                socket_timeout=timeout_s,
                socket_connect_timeout=connect_s,
                socket_keepalive=True,
                retry=Retry(NoBackoff(), 0),
                # The third protocol brings messages nobody asked for, and with them the client no
                # longer looks whether a connection still holds an answer somebody left behind.
                protocol=2,
            )
        except ValueError as error:
            raise ConfigurationError(
                "storage.redis_url is not the address of a Redis server",
                hint='it looks like "redis://redis.example.com:6379/0"',
            ) from error
        self._redis = Redis(connection_pool=self._pool)
        # The library gives this method no types.
        self._execute: Callable[..., Awaitable[Reply]] = self._redis.execute_command  # pyright: ignore[reportUnknownMemberType]

    async def run(self, script: Script, *arguments: Argument, within_s: float = WITHIN_S) -> Reply:
        """Run a script with `prefix` as its first argument.

        Raises:
            StoreError: the server does not answer in time, or refuses.
        """
        values = (0, self.prefix, *arguments)
        try:
            return await self._ask("EVALSHA", script.sha, *values, within_s=within_s)
        except NoScriptError:  # never seen by this server, or it has restarted
            return await self.command("EVAL", script.text, *values, within_s=within_s)
        except (RedisError, OSError) as error:
            raise _failed(error) from error

    async def command(self, *words: Argument, within_s: float = WITHIN_S) -> Reply:
        """Run one command.

        Raises:
            StoreError: the server does not answer in time, or refuses.
        """
        try:
            return await self._ask(*words, within_s=within_s)
        except (RedisError, OSError) as error:
            raise _failed(error) from error

    async def _ask(self, *words: Argument, within_s: float) -> Reply:
        breaker = self._breaker
        if breaker is None:
            return await self._execute(*words)
        try:
            async with breaker.asking(within_s):
                return await self._execute(*words)
        except RedisTimeoutError as error:
            breaker.failed(TimeoutError(str(error)))
            raise
        except (RedisConnectionError, OSError) as error:
            breaker.failed(error)
            raise

    async def _ping(self) -> None:
        try:
            await self._execute("PING")
        except RedisError as error:
            raise _failed(error) from error

    async def aclose(self) -> None:
        """Close all connections. Idempotent."""
        if self._breaker is not None:
            await self._breaker.aclose()
        await self._redis.aclose()
        await self._pool.aclose()


def _failed(error: Exception) -> StoreError:
    return StoreError("The store does not answer.", detail=f"{type(error).__name__}: {error}"[:500])
