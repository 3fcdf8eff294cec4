"""Sorting: one request's targets, once the rules of its route have had their say."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ...domain.errors import Forbidden
from ...domain.request import GenerationRequest
from ..plan import PassedOver, Plan, Strategy, Target
from ..targets import Breaker, TargetStates
from .affinity import rank, session_of
from .order import Order
from .strategies import Chooser


@dataclass(slots=True)
class Sorting:
    """Used once. `notes` and `passed` are what rules have told before."""

    plan: Plan
    choosing: Chooser
    states: TargetStates
    request: GenerationRequest
    now: float
    notes: list[str]
    passed: list[PassedOver]
    _targets: list[Target] = field(default_factory=list[Target])
    _reasons: list[str] = field(default_factory=list[str])

    def sort(self, tiers: Sequence[Sequence[Target]], *, tell: bool) -> Order:
        """Return the order; the tiers stay as rules have put them, but those of fallbacks are last.

        Affinity goes before the strategy. Who rests is not asked while another can be, and is
        taken out before anything is chosen: no turn and no draw falls on it.

        Raises:
            Forbidden: there is no target left.
        """
        session = self._session(tell=tell)
        size_bytes = self.request.size_bytes
        resting: list[Target] = []
        spare: list[Target] = []
        behind = {id(target) for target in self.plan.fallbacks}
        fallbacks: list[Target] = []
        for tier in tiers:
            awake = self._awake(tier, resting)
            if behind:
                fallbacks += [target for target in awake if id(target) in behind]
                awake = [target for target in awake if id(target) not in behind]
            weighs = self.plan.strategy is not Strategy.ORDERED or session is not None
            if weighs and not all(target.weight for target in awake):
                spare += [target for target in awake if not target.weight]
                awake = [target for target in awake if target.weight]
            if session is not None:
                self._add(rank(session, awake), "affinity: by the hash of its session", tell=tell)
            elif awake:
                ordered = self.choosing.order(awake, size_bytes)
                self._targets += ordered
                if tell:
                    self._reasons += [self.choosing.reason(one, size_bytes) for one in ordered]
        self._add(spare, "weight 0: only when no other can be asked", tell=tell)
        self._targets += fallbacks
        if tell:
            self._reasons += [target.reason for target in fallbacks]
        if not self._targets:
            resting.sort(key=self._refused_s)
            self._targets += resting
            if tell:
                self._reasons += [f"all rest: {self._why(one)}" for one in resting]
        elif tell:
            self.passed += [PassedOver(one, self._why(one)) for one in resting]
        if not self._targets:
            raise Forbidden(
                f"The rules of {self.plan.route!r} leave no target for this request.",
                detail="; ".join(f"{one.target.name}: {one.reason}" for one in self.passed),
            )
        targets, reasons = tuple(self._targets), tuple(self._reasons)
        return Order(self.plan, targets, reasons, tuple(self.passed), tuple(self.notes))

    def _session(self, *, tell: bool) -> bytes | None:
        affinity = self.plan.affinity
        if affinity is None:
            return None
        session = session_of(affinity, self.request)
        if tell:
            told = "nothing tells the session of this request" if session is None else "it decides"
            self.notes.append(f"affinity by {affinity.header or affinity.kind}: {told}")
        return session

    def _awake(self, targets: Iterable[Target], resting: list[Target]) -> list[Target]:
        """Return those that may be asked; the others go to `resting`."""
        awake: list[Target] = []
        known, now = self.states.known, self.now
        for target in targets:
            state = known(target.provider.name, target.model)
            (awake if state is None or not state.refused_s(now) else resting).append(target)
        return awake

    def _refused_s(self, target: Target) -> float:
        state = self.states.known(target.provider.name, target.model)
        return 0.0 if state is None else state.refused_s(self.now)

    def _why(self, target: Target) -> str:
        """Return why a target rests."""
        state = self.states.of(target.provider.name, target.model)
        if rest_s := state.resting_s(self.now):
            if state.breaker is Breaker.OPEN:
                return f"its breaker is open for {rest_s:.1f} s more"
            return f"it asked for a rest, {rest_s:.1f} s of which are left"
        return "its breaker lets one call through, which is under way"

    def _add(self, targets: Iterable[Target], reason: str, *, tell: bool) -> None:
        before = len(self._targets)
        self._targets += targets
        if tell:
            self._reasons += [reason] * (len(self._targets) - before)
