"""Metering: notes each attempt at an upstream, and tells the observer how it began."""

from dataclasses import dataclass

from ...domain.errors import ModelmuxError
from ...domain.request import GenerationRequest
from ..ports import Answer, Clock, LlmProvider, Observer


@dataclass(frozen=True, slots=True)
class Metering(LlmProvider):
    """Stands around the adapter itself, so that every attempt is one call of its `open`."""

    inner: LlmProvider
    provider: str
    clock: Clock
    observer: Observer

    async def open(self, request: GenerationRequest) -> Answer:
        journal = request.journal
        journal.provider = self.provider
        journal.model = request.model
        journal.attempts += 1
        began = self.clock.monotonic()
        try:
            answer = await self.inner.open(request)
        except ModelmuxError as error:
            self.observer.attempt_settled(request, self.clock.monotonic() - began, error)
            raise
        self.observer.attempt_settled(request, self.clock.monotonic() - began, None)
        return answer
