"""The rules of a route: what they make of targets, and what they do when they cannot be told."""

import logging
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as some

from modelmux.adapters.cel.engine import CelRuleEngine
from modelmux.adapters.memory.price_book import MemoryPriceBook
from modelmux.application.plan import Ruled, Target
from modelmux.application.ports import Price, Rule
from modelmux.application.routing.facts import OF_BOTH, OF_REQUEST
from modelmux.application.routing.rules import (
    Action,
    GoTo,
    Keep,
    Prefer,
    Refuse,
    RouteRule,
    RuleSet,
)
from modelmux.application.targets import Breaker, TargetStates
from modelmux.domain.deferred import Deferred
from modelmux.domain.errors import Forbidden, InvalidRequest
from modelmux.domain.request import Generation, GenerationRequest
from tests.support.asking import asking
from tests.support.routing import Crossing, names, route

ENGINE = CelRuleEngine()
PRICES = MemoryPriceBook({("a", "m"): Price(1.0, 2.0), ("b", "m"): Price(5.0, 9.0)})


def over_targets(text: str) -> Rule:
    return ENGINE.compile(text, OF_BOTH)


def rule(action: Action, when: str | None = None, name: str = "rule 1") -> RouteRule:
    return RouteRule(name, None if when is None else ENGINE.compile(when, OF_REQUEST), action)


def keep(text: str, when: str | None = None) -> RouteRule:
    return rule(Keep(over_targets(text)), when)


def prefer(text: str, when: str | None = None) -> RouteRule:
    return rule(Prefer(over_targets(text)), when)


def targets_of(count: int) -> tuple[Target, ...]:
    crossing = Crossing()
    providers = "abcdefgh"[:count]
    router = crossing.router(route(*providers), providers=list(providers))
    return router.order(asking(model="r")).targets


def ruled(
    *rules: RouteRule,
    request: GenerationRequest | None = None,
    states: TargetStates | None = None,
    targets: tuple[Target, ...] = (),
    now: float = 0.0,
) -> Ruled:
    every = targets or targets_of(3)
    asked = request or asking(model="r")
    return RuleSet(rules, PRICES).apply(asked, every, states or TargetStates(), now)


def tiers(told: Ruled) -> list[str]:
    return [names(tier) for tier in told.tiers]


def test_keep_leaves_those_for_which_it_holds_and_says_so_of_the_others() -> None:
    told = ruled(keep("target.price_input != null && target.price_input < 3"))
    assert tiers(told) == ["a"]
    assert [one.target.name for one in told.passed_over] == ["b/m", "c/m"]
    assert told.passed_over[0].reason == "rule 1 does not keep it"


def test_prefer_puts_first_without_leaving_anybody_out() -> None:
    assert tiers(ruled(prefer("target.provider == 'c'"))) == ["c", "ab"]


def test_earlier_preferences_weigh_more() -> None:
    told = ruled(prefer("target.provider != 'a'"), prefer("target.provider == 'c'"))
    assert tiers(told) == ["c", "b", "a"]


def test_a_rule_applies_only_where_its_when_holds() -> None:
    other = ruled(keep("target.provider == 'a'", when="request.tenant == 'other'"))
    assert tiers(other) == ["abc"]
    assert other.reasons == ("rule 1 does not apply",)
    assert tiers(ruled(keep("target.provider == 'a'", when="request.tenant == 'acme'"))) == ["a"]


def test_a_route_ends_the_matter_and_so_does_a_refusal() -> None:
    later = keep("false")
    assert ruled(rule(GoTo("big")), later).route == "big"
    refused = ruled(rule(Refuse("Not for you."), when="request.stream"), later)
    assert refused.refusal == "Not for you."
    assert refused.reasons[-1] == "rule 1 refuses the request"


def test_rules_see_how_a_target_does() -> None:
    states = TargetStates()
    slow, failing = states.of("a", "m"), states.of("b", "m")
    slow.first_event_s, slow.in_flight = 3.0, 7
    failing.breaker, failing.resting_until, failing.error_rate = Breaker.OPEN, 50.0, 0.75
    for text, kept in (
        ("target.latency_s == null || target.latency_s < 1", "bc"),
        ("target.healthy", "ac"),
        ("!target.resting", "ac"),
        ("target.error_rate < 0.5", "ac"),
        ("target.in_flight < 5", "bc"),
        ("target.weight == 1 && target.type == 'scripted' && target.model == 'm'", "abc"),
        ("target.price_output < 5 || target.provider == 'c'", "ac"),
    ):
        assert "".join(tiers(ruled(keep(text), states=states, now=10.0))) == kept, text


class _ReadOnce:
    """Content that says whether anybody read it."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.reads = 0
        self.failure = failure

    def __call__(self) -> Generation:
        self.reads += 1
        if self.failure is not None:
            raise self.failure
        return asking().content.get()


def unread(make: Callable[[], Generation]) -> GenerationRequest:
    plain = asking(model="r")
    return GenerationRequest(
        "r", plain.dialect, True, Deferred(make), plain.caller, size_bytes=40_000
    )


def test_a_rule_on_the_tenant_or_the_size_reads_no_body() -> None:
    content = _ReadOnce()
    told = ruled(
        keep("target.provider == 'a' && request.tokens > 9000", when="request.tenant == 'acme'"),
        request=unread(content),
    )
    assert tiers(told) == ["a"]
    assert content.reads == 0


def test_a_rule_on_the_content_reads_it_once() -> None:
    content = _ReadOnce()
    told = ruled(keep("request.turns == 1"), keep("request.tools == 0"), request=unread(content))
    assert tiers(told) == ["abc"]
    assert content.reads == 1


@pytest.mark.parametrize("failure", [InvalidRequest("bad"), RecursionError()])
def test_a_body_that_cannot_be_read_gets_round_no_restriction(failure: Exception) -> None:
    told = ruled(keep("request.turns > 100"), request=unread(_ReadOnce(failure)))
    assert tiers(told) == []
    assert len(told.passed_over) == 3
    assert "not all of it can be told: request.turns" in told.reasons[0]
    refusing = rule(Refuse("Too long."), when="request.turns > 100")
    assert ruled(refusing, request=unread(_ReadOnce(failure))).refusal == "Too long."
    preferring = prefer("request.turns > 100 && target.provider == 'b'")
    assert tiers(ruled(preferring, request=unread(_ReadOnce(failure)))) == ["abc"]


def test_a_target_of_which_it_cannot_be_told_is_neither_kept_nor_preferred() -> None:
    states = TargetStates()
    states.of("a", "m").first_event_s = 0.5
    told = ruled(keep("target.latency_s < 1"), states=states)
    assert tiers(told) == ["a"]
    assert [one.target.name for one in told.passed_over] == ["b/m", "c/m"]
    assert "can be told: c/m" in told.reasons[0]
    assert tiers(ruled(prefer("target.latency_s < 1"), states=states)) == ["a", "bc"]


def test_a_when_that_cannot_be_told_holds_for_restrictions_alone() -> None:
    untold = "request.headers['x-region'] == 'eu'"
    assert tiers(ruled(keep("target.provider == 'b'", when=untold))) == ["b"]
    assert ruled(rule(Refuse("Not here."), when=untold)).refusal == "Not here."
    assert tiers(ruled(prefer("target.provider == 'b'", when=untold))) == ["abc"]
    told = ruled(rule(GoTo("big"), when=untold))
    assert told.route is None
    assert "rule 1 does not apply; not all of it can be told" in told.reasons[0]


def test_failures_are_logged_once_a_minute_with_their_number(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rules = RuleSet((keep("request.headers['x'] == 'y'"),), PRICES)
    every = targets_of(2)
    with caplog.at_level(logging.WARNING, "modelmux.routing"):
        for now in (0.0, 1.0, 59.0, 61.0):
            rules.apply(asking(model="r"), every, TargetStates(), now)
    told: list[Mapping[str, object]] = [vars(record) for record in caplog.records]
    assert [(one["rule"], one["times"]) for one in told] == [("rule 1", 1), ("rule 1", 3)]


def test_when_no_target_is_left_the_caller_is_told(caplog: pytest.LogCaptureFixture) -> None:
    spec = route("a", "b", rules=RuleSet((keep("target.provider == 'z'"),), PRICES))
    with pytest.raises(Forbidden, match="leave no target"):
        Crossing().router(spec).order(asking(model="r"))


EXPRESSIONS = (
    "target.provider < 'c'", "target.price_input < 3", "target.latency_s < 1", "target.healthy",
    "true", "false", "request.headers['x'] == 'y'", "request.tokens > 2", "target.weight > 1",
)  # fmt: skip


@given(
    some.lists(
        some.tuples(
            some.sampled_from(["keep", "prefer"]),
            some.sampled_from(EXPRESSIONS),
            some.sampled_from([None, "request.stream", "request.headers['z'] == ''"]),
        ),
        max_size=5,
    ),
    some.integers(1, 8),
)
def test_rules_never_add_a_target_and_lose_none_in_silence(
    written: list[tuple[str, str, str | None]], count: int
) -> None:
    makers = {"keep": keep, "prefer": prefer}
    every = targets_of(count)
    told = ruled(*(makers[kind](text, when) for kind, text, when in written), targets=every)
    left = [target.name for tier in told.tiers for target in tier]
    gone = [one.target.name for one in told.passed_over]
    assert sorted(left + gone) == [target.name for target in every]
    assert all(told.tiers)
