"""Targets behind one route, each in the filters that attempts go through in life."""

from collections.abc import Sequence

from modelmux.adapters.memory.clock import LeapingClock
from modelmux.adapters.memory.observer import RecordingObserver
from modelmux.application.filters.attempting import Attempting
from modelmux.application.filters.hedging import Hedges
from modelmux.application.filters.retrying import Retrying, RetryPolicy
from modelmux.application.plan import AttemptTerms
from modelmux.application.planning import Planner, RouteSpec, TargetSpec
from modelmux.application.ports import Clock, Event, LlmProvider
from modelmux.application.respond import Respond
from modelmux.application.retry_budget import RetryBudgets
from modelmux.application.routing.router import Router
from modelmux.application.targets import BreakerPolicy, BreakerTerms, TargetState, TargetStates
from tests.support.asking import entry

NO_RETRIES = RetryPolicy(retries=0)
NO_BREAKER = BreakerPolicy(enabled=False)


class AttemptHouse:
    """Providers `a`, `b`, ... with one model each, all behind the route `r` in that order."""

    def __init__(
        self,
        *adapters: LlmProvider,
        terms: AttemptTerms | None = None,
        policy: RetryPolicy | None = None,
        breaker: BreakerPolicy = NO_BREAKER,
        first_event_timeout_s: float | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.leaping = LeapingClock()
        self.clock = clock or self.leaping
        self.observer = RecordingObserver()
        self.states = TargetStates(BreakerTerms(breaker, float, self.observer), self.clock)
        self.budgets = RetryBudgets(observer=self.observer)
        self._policy = policy or RetryPolicy()
        self._limit_s = first_event_timeout_s
        names = "abcdefgh"[: len(adapters)]
        planner = Planner(
            [
                entry(name, self._filtered(name, one))
                for name, one in zip(names, adapters, strict=True)
            ],
            [
                RouteSpec(
                    "r",
                    tuple(TargetSpec(name, "x") for name in names),
                    terms=terms or AttemptTerms(),
                )
            ],
        )
        router = Router(planner, self.states, self.clock)
        self.respond = Respond(router, hedges=Hedges(self.budgets, self.observer))

    def state(self, name: str) -> TargetState:
        return self.states.of(name, "x")

    def counted(self, event: Event) -> Sequence[tuple[str, ...]]:
        return [labels for one, labels in self.observer.counted if one is event]

    def nothing_runs(self) -> bool:
        return all(state.in_flight == 0 and not state.trying for state in self.states)

    def _filtered(self, name: str, adapter: LlmProvider) -> LlmProvider:
        attempted = Attempting(adapter, name, self.clock, self.observer, self.states, self._limit_s)
        budget = self.budgets.of(name)
        return Retrying(attempted, self.clock, lambda: 1.0, budget, self.states, self._policy)
