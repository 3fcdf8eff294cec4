"""Leases by the clock of the Redis server, the one that all machines share."""

from collections.abc import Collection

from ...application.ports import LeaseKey, Leases
from .names import quoted
from .scripts import RELEASE, RENEW
from .server import RedisServer


class RedisLeases(Leases):
    def __init__(self, server: RedisServer) -> None:
        self._server = server

    async def take(self, key: LeaseKey, holder: str, ttl_s: float) -> bool:
        name = f"{self._server.prefix}l:{_name(key)}"
        return await self._server.command("SET", name, holder, "NX", "PX", _ms(ttl_s)) is not None

    async def renew(
        self, keys: Collection[LeaseKey], holder: str, ttl_s: float
    ) -> Collection[LeaseKey]:
        asked = [*keys]
        if not asked:
            return []
        held: list[int] = await self._server.run(
            RENEW, holder, _ms(ttl_s), *(_name(key) for key in asked)
        )
        return [asked[number] for number in held]

    async def release(self, key: LeaseKey, holder: str) -> None:
        await self._server.run(RELEASE, holder, _name(key))


def _name(key: LeaseKey) -> str:
    return f"{quoted(key.tenant)}:{quoted(key.subject)}"


def _ms(ttl_s: float) -> int:
    return max(1, round(ttl_s * 1000))
