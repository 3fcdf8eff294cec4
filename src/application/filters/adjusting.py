"""Adjusting: fits each request to its target, by the route's policy, and says what it changed."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ...domain.adjustments import Adjustment, Policy
from ...domain.deferred import Deferred
from ...domain.dialect import Dialect
from ...domain.errors import UnsupportedFeature
from ...domain.request import GenerationRequest
from ..adjusting import adjust, ignored_members
from ..ports import Answer, LlmProvider

# There is nothing to fit in these, nor to fetch or to prove: they are relayed or refused.
ONLY_RELAYED = frozenset({Dialect.COMPLETIONS, Dialect.EMBEDDINGS})


def relays(request: GenerationRequest) -> bool:
    """Whether the target will be sent the caller's own body."""
    verbatim = request.verbatim
    return verbatim is not None and verbatim.dialect in request.capabilities.dialects


def passes_unread(request: GenerationRequest) -> bool:
    """Whether the caller's body needs no look on its way."""
    return request.dialect in ONLY_RELAYED or (
        relays(request) and not request.capabilities.restrictions
    )


def record(request: GenerationRequest, adjustments: Iterable[Adjustment]) -> None:
    """Note `adjustments` in the journal as the policy wants them told.

    Raises:
        UnsupportedFeature: the policy is to reject; names the first.
    """
    for adjustment in adjustments:
        if request.policy is Policy.REJECT:
            raise UnsupportedFeature(
                f"The model cannot take {adjustment.param!r} as asked ({adjustment.detail}), "
                "and this route rejects what it would have to change.",
                param=adjustment.param,
            )
        request.journal.adjustments.append(adjustment)
        if request.policy is Policy.WARN:
            request.journal.told.append(adjustment)


@dataclass(frozen=True, slots=True)
class Adjusting(LlmProvider):
    """A request that needs no change keeps its lane; one that was changed is translated."""

    inner: LlmProvider

    async def open(self, request: GenerationRequest) -> Answer:
        if passes_unread(request):
            return await self.inner.open(request)
        asked = request.content.get()
        content, adjustments = adjust(asked, request.capabilities, request.model)
        if adjustments or not relays(request):
            record(request, (*adjustments, *ignored_members(asked)))
            request = replace(request, content=Deferred.of(content), verbatim=None)
        return await self.inner.open(request)
