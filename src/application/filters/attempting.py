"""Attempting: asks a target if its state lets it, notes how that went, and tells the observer."""

import asyncio
from dataclasses import dataclass

from ...domain.errors import ModelmuxError, UpstreamTimeout
from ...domain.request import GenerationRequest
from ..ports import Answer, Clock, LlmProvider, Observer
from ..targets import Attempt, TargetStates

# The loop's timers may fire a little before their time.
_EARLY_S = 0.005


@dataclass(frozen=True, slots=True)
class Attempting(LlmProvider):
    """Stands around the adapter itself, so that every attempt is one call of its `open`.

    `first_event_timeout_s` None leaves that to the adapter's own limits, and costs nothing.
    """

    inner: LlmProvider
    provider: str
    clock: Clock
    observer: Observer
    states: TargetStates
    first_event_timeout_s: float | None = None

    async def open(self, request: GenerationRequest) -> Answer:
        journal, model = request.journal, request.model
        began_at = self.clock.monotonic()
        attempt = self.states.of(self.provider, model).admit(began_at)
        journal.provider = self.provider
        journal.model = model
        journal.attempts += 1
        patience = request.patience
        limit_s = self.first_event_timeout_s
        if patience is not None and patience.first_event_s is not None:
            limit_s = patience.first_event_s
        try:
            if limit_s is None:
                answer = await self.inner.open(request)
            else:
                answer = await self._begun_within(limit_s, request)
        except BaseException as error:
            self._note_failure(error, attempt, request, began_at)
            raise
        now = self.clock.monotonic()
        attempt.began(now, journal)
        self.observer.attempt_settled(request, now - began_at, None)
        return answer

    async def _begun_within(self, limit_s: float, request: GenerationRequest) -> Answer:
        try:
            async with asyncio.timeout(limit_s):
                return await self.inner.open(request)
        except TimeoutError:
            raise UpstreamTimeout(
                "The upstream did not begin to answer in time.",
                phase="first_event",
                provider=self.provider,
            ) from None

    def _note_failure(
        self,
        error: BaseException,
        attempt: Attempt,
        request: GenerationRequest,
        began_at: float,
    ) -> None:
        now = self.clock.monotonic()
        if isinstance(error, ModelmuxError):
            attempt.failed(error, now)
            self.observer.attempt_settled(request, now - began_at, error)
        elif isinstance(error, asyncio.CancelledError) and _used_up(request, now - began_at):
            late = UpstreamTimeout(
                "The upstream took too long in all.", phase="total", provider=self.provider
            )
            attempt.failed(late, now)
            self.observer.attempt_settled(request, now - began_at, late)
        else:
            attempt.abandoned()


def _used_up(request: GenerationRequest, took_s: float) -> bool:
    """Whether it was the request's own deadline that ended an attempt which had most of its time.

    One that was asked last, when others had used up the time, is not to be blamed for it.
    """
    patience = request.patience
    if patience is None or patience.deadline is None or patience.total_s is None:
        return False
    is_over = asyncio.get_running_loop().time() >= patience.deadline - _EARLY_S
    return is_over and took_s * 2 >= patience.total_s
