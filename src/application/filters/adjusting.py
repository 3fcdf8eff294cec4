"""Adjusting: fits each request to its target, by the route's policy, and says what it changed."""

from dataclasses import dataclass

from ...domain.deferred import Deferred
from ...domain.errors import InvalidRequest, UnsupportedFeature
from ...domain.request import GenerationRequest
from ..adjusting import adjust, ignored_members
from ..lanes import passes_unread, relays
from ..ports import Answer, LlmProvider
from ..reporting import record
from ..spelling import respell


@dataclass(frozen=True, slots=True)
class Adjusting(LlmProvider):
    """A request that needs no change keeps its lane; one that was changed is translated."""

    inner: LlmProvider

    async def open(self, request: GenerationRequest) -> Answer:
        if passes_unread(request):
            return await self.inner.open(request)
        asked = request.content.get()
        content, adjustments = adjust(asked, request.capabilities, request.model, request.dialect)
        moved = content.tools is not asked.tools
        changed = moved or content.items is not asked.items
        if adjustments or changed or not relays(request):
            record(request, (*adjustments, *ignored_members(asked)))
            request = request.translated(Deferred.of(content))
        try:
            return await self.inner.open(request)
        except (InvalidRequest, UnsupportedFeature) as error:
            if moved and error.param is not None and error.param.startswith("tools["):
                error.param = "tools"  # its place is not the caller's
            respell(error, request.dialect)
            raise
