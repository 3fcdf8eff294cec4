"""Events that live with their response in memory."""

from collections.abc import Sequence

from ...application.ports import EventLog, LoggedEvent
from ..stored.refusals import events_out_of_order
from .state import MemoryState


class MemoryEventLog(EventLog):
    def __init__(self, state: MemoryState) -> None:
        self._responses = state.responses

    async def append(self, tenant: str, response_id: str, events: Sequence[LoggedEvent]) -> bool:
        held = self._responses.get((tenant, response_id))
        if held is None or not held.runs:
            return False
        if events[0].number != len(held.events):
            raise events_out_of_order(events[0].number, len(held.events))
        held.events.extend(events)
        return True

    async def read(
        self, tenant: str, response_id: str, after: int, limit: int = 1000
    ) -> Sequence[LoggedEvent]:
        held = self._responses.get((tenant, response_id))
        first = max(after, -1) + 1
        return [] if held is None else held.events[first : first + limit]
