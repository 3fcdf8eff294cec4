"""Events as a list beside the response, whose places are their numbers."""

from collections.abc import Sequence

from ...application.ports import EventLog, LoggedEvent
from ..stored.refusals import events_out_of_order
from .names import quoted
from .scripts import LOG
from .server import RedisServer

_KEPT = -2
_MOST = 2**53  # callers choose the number they ask after; Redis takes 64 bits


class RedisEventLog(EventLog):
    def __init__(self, server: RedisServer) -> None:
        self._server = server

    async def append(self, tenant: str, response_id: str, events: Sequence[LoggedEvent]) -> bool:
        first = events[0].number
        outcome: int = await self._server.run(
            LOG, quoted(tenant), quoted(response_id), first, *(event.frame for event in events)
        )
        if outcome >= 0:
            raise events_out_of_order(first, outcome)
        return outcome == _KEPT

    async def read(
        self, tenant: str, response_id: str, after: int, limit: int = 1000
    ) -> Sequence[LoggedEvent]:
        first = min(max(after, -1), _MOST) + 1
        key = f"{self._server.prefix}e:{quoted(tenant)}:{quoted(response_id)}"
        frames: list[bytes] = await self._server.command("LRANGE", key, first, first + limit - 1)
        return [LoggedEvent(number, frame) for number, frame in enumerate(frames, first)]
