"""Hedging: where the first target is slow to begin, asks the next one beside it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from ...domain.errors import ModelmuxError, OverloadError, ProviderError, UnsupportedFeature
from ...domain.events import StreamEvent
from ...domain.journal import Journal, Running
from ...domain.request import GenerationRequest
from ..faults import more_useful
from ..ports import Answer, Event, LlmProvider, Observer
from ..retry_budget import RetryBudgets
from ..routing.order import Order
from .answer import WrappedAnswer
from .failover import Failover, another_may_do

_FAILURES: Final = (ProviderError, OverloadError, UnsupportedFeature)


@dataclass(frozen=True, slots=True)
class Hedges:
    """What hedging needs: who pays for a further call, and who is told."""

    budgets: RetryBudgets
    observer: Observer


@dataclass(frozen=True, slots=True)
class Hedging(LlmProvider):
    """Does what failover does; `after_s` without a beginning counts as a reason to go on, too.

    The first to begin wins; the other is cancelled, waited for and closed before its answer is
    passed on. There are never more than two at once. `order` has two targets or more.
    """

    order: Order
    after_s: float
    hedges: Hedges

    async def open(self, request: GenerationRequest) -> Answer:
        order = self.order
        first = _Arm(replace(order, targets=order.targets[:1]), request)
        rest = _Arm(replace(order, targets=order.targets[1:]), request)
        try:
            winner = await self._race(first, rest)
            loser = rest if winner is first else first
            await loser.stop()
            return _HedgedAnswer(winner.answer(), winner.journal, request.journal, loser.journal)
        except BaseException:
            try:
                await first.stop()
            finally:
                await rest.stop()
            last = rest.journal if rest.journal.provider else first.journal
            other = first.journal if last is rest.journal else rest.journal
            _tell(last, request.journal, other.attempts)
            raise

    async def _race(self, first: "_Arm", rest: "_Arm") -> "_Arm":
        """Return whichever has begun to answer, the first if both have.

        Raises:
            ModelmuxError: as failover would.
        """
        plan = self.order.plan
        await first.run(self.after_s)
        hedged = first.runs and self.hedges.budgets.of(self.order.targets[1].provider.name).take()
        if hedged:
            self.hedges.observer.count(Event.HEDGE, plan.route, "started")
        while True:
            if first.has_begun:
                return first
            self._raise_what_is_final(first, rest)
            if rest.has_begun:
                if hedged:
                    self.hedges.observer.count(Event.HEDGE, plan.route, "won")
                return rest
            if hedged or not first.runs:
                rest.start()
            # In no variable: a failed task holds its error, whose traceback may hold this frame.
            await asyncio.wait(
                [arm.task for arm in (first, rest) if arm.task is not None and arm.runs],
                return_when=asyncio.FIRST_COMPLETED,
            )

    def _raise_what_is_final(self, first: "_Arm", rest: "_Arm") -> None:
        """Raise if no target is to be asked or waited for any more."""
        failure, later = first.failure, rest.failure
        try:
            if failure is None:
                return
            if not isinstance(failure, UnsupportedFeature) and not another_may_do(
                failure, self.order.plan
            ):
                raise failure
            if later is not None:
                raise _told(failure, later)
        finally:
            # An error's traceback holds this frame: kept here, each failed call would be a circle.
            del failure, later


def _told(first: ModelmuxError, rest: ModelmuxError) -> ModelmuxError:
    if isinstance(rest, UnsupportedFeature):
        return first
    return rest if isinstance(first, UnsupportedFeature) else more_useful(first, rest)


class _Arm:
    """One of the two ways to an answer; its journal is its own until it has won."""

    __slots__ = ("_opening", "_request", "journal", "task")

    def __init__(self, order: Order, request: GenerationRequest) -> None:
        self.journal = replace(
            request.journal, attempts=0, adjustments=[], told=[], running=None, provider=""
        )
        self._opening = Failover(order)
        self._request = replace(request, journal=self.journal)
        self.task: asyncio.Task[Answer] | None = None

    def start(self) -> None:
        """Begin, unless that is done."""
        if self.task is None:
            self.task = asyncio.create_task(self._opening.open(self._request))

    async def run(self, limit_s: float) -> None:
        """Begin, and return when it is decided or `limit_s` is over."""
        self.start()
        if self.task is not None:
            await asyncio.wait((self.task,), timeout=limit_s)

    @property
    def runs(self) -> bool:
        return self.task is not None and not self.task.done()

    @property
    def has_begun(self) -> bool:
        task = self.task
        return task is not None and task.done() and not task.cancelled() and not task.exception()

    @property
    def failure(self) -> ModelmuxError | None:
        """How it failed, None if it did not, yet.

        Raises:
            BaseException: it ended in a way that is nobody's failure.
        """
        if self.task is None or not self.task.done():
            return None
        error = self.task.exception()
        try:
            if error is not None and not isinstance(error, _FAILURES):
                raise error
            return error
        finally:
            del error  # its traceback holds this frame

    def answer(self) -> Answer:
        """Return the answer of an arm that has begun."""
        if self.task is None:
            raise RuntimeError("an arm that was not started has no answer")
        return self.task.result()

    async def stop(self) -> None:
        """End it: no task and no connection of its own is left."""
        task, self.task = self.task, None
        if task is None:
            return
        task.cancel()
        try:
            # Unlike `wait`, this waits for the task also when it is cancelled itself.
            await asyncio.gather(task, return_exceptions=True)
        finally:
            try:
                if not task.cancelled() and task.exception() is None:
                    await task.result().aclose()
            finally:
                self.journal.end_running()


class _HedgedAnswer(WrappedAnswer):
    """Keeps the caller's journal as its arm's is: filters inside go on to write there."""

    __slots__ = ("_others", "_own", "_told")

    def __init__(self, inner: Answer, own: Journal, told: Journal, loser: Journal) -> None:
        super().__init__(inner)
        self._own = own
        self._told = told
        self._others = told.attempts + loser.attempts
        _tell(own, told, loser.attempts)

    async def read(self) -> Sequence[StreamEvent]:
        try:
            return await self._inner.read()
        finally:
            self._told.attempts = self._others
            _tell(self._own, self._told, 0)

    async def aclose(self) -> None:
        try:
            await self._inner.aclose()
        finally:
            self._told.attempts = self._others
            _tell(self._own, self._told, 0)


def _tell(own: Journal, told: Journal, others: int) -> None:
    """Put into `told` what `own` says of its last attempt; `others` were made beside its own."""
    told.provider, told.model, told.relayed = own.provider, own.model, own.relayed
    told.attempts += own.attempts + others
    # The same lists: what is noted later is told too.
    told.adjustments, told.told = own.adjustments, own.told
    _hand_over(own, told)


def _hand_over(own: Journal, told: Journal) -> None:
    """What runs is ended with the caller's journal."""
    running: Running | None = own.running
    if running is None:
        return
    own.running = None
    oldest = running
    while oldest.before is not None:
        oldest = oldest.before
    oldest.before, told.running = told.running, running
