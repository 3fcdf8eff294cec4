"""Tracing: names each attempt to its upstream, and notes it in the trace of the request."""

from collections.abc import Sequence
from dataclasses import dataclass

from ...domain.errors import ModelmuxError
from ...domain.events import ResponseFinished, StreamEvent
from ...domain.request import GenerationRequest
from ...domain.trace import TracedAttempt
from ..ports import TRACEPARENT, Answer, Clock, LlmProvider
from .answer import WrappedAnswer


@dataclass(frozen=True, slots=True)
class Tracing(LlmProvider):
    """Stands next to the adapter, and only where traces are configured.

    `names_calls`: upstreams are told the trace too.
    """

    inner: LlmProvider
    provider: str
    type: str
    clock: Clock
    names_calls: bool = True

    async def open(self, request: GenerationRequest) -> Answer:
        trace = request.journal.trace
        if trace is None:
            return await self.inner.open(request)
        span_id = trace.new_span_id()
        token = TRACEPARENT.set(trace.header(span_id) if self.names_calls else "")
        try:
            if not trace.told:
                return await self.inner.open(request)
            began_at = self.clock.monotonic()
            attempt = TracedAttempt(span_id, self.provider, self.type, request.model, began_at)
            trace.attempts.append(attempt)
            return await self._noted(request, attempt)
        finally:
            TRACEPARENT.reset(token)

    async def _noted(self, request: GenerationRequest, attempt: TracedAttempt) -> Answer:
        try:
            answer = await self.inner.open(request)
        except BaseException as error:
            attempt.ended_at = self.clock.monotonic()
            attempt.error = _name(error)
            raise
        attempt.first_event_at = self.clock.monotonic()
        return _TracedAnswer(answer, attempt, self.clock)


class _TracedAnswer(WrappedAnswer):
    """Notes how the answer ended, and when."""

    __slots__ = ("_attempt", "_clock")

    def __init__(self, inner: Answer, attempt: TracedAttempt, clock: Clock) -> None:
        super().__init__(inner)
        self._attempt = attempt
        self._clock = clock

    async def read(self) -> Sequence[StreamEvent]:
        attempt = self._attempt
        try:
            events = await self._inner.read()
        except BaseException as error:
            attempt.error = _name(error)
            raise
        if events and isinstance(last := events[-1], ResponseFinished):
            attempt.usage, attempt.reasons = last.usage, last.reasons
            attempt.ended_at = self._clock.monotonic()
        return events

    async def aclose(self) -> None:
        if self._attempt.ended_at is None:
            self._attempt.ended_at = self._clock.monotonic()
        await self._inner.aclose()


def _name(error: BaseException) -> str:
    return type(error).__name__ if isinstance(error, ModelmuxError) else "cancelled"
