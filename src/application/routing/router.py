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
_MOST_PLAIN = 2048


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
    _plain: dict[str, Order] = field(default_factory=dict[str, Order])

    def order(self, request: GenerationRequest, *, tell: bool = False) -> Order:
        """Return what to try for a request whose model is the name the client used.

        `tell` has reasons told; where routing is logged they are in the journal too.

        Raises:
            ModelNotFound: nothing stands behind it.
            Forbidden: a rule refuses the request, or rules leave no target for it.
        """
        plan = self.planner.plan(request.model)
        logged = _log.isEnabledFor(logging.DEBUG)
        if not (tell or logged) and self._none_rests(plan):
            quick = self._as_it_stands(plan) or self._by_strategy_alone(plan, request)
            if quick is not None:
                return quick
        order = self._decide(plan, request, tell=tell or logged)
        if logged:
            request.journal.choice = tuple(order.sentences())
        return order

    def allowed(self, plan: Plan, request: GenerationRequest) -> tuple[Plan, Sequence[Target]]:
        """Return the plan that rules lead to, and what they leave of its targets and fallbacks.

        No turn is taken.

        Raises:
            ModelNotFound: a rule leads to a name behind which nothing stands.
            Forbidden: a rule refuses the request.
        """
        plan, tiers = self._rule(plan, request, self.clock.monotonic(), [], [])
        return plan, [target for tier in tiers for target in tier]

    def _as_it_stands(self, plan: Plan) -> Order | None:
        """Return the order of a plan with nothing to decide, made once; None for other plans."""
        known = self._plain.get(plan.route)
        if known is None or known.plan is not plan:
            if not plan.is_plain:
                return None
            if len(self._plain) >= _MOST_PLAIN:
                self._plain.clear()  # callers bring ever new names where a provider takes any
            known = self._plain[plan.route] = Order(plan, plan.every_target)
        return known

    def _by_strategy_alone(self, plan: Plan, request: GenerationRequest) -> Order | None:
        """Return the order of a plan where nothing else has a say; None for other plans."""
        if plan.rules is not None or plan.affinity is not None:
            return None
        if not all(target.weight for target in plan.targets):
            return None
        ordered = self._chooser(plan).order(plan.targets, request.size_bytes)
        return Order(plan, (*ordered, *plan.fallbacks))

    def _none_rests(self, plan: Plan) -> bool:
        """Return whether all behind a plan may be asked; who is alone is asked in any case."""
        if len(plan.targets) == 1 and not plan.fallbacks:
            return True
        known = self.states.known
        for target in plan.every_target:
            state = known(target.provider.name, target.model)
            if (
                state is not None
                and (state.resting_until or state.breaker is not Breaker.CLOSED)
                and state.refused_s(self.clock.monotonic())
            ):
                return False
        return True

    def _decide(self, plan: Plan, request: GenerationRequest, *, tell: bool) -> Order:
        now = self.clock.monotonic()
        notes: list[str] = []
        passed: list[PassedOver] = []
        plan, tiers = self._rule(plan, request, now, notes, passed)
        sorting = Sorting(plan, self._chooser(plan), self.states, request, now, notes, passed)
        return sorting.sort(tiers, tell=tell)

    def _rule(
        self,
        plan: Plan,
        request: GenerationRequest,
        now: float,
        notes: list[str],
        passed: list[PassedOver],
    ) -> tuple[Plan, Sequence[Sequence[Target]]]:
        seen: set[str] = set()
        # Rules lead in no circle, which is checked with the configuration; a name met again is
        # taken as if it had none.
        while plan.rules is not None and plan.route not in seen:
            seen.add(plan.route)
            # What a rule keeps from a target it keeps from those of fallbacks too.
            ruled = plan.rules.apply(request, plan.every_target, self.states, now)
            notes += ruled.reasons
            if ruled.refusal is not None:
                raise Forbidden(ruled.refusal, detail="; ".join(notes))
            if ruled.route is None:
                passed += ruled.passed_over
                return plan, ruled.tiers
            plan = self.planner.plan(ruled.route)
        return plan, (plan.every_target,)

    def _chooser(self, plan: Plan) -> Chooser:
        """Return what carries out a plan's strategy; it remembers whose turn it was."""
        if plan.strategy is Strategy.ORDERED:
            return _ORDERED
        known = self._choosers.get(plan.route)
        if known is None:
            known = chooser(plan.strategy, self.states, self.clock, self.prices, self.draw)
            self._choosers[plan.route] = known
        return known
