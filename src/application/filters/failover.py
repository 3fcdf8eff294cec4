"""Failover: tries the targets of a plan in their order until one begins to answer."""

from dataclasses import dataclass

from ...domain.errors import (
    ModelmuxError,
    OverloadError,
    ProviderError,
    ShuttingDown,
    UnsupportedFeature,
)
from ...domain.request import GenerationRequest
from ..faults import condition_of, is_of_the_target, more_useful
from ..plan import Plan
from ..ports import Answer, LlmProvider
from ..routing.order import Order


@dataclass(frozen=True, slots=True)
class Failover(LlmProvider):
    """Answers through the first target of `order` that can and does.

    When none does, the failure that tells most is raised; when nothing failed because none can say
    the request, the first refusal is.
    """

    order: Order

    async def open(self, request: GenerationRequest) -> Answer:
        refusal: UnsupportedFeature | None = None
        failure: ModelmuxError | None = None
        journal = request.journal
        plan = self.order.plan
        try:
            for target in self.order.targets:
                if journal.running is not None:
                    # Of several calls for one request some had begun when one failed.
                    journal.end_running()
                journal.adjustments.clear()
                journal.told.clear()
                journal.relayed = False
                able = target.capabilities
                aimed = request.aimed(target.model, able, plan.policy, plan.schema_rules)
                try:
                    return await target.provider.llm.open(aimed)
                except UnsupportedFeature as error:
                    refusal = refusal or error
                except (ProviderError, OverloadError) as error:
                    if not another_may_do(error, plan):
                        raise
                    failure = more_useful(failure, error)
            raise failure or refusal or ValueError("a plan has at least one target")
        finally:
            # An error's traceback holds this frame: kept here, each failure would be a circle, also
            # where another target answers.
            del failure, refusal


def another_may_do(error: ModelmuxError, plan: Plan) -> bool:
    """Return whether the next target is asked after `error`, by what it is or by the route's word.

    `ShuttingDown` is about this process: no target of ours would take the request.
    """
    if isinstance(error, ShuttingDown):
        return False
    return is_of_the_target(error) or condition_of(error) in plan.terms.failover_on
