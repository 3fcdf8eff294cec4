"""Use case: answer a request, streamed or whole, through the targets its model name stands for."""

from asyncio import CancelledError
from collections.abc import Sequence
from dataclasses import dataclass

from ..domain.errors import ModelmuxError
from ..domain.events import ResponseFinished, StreamEvent
from ..domain.journal import Journal
from ..domain.request import GenerationRequest
from .filters.answer import WrappedAnswer
from .filters.failover import Failover
from .ports import Answer, LlmProvider, PriceBook
from .routing.router import Router


@dataclass(frozen=True, slots=True)
class Respond(LlmProvider):
    """Plans, opens the first target that answers, and settles the journal at the end."""

    router: Router
    prices: PriceBook | None = None

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
        try:
            answer = await Failover(order).open(request)
        except CancelledError:
            journal.outcome = "cancelled"
            raise
        journal.outcome = "cancelled"  # until its end is seen
        return _SettlingAnswer(answer, journal, self.prices)


class _SettlingAnswer(WrappedAnswer):
    """Writes into the journal how the answer ended and what it used."""

    __slots__ = ("_journal", "_prices")

    def __init__(self, inner: Answer, journal: Journal, prices: PriceBook | None) -> None:
        super().__init__(inner)
        self._journal = journal
        self._prices = prices

    async def read(self) -> Sequence[StreamEvent]:
        try:
            events = await self._inner.read()
        except ModelmuxError:
            self._journal.outcome = "cut"
            raise
        if events and isinstance(last := events[-1], ResponseFinished):
            journal = self._journal
            journal.outcome = "finished"
            journal.usage = last.usage
            journal.reasons = last.reasons
            if last.usage is not None and self._prices is not None:
                price = self._prices.price(journal.provider, journal.model)
                journal.cost = None if price is None else price.cost(last.usage)
        return events
