"""Use case: look at a response that is kept, or have it forgotten."""

from dataclasses import dataclass

from ..domain.turn import RUNNING, KeptItem, ResponseRecord
from .context import response_not_found
from .jobs import Jobs
from .outcomes import kept_input
from .paging import Page, PageRequest, page_of
from .ports import StateStore


@dataclass(frozen=True, slots=True)
class Recall:
    """What another tenant keeps is not there."""

    store: StateStore
    jobs: Jobs

    async def find(self, tenant: str, response_id: str) -> ResponseRecord:
        """Return a response, whatever its status.

        Raises:
            NotFound: there is none of that id.
        """
        record = await self.store.find(tenant, response_id)
        if record is None:
            raise response_not_found(response_id)
        return record

    async def forget(self, tenant: str, response_id: str) -> None:
        """Delete a response; one that runs is cancelled first.

        Raises:
            NotFound: there is none of that id, or another call has just deleted it.
        """
        record = await self.find(tenant, response_id)
        if record.background and record.status in RUNNING:
            await self.jobs.cancel(tenant, response_id)
        if not await self.store.forget(tenant, response_id):
            raise response_not_found(response_id)

    async def input_items(
        self, tenant: str, response_id: str, request: PageRequest
    ) -> Page[KeptItem]:
        """Return a page of a response's own input, without what it continues.

        Raises:
            NotFound: there is none of that id.
            InvalidRequest: no item has the id that the page shall begin after.
        """
        record = await self.find(tenant, response_id)
        return page_of(kept_input(record), request, lambda kept: kept.id)
