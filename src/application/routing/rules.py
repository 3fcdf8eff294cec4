"""The rules of a route: what stands before its strategy.

Rules have their say in their order. They narrow and part the targets of their route, or lead
elsewhere; they never add a target.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, assert_never

from ...domain.request import GenerationRequest
from ..plan import PassedOver, RouteRules, Ruled, Target
from ..ports import PriceBook, Rule
from ..targets import TargetStates
from .facts import RequestFacts, SeenTarget, facts_of_target

_log = logging.getLogger("modelmux.routing")
_TOLD_EVERY_S = 60.0


@dataclass(frozen=True, slots=True)
class Keep:
    """Those targets remain for which it holds."""

    rule: Rule


@dataclass(frozen=True, slots=True)
class Prefer:
    """Those targets come first for which it holds."""

    rule: Rule


@dataclass(frozen=True, slots=True)
class GoTo:
    """The request is answered under another name."""

    route: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """The caller is told the sentence."""

    sentence: str


Action: TypeAlias = Keep | Prefer | GoTo | Refuse


@dataclass(slots=True)
class _Failures:
    """How often a rule could not be told since that was logged last."""

    count: int = 0
    told_at: float | None = None


@dataclass(frozen=True, slots=True)
class RouteRule:
    """`when` it holds for a request (None: always), `action` is done. `name` is for people."""

    name: str
    when: Rule | None
    action: Action
    failures: _Failures = field(default_factory=_Failures)


@dataclass(frozen=True, slots=True)
class RuleSet(RouteRules):
    """What cannot be told opens no way; the log says so once a minute.

    An expression over targets does not hold for a target of which it cannot be told. A `when` that
    cannot be told holds where the rule keeps or refuses, and else does not: a caller whose header
    is missing, or whose body nobody can read, gets round no restriction.
    """

    rules: tuple[RouteRule, ...]
    prices: PriceBook

    def apply(
        self,
        request: GenerationRequest,
        targets: Sequence[Target],
        states: TargetStates,
        now: float,
    ) -> Ruled:
        ruling = _Ruling(self.prices, states, now, RequestFacts(request), [tuple(targets)])
        for rule in self.rules:
            ended = ruling.follow(rule)
            if ruling.doubt:
                _tell(rule, ruling.doubt, now)
            if ended is not None:
                return ended
        return ruling.result()


@dataclass(slots=True)
class _Ruling:
    """One request on its way through the rules; `doubt` is why the last could not be told."""

    prices: PriceBook
    states: TargetStates
    now: float
    facts: RequestFacts
    tiers: list[tuple[Target, ...]]
    reasons: list[str] = field(default_factory=list[str])
    passed: list[PassedOver] = field(default_factory=list[PassedOver])
    doubt: str = ""

    def follow(self, rule: RouteRule) -> Ruled | None:
        """Do what a rule says; return what ends the matter."""
        self.doubt = ""
        if not self._applies(rule):
            self._say(f"{rule.name} does not apply")
            return None
        action = rule.action
        match action:
            case Keep():
                parted = [self._part(action.rule, tier) for tier in self.tiers]
                self.tiers = [kept for kept, _ in parted if kept]
                gone = [target for _, others in parted for target in others]
                self.passed += [PassedOver(one, f"{rule.name} does not keep it") for one in gone]
                kept = sum(map(len, self.tiers))
                self._say(f"{rule.name} keeps {kept} of {kept + len(gone)} targets")
            case Prefer():
                parted = [self._part(action.rule, tier) for tier in self.tiers]
                self.tiers = [part for parts in parted for part in parts if part]
                first = sum(len(preferred) for preferred, _ in parted)
                every = sum(map(len, self.tiers))
                self._say(f"{rule.name} prefers {first} of {every} targets")
            case GoTo():
                self.reasons.append(f"{rule.name} leads to {action.route}")
                return self.result(route=action.route)
            case Refuse():
                self._say(f"{rule.name} refuses the request")
                return self.result(refusal=action.sentence)
            case _:
                assert_never(action)
        return None

    def result(self, *, route: str | None = None, refusal: str | None = None) -> Ruled:
        reasons, passed = tuple(self.reasons), tuple(self.passed)
        return Ruled(tuple(self.tiers), reasons, passed, route, refusal)

    def _applies(self, rule: RouteRule) -> bool:
        if rule.when is None:
            return True
        try:
            return rule.when.holds(self.facts.of(rule.when.uses))
        except ValueError as error:
            self.doubt = str(error)
            return isinstance(rule.action, Keep | Refuse)

    def _part(
        self, rule: Rule, targets: tuple[Target, ...]
    ) -> tuple[tuple[Target, ...], tuple[Target, ...]]:
        """Return those for which a rule holds, and the others, each in their order."""
        try:
            asked = self.facts.of(rule.uses)
        except ValueError as error:
            self.doubt = str(error)
            return (), targets
        held: list[Target] = []
        others: list[Target] = []
        for target in targets:
            provider = target.provider.name
            state = self.states.known(provider, target.model)
            price = self.prices.price(provider, target.model)
            seen = SeenTarget(target, state, price, self.now)
            try:
                holds = rule.holds({**asked, **facts_of_target(seen, rule.uses)})
            except ValueError as error:
                self.doubt, holds = f"{target.name}: {error}", False
            (held if holds else others).append(target)
        return tuple(held), tuple(others)

    def _say(self, reason: str) -> None:
        told = f"; not all of it can be told: {self.doubt}" if self.doubt else ""
        self.reasons.append(reason + told)


def _tell(rule: RouteRule, why: str, now: float) -> None:
    failures = rule.failures
    failures.count += 1
    if failures.told_at is None or now - failures.told_at >= _TOLD_EVERY_S:
        fields = {"rule": rule.name, "times": failures.count, "detail": why}
        _log.warning("rule_not_told", extra=fields)
        failures.told_at, failures.count = now, 0
