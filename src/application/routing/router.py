"""Router: gives each request the order in which its plan's targets are tried."""

import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from ...domain.errors import Forbidden
from ...domain.request import GenerationRequest
from ..plan import PassedOver, Plan, Strategy, Target
from ..planning import Planner
from ..ports import Clock, PriceBook
from ..targets import Breaker, TargetStates
from .order import Order
from .sorting import Sorting
from .strategies import Chooser, Draw, Ordered, chooser

_log = logging.getLogger("modelmux.routing")
_ORDERED = Ordered()


@dataclass(frozen=True, slots=True)
class Router:
    """Asked once a request; a plan with nothing to decide costs next to nothing.

    Without `prices` none is known. `draw` returns random numbers, at least 0 and below 1.
    """

    planner: Planner
    states: TargetStates
    clock: Clock
    prices: PriceBook | None = None
    draw: Draw = random.random
    _choosers: dict[str, Chooser] = field(default_factory=dict[str, Chooser])

    def order(self, request: GenerationRequest, *, tell: bool = False) -> Order:
        """Return what to try for a request whose model is the name the client used.

        `tell` has reasons told; where routing is logged they are in the journal too.

        Raises:
            ModelNotFound: nothing stands behind it.
            Forbidden: a rule refuses the request, or rules leave no target for it.
        """
        plan = self.planner.plan(request.model)
        logged = _log.isEnabledFor(logging.DEBUG)
        if not (tell or logged) and plan.is_plain and self._none_rests(plan):
            return Order(plan, plan.every_target)
        order = self._decide(plan, request, tell=tell or logged)
        if logged:
            request.journal.choice = tuple(order.sentences())
        return order

    def _none_rests(self, plan: Plan) -> bool:
        """Return whether all behind a plan may be asked; who is alone is asked in any case."""
        if len(plan.targets) == 1 and not plan.fallbacks:
            return True
        known = self.states.known
        for target in plan.every_target:
            state = known(target.provider.name, target.model)
            if state is not None and (
                state.breaker is not Breaker.CLOSED
                or (state.resting_until and state.resting_until > self.clock.monotonic())
            ):
                return False
        return True

    def _decide(self, plan: Plan, request: GenerationRequest, *, tell: bool) -> Order:
        now = self.clock.monotonic()
        tiers: Sequence[Sequence[Target]] = (plan.targets,)
        notes: list[str] = []
        passed: list[PassedOver] = []
        seen: set[str] = set()
        # Rules lead in no circle, which is checked with the configuration; a name met again is
        # taken as if it had none.
        while plan.rules is not None and plan.route not in seen:
            seen.add(plan.route)
            ruled = plan.rules.apply(request, plan.targets, self.states, now)
            notes += ruled.reasons
            if ruled.refusal is not None:
                raise Forbidden(ruled.refusal)
            if ruled.route is None:
                tiers = ruled.tiers
                passed += ruled.passed_over
                break
            plan = self.planner.plan(ruled.route)
            tiers = (plan.targets,)
        sorting = Sorting(plan, self._chooser(plan), self.states, request, now, notes, passed)
        return sorting.sort(tiers, tell=tell)

    def _chooser(self, plan: Plan) -> Chooser:
        """Return what carries out a plan's strategy; it remembers whose turn it was."""
        if plan.strategy is Strategy.ORDERED:
            return _ORDERED
        known = self._choosers.get(plan.route)
        if known is None:
            known = chooser(plan.strategy, self.states, self.prices, self.draw)
            self._choosers[plan.route] = known
        return known
