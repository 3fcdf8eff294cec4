"""Use case: how the gateway and what stands behind it are."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from .plan import ProviderEntry
from .planning import Planner
from .ports import Clock, ProbeReport, Totals
from .store_guard import StoreGuard
from .targets import Breaker, TargetState, TargetStates

_MOST_TARGETS: Final = 64
"""Of each provider so many are told of, the busiest; callers may name ever new ones."""
_NO_TOTALS: Final = Totals()
_WORSE: Final = (Breaker.CLOSED, Breaker.HALF_OPEN, Breaker.OPEN)


@dataclass(frozen=True, slots=True)
class TargetHealth:
    """One model of a provider, as this process has seen it."""

    model: str
    breaker: Breaker
    resting_s: float
    first_event_s: float | None
    error_rate: float
    in_flight: int


@dataclass(frozen=True, slots=True)
class ProviderHealth:
    """`healthy` None: never asked, or not askable. `last_check` is seconds since the epoch.

    `breaker` is the worst of its targets'; `latency_s` is the mean time to first events, None
    before any. `private` is for who runs the gateway, never for callers.
    """

    name: str
    type: str
    healthy: bool | None = None
    detail: str = ""
    last_check: float | None = None
    private: str = ""
    breaker: Breaker = Breaker.CLOSED
    error_rate: float = 0.0
    latency_s: float | None = None
    targets: tuple[TargetHealth, ...] = ()

    def explain(self) -> str:
        """Return all that is known, for who runs the gateway."""
        told = self.detail or "cannot be asked"
        return f"{told} ({self.private})" if self.private else told


@dataclass(frozen=True, slots=True)
class HealthReport:
    """`status` is `ok`, or `degraded` when something behind the gateway is not well.

    `state_store` and `cache` are `up`, `down` or `off`.
    """

    status: str
    providers: tuple[ProviderHealth, ...]
    totals: Totals = _NO_TOTALS
    state_store: str = "off"
    cache: str = "off"


@dataclass(frozen=True, slots=True)
class _Probed:
    """What a probe said, and when: by the wall and by the steady clock."""

    report: ProbeReport
    now: float
    at: float


def off() -> str:
    """Return how what is not there is doing."""
    return "off"


@dataclass(slots=True)
class CheckHealth:
    """Tells what is known without asking anybody; `probe_all` and `probe` ask.

    What was learnt last counts: that a provider was asked, or that it answered a caller. A breaker
    that is open says that calls fail, whatever a probe was told: that asks for no answer of a
    model, and so does not close it either.
    """

    planner: Planner
    clock: Clock
    states: TargetStates = field(default_factory=TargetStates)
    totals: Callable[[], Totals] = Totals
    store: StoreGuard | None = None
    cache: Callable[[], str] = off
    _probed: dict[str, _Probed] = field(default_factory=dict[str, _Probed])

    def report(self) -> HealthReport:
        """Return the newest knowledge; cheap, no I/O."""
        providers = tuple(self._health(entry) for entry in self.planner.providers)
        state_store, cache = self.state_store(), self.cache()
        bad = "down" in (state_store, cache) or any(
            one.healthy is False or one.breaker is Breaker.OPEN for one in providers
        )
        return HealthReport(
            "degraded" if bad else "ok", providers, self.totals(), state_store, cache
        )

    def state_store(self) -> str:
        """Return `up` or `down`, `off` where there is none."""
        if self.store is None:
            return "off"
        return "up" if self.store.is_up else "down"

    def is_well(self, name: str) -> bool:
        """Return whether nothing bad is known of a provider."""
        return self._health(self._entry(name)).healthy is not False

    def is_any_usable(self) -> bool:
        """Return whether a call could be answered: some target neither rests nor is unwell."""
        providers = self.planner.providers
        return not providers or any(map(self._is_usable, providers))

    async def probe_all(self) -> HealthReport:
        """Ask every provider that can be asked, at once, and learn the models they serve."""
        await asyncio.gather(*(self._probe(entry) for entry in self.planner.providers))
        return self.report()

    async def probe(self, name: str, fresh_s: float) -> None:
        """Ask one provider; nobody need ask who answered a caller within `fresh_s`."""
        entry = self._entry(name)
        answered_at = _answered_at(self._states_of(entry))
        spared = answered_at is not None and self.clock.monotonic() - answered_at < fresh_s
        if not spared or self._tells_models(entry):
            await self._probe(entry)

    async def _probe(self, entry: ProviderEntry) -> None:
        if entry.probe is None:
            return
        report = await entry.probe.probe()
        at = self.clock.monotonic()
        self._probed[entry.name] = _Probed(report, self.clock.now(), at)
        self.states.probed(entry.name, at, healthy=report.healthy)
        if report.models and not entry.models:
            self.planner.learn(entry.name, report.models)

    def _tells_models(self, entry: ProviderEntry) -> bool:
        """Return whether what a provider serves is known of its probes alone."""
        probed = self._probed.get(entry.name)
        return probed is not None and bool(probed.report.models) and not entry.models

    def _health(self, entry: ProviderEntry) -> ProviderHealth:
        states = self._states_of(entry)
        health = self._known(entry, states)
        if not states:
            return health
        if all(state.breaker is Breaker.OPEN for state in states):
            health = replace(health, healthy=False, detail="calls to it failed again and again")
        now = self.clock.monotonic()
        attempts = sum(state.attempts for state in states) or 1
        errors = sum(state.recent_error_rate(now) * state.attempts for state in states)
        busiest = sorted(states, key=_attempts, reverse=True)[:_MOST_TARGETS]
        return replace(
            health,
            breaker=max((state.breaker for state in states), key=_WORSE.index),
            error_rate=errors / attempts,
            latency_s=_latency_s(states),
            targets=tuple(_target(state, now) for state in busiest),
        )

    def _known(self, entry: ProviderEntry, states: list[TargetState]) -> ProviderHealth:
        """Return what was seen last of a provider: a probe, or an answer."""
        health = ProviderHealth(entry.name, entry.type)
        probed, answered_at = self._probed.get(entry.name), _answered_at(states)
        if answered_at is not None and (probed is None or probed.at < answered_at):
            last_check = self.clock.now() - (self.clock.monotonic() - answered_at)
            return replace(health, healthy=True, detail="answers calls", last_check=last_check)
        if probed is None:
            return health
        report = probed.report
        return replace(
            health,
            healthy=report.healthy,
            detail=report.detail,
            last_check=probed.now,
            private=report.private,
        )

    def _is_usable(self, entry: ProviderEntry) -> bool:
        states = self._states_of(entry)
        probed = self._probed.get(entry.name)
        refused = probed is not None and probed.report.refused
        if self._known(entry, states).healthy is False and not refused:
            return False
        now = self.clock.monotonic()
        if not states or any(state.refused_s(now) <= 0.0 for state in states):
            return True
        tried = {state.model for state in states}
        return any(
            target.provider is entry and target.model not in tried
            for model in self.planner.models()
            for target in self.planner.plan(model.id).targets
        )

    def _entry(self, name: str) -> ProviderEntry:
        (entry,) = (one for one in self.planner.providers if one.name == name)
        return entry

    def _states_of(self, entry: ProviderEntry) -> list[TargetState]:
        return [state for state in self.states if state.provider == entry.name]


def _answered_at(states: list[TargetState]) -> float | None:
    times = [state.answered_at for state in states if state.answered_at is not None]
    return max(times, default=None)


def _attempts(state: TargetState) -> int:
    return state.attempts


def _latency_s(states: list[TargetState]) -> float | None:
    """Return the mean over targets, each by how often it was asked."""
    timed = [(it.first_event_s, it.attempts) for it in states if it.first_event_s is not None]
    weight = sum(count for _, count in timed)
    return sum(each_s * count for each_s, count in timed) / weight if weight else None


def _target(state: TargetState, now: float) -> TargetHealth:
    return TargetHealth(
        state.model,
        state.breaker,
        state.resting_s(now),
        state.first_event_s,
        state.recent_error_rate(now),
        state.in_flight,
    )
