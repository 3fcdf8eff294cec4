"""Retrying: asks one target again, before its first event, when a moment may mend it."""

from collections.abc import Callable
from dataclasses import dataclass

from ...domain.errors import ProviderError, TargetResting, UpstreamTimeout
from ...domain.request import GenerationRequest
from ..ports import Answer, Clock, LlmProvider
from ..retry_budget import RetryBudget
from ..targets import TargetStates

# A wait for exactly as long as the target asked is not for nothing, whatever sums of floats say.
_ALMOST_S = 0.005


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`retries` further attempts after the first, spaced by exponential back-off with full jitter.

    An upstream that asks for more than `longest_wait_s` is not waited for: the caller, or the
    next target, does better.
    """

    retries: int = 2
    first_wait_s: float = 0.25
    longest_wait_s: float = 8.0


@dataclass(frozen=True, slots=True)
class Retrying(LlmProvider):
    """`jitter` gives a number from 0 up to 1 at each call; every retry is paid from `budget`."""

    inner: LlmProvider
    clock: Clock
    jitter: Callable[[], float]
    budget: RetryBudget
    states: TargetStates
    policy: RetryPolicy = RetryPolicy()

    async def open(self, request: GenerationRequest) -> Answer:
        self.budget.earn()
        try:
            return await self.inner.open(request)
        except ProviderError as error:
            # A second frame: what it keeps of a failure goes with it.
            return await self._again(request, error)

    async def _again(self, request: GenerationRequest, failure: ProviderError) -> Answer:
        try:
            for attempt in range(self.policy.retries):
                wait_s = self._wait_s(request, failure, attempt)
                if wait_s is None or self._will_rest(request.model, wait_s):
                    break
                if not self.budget.take():
                    break
                await self.clock.sleep(wait_s)
                try:
                    return await self.inner.open(request)
                except ProviderError as error:
                    if isinstance(error, TargetResting) and not _is_bound(request):
                        break  # what it said to us is what there is to tell
                    failure = error
            raise failure
        finally:
            # An error's traceback holds this frame: kept here, each failed call would be a circle.
            del failure

    def _will_rest(self, model: str, wait_s: float) -> bool:
        """Whether the target would refuse the next attempt: then the wait would be for nothing."""
        state = self.states.known(self.budget.provider, model)
        if state is None:
            return False
        return state.refused_s(self.clock.monotonic()) > wait_s + _ALMOST_S

    def _wait_s(
        self, request: GenerationRequest, error: ProviderError, attempt: int
    ) -> float | None:
        """Return how long to wait before the next attempt, None for no further one."""
        retryable = error.retryable if error.should_retry is None else error.should_retry
        if not retryable or (isinstance(error, TargetResting) and not _is_bound(request)):
            return None
        if isinstance(error, UpstreamTimeout) and error.phase != "connect":
            # A target that was silent for minutes would be asked to be silent again.
            return None
        longest = self.policy.longest_wait_s
        if error.retry_after_s is not None:
            return error.retry_after_s if error.retry_after_s <= longest else None
        return min(self.policy.first_wait_s * 2.0**attempt, longest) * self.jitter()


def _is_bound(request: GenerationRequest) -> bool:
    """Whether the target has begun to answer other parts of the request: no other can go on."""
    return request.journal.running is not None
