"""Use case: answer a request, streamed or whole, through the targets its model name stands for."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..domain.errors import ModelmuxError, UpstreamTimeout
from ..domain.events import ResponseFinished, StreamEvent
from ..domain.journal import Journal
from ..domain.request import GenerationRequest, Patience
from .faults import is_own_fault
from .filters.answer import WrappedAnswer
from .filters.failover import Failover
from .filters.hedging import Hedges, Hedging
from .plan import AttemptTerms
from .ports import Answer, Clock, LlmProvider, PriceBook
from .routing.order import Order
from .routing.router import Router


@dataclass(frozen=True, slots=True)
class Respond(LlmProvider):
    """Plans, opens the first target that answers, and settles journal and target at the end.

    Without `hedges` no route's targets are asked beside each other.
    """

    router: Router
    prices: PriceBook | None = None
    hedges: Hedges | None = None

    async def open(self, request: GenerationRequest) -> Answer:
        """Start the answer to a request whose model is the name the client used.

        Raises:
            ModelNotFound: nothing stands behind the name.
            UnsupportedFeature: no target can say the request.
            ProviderError: no target began to answer.
        """
        journal = request.journal
        journal.outcome = "failed"
        order = self.router.order(request)
        journal.route = order.plan.route
        terms = order.plan.terms
        opening = Failover(order) if terms.hedge_after_s is None else self._hedging(order)
        patience: Patience | None = None
        if terms.total_timeout_s is not None or terms.first_event_timeout_s is not None:
            patience = _patience(terms)
        try:
            if patience is None:
                answer = await opening.open(request)
            else:
                answer = await _open_within(patience, opening, request)
        except BaseException as error:
            journal.end_running()
            if isinstance(error, asyncio.CancelledError):
                journal.outcome = "cancelled"
            raise
        journal.outcome = "cancelled"  # until its end is seen
        if patience is not None and patience.deadline is not None:
            answer = _TimedAnswer(answer, patience.deadline)
        return _SettlingAnswer(answer, journal, self.router.clock, self.prices)

    def _hedging(self, order: Order) -> LlmProvider:
        after_s = order.plan.terms.hedge_after_s
        if after_s is None or self.hedges is None or len(order.targets) < 2:
            return Failover(order)
        return Hedging(order, after_s, self.hedges)


def _patience(terms: AttemptTerms) -> Patience:
    total_s = terms.total_timeout_s
    deadline = None if total_s is None else asyncio.get_running_loop().time() + total_s
    return Patience(terms.first_event_timeout_s, total_s, deadline)


async def _open_within(
    patience: Patience, opening: LlmProvider, request: GenerationRequest
) -> Answer:
    request = replace(request, patience=patience)
    try:
        async with asyncio.timeout_at(patience.deadline):
            return await opening.open(request)
    except TimeoutError:
        raise _too_long() from None


def _too_long() -> UpstreamTimeout:
    return UpstreamTimeout("The answer took longer than this model's route allows.", phase="total")


class _TimedAnswer(WrappedAnswer):
    """Breaks an answer off that is not at its end by `deadline`, of the loop's time."""

    __slots__ = ("_deadline",)

    def __init__(self, inner: Answer, deadline: float) -> None:
        super().__init__(inner)
        self._deadline = deadline

    async def read(self) -> Sequence[StreamEvent]:
        try:
            async with asyncio.timeout_at(self._deadline):
                return await self._inner.read()
        except TimeoutError:
            raise _too_long() from None


class _SettlingAnswer(WrappedAnswer):
    """Writes into the journal how the answer ended and what it used."""

    __slots__ = ("_clock", "_journal", "_prices")

    def __init__(
        self, inner: Answer, journal: Journal, clock: Clock, prices: PriceBook | None
    ) -> None:
        super().__init__(inner)
        self._journal = journal
        self._clock = clock
        self._prices = prices

    async def read(self) -> Sequence[StreamEvent]:
        try:
            events = await self._inner.read()
        except ModelmuxError as error:
            self._journal.outcome = "cut"
            self._journal.end_running(self._clock.monotonic() if _is_ill(error) else None)
            raise
        if events and type(last := events[-1]) is ResponseFinished:
            journal = self._journal
            journal.outcome = "finished"
            journal.usage = last.usage
            journal.reasons = last.reasons
            if last.usage is not None and self._prices is not None:
                price = self._prices.price(journal.provider, journal.model)
                journal.cost = None if price is None else price.cost(last.usage)
        return events

    async def aclose(self) -> None:
        try:
            await self._inner.aclose()
        finally:
            if self._journal.running is not None:
                self._journal.end_running()


def _is_ill(error: ModelmuxError) -> bool:
    """Whether a cut is the target's doing: a route's own limit is none of it."""
    is_ours = isinstance(error, UpstreamTimeout) and error.phase == "total"
    return is_own_fault(error) and not is_ours
