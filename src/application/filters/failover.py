"""Failover: tries the targets of a plan in their order until one begins to answer."""

from dataclasses import dataclass

from ...domain.errors import (
    ModelmuxError,
    ProviderError,
    QuotaExhausted,
    TooManyWaiting,
    UnsupportedFeature,
    UpstreamAuthFailed,
)
from ...domain.request import GenerationRequest
from ..ports import Answer, LlmProvider
from ..routing.order import Order


@dataclass(frozen=True, slots=True)
class Failover(LlmProvider):
    """Answers through the first target of `order` that can and does.

    When none does, the last upstream failure is raised; when no upstream was reached because
    none can say the request, the first refusal is.
    """

    order: Order

    async def open(self, request: GenerationRequest) -> Answer:
        refusal: UnsupportedFeature | None = None
        failure: ModelmuxError | None = None
        journal = request.journal
        plan = self.order.plan
        for target in self.order.targets:
            journal.adjustments.clear()
            journal.told.clear()
            journal.relayed = False
            aimed = request.aimed(target.model, target.capabilities, plan.policy, plan.schema_rules)
            try:
                return await target.provider.llm.open(aimed)
            except UnsupportedFeature as error:
                refusal = refusal or error
            except (ProviderError, TooManyWaiting) as error:
                if not _another_may_do(error):
                    raise
                failure = error
        try:
            raise failure or refusal or ValueError("a plan has at least one target")
        finally:
            # An error's traceback holds this frame: kept here, each failed call would be a circle.
            del failure, refusal


def _another_may_do(error: ModelmuxError) -> bool:
    """Whether the trouble is this target's own and not the request's."""
    return error.retryable or isinstance(error, UpstreamAuthFailed | QuotaExhausted)
