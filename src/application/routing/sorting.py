"""Sorting: one request's targets, once the rules of its route have had their say."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ...domain.errors import Forbidden
from ...domain.request import GenerationRequest
from ..plan import PassedOver, Plan, Strategy, Target
from ..targets import TargetStates
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
        """Return the order; the tiers stay as rules have put them.

        Affinity goes before the strategy. Who rests is not asked while another can be, and is
        taken out before anything is chosen: no turn and no draw falls on it.

        Raises:
            Forbidden: there is no target left.
        """
        session = self._session()
        size_bytes = self.request.size_bytes
        resting: list[Target] = []
        spare: list[Target] = []
        for tier in tiers:
            awake = self._awake(tier, resting)
            if self.plan.strategy is not Strategy.ORDERED or session is not None:
                spare += [target for target in awake if not target.weight]
                awake = [target for target in awake if target.weight]
            if session is not None:
                self._add(rank(session, awake), "affinity: by the hash of its session", tell=tell)
            elif awake:
                for target in self.choosing.order(awake, size_bytes):
                    reason = self.choosing.reason(target, size_bytes) if tell else ""
                    self._add((target,), reason, tell=tell)
        self._add(spare, "weight 0: only when no other can be asked", tell=tell)
        for target in self._awake(self.plan.fallbacks, resting):
            self._add((target,), target.reason, tell=tell)
        if self._targets:
            if tell:
                self.passed += [PassedOver(one, _told_rest(*self._rest(one))) for one in resting]
        else:
            resting.sort(key=lambda one: self._rest(one)[0])
            self._add(resting, "all rest; this one for the shortest time", tell=tell)
        if not self._targets:
            raise Forbidden(f"The rules of {self.plan.route!r} leave no target for this request.")
        targets, reasons = tuple(self._targets), tuple(self._reasons)
        return Order(self.plan, targets, reasons, tuple(self.passed), tuple(self.notes))

    def _session(self) -> bytes | None:
        affinity = self.plan.affinity
        if affinity is None:
            return None
        session = session_of(affinity, self.request)
        told = "nothing tells the session of this request" if session is None else "it decides"
        self.notes.append(f"affinity by {affinity.header or affinity.kind}: {told}")
        return session

    def _awake(self, targets: Iterable[Target], resting: list[Target]) -> list[Target]:
        """Return those that may be asked; the others go to `resting`."""
        awake: list[Target] = []
        for target in targets:
            (resting if any(self._rest(target)) else awake).append(target)
        return awake

    def _rest(self, target: Target) -> tuple[float, bool]:
        """Return for how long a target rests, and whether one call is trying it just now."""
        state = self.states.known(target.provider.name, target.model)
        return (0.0, False) if state is None else (state.resting_s(self.now), state.trying)

    def _add(self, targets: Iterable[Target], reason: str, *, tell: bool) -> None:
        for target in targets:
            self._targets.append(target)
            if tell:
                self._reasons.append(reason)


def _told_rest(rest_s: float, trying: bool) -> str:
    if rest_s:
        return f"it rests for {rest_s:.1f} s more"
    return "its breaker lets one call through, which is under way" if trying else "it rests"
