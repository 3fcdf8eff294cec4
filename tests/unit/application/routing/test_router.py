"""The router: rules, then affinity, then the strategy, then fallbacks; and what it tells."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmux.application.plan import Affinity, PassedOver, RouteRules, Ruled, Strategy, Target
from modelmux.application.targets import Breaker, TargetStates
from modelmux.domain.errors import Forbidden
from modelmux.domain.request import GenerationRequest
from tests.support.asking import asking
from tests.support.routing import Crossing, names, route


@dataclass(frozen=True, slots=True)
class Says(RouteRules):
    """Rules that say what a test wants."""

    say: Callable[[Sequence[Target]], Ruled]

    def apply(
        self,
        request: GenerationRequest,
        targets: Sequence[Target],
        states: TargetStates,
        now: float,
    ) -> Ruled:
        return self.say(targets)


@pytest.fixture
def crossing() -> Crossing:
    return Crossing()


def test_a_target_that_rests_is_left_out_where_another_is_there(crossing: Crossing) -> None:
    router = crossing.router(route("a", "b", "c"))
    crossing.rest("a", 12.3)
    order = router.order(asking(model="r"), tell=True)
    assert names(order.targets) == "bc"
    assert [(one.target.name, one.reason) for one in order.passed_over] == [
        ("a/m", "it asked for a rest, 12.3 s of which are left")
    ]
    assert names(router.order(asking(model="r")).targets) == "bc"
    crossing.clock.advance(13)
    assert names(router.order(asking(model="r")).targets) == "abc"


def test_when_all_rest_the_one_that_wakes_first_is_first(crossing: Crossing) -> None:
    router = crossing.router(route("a", "b", "c"))
    for name, seconds in (("a", 30), ("b", 5), ("c", 20)):
        crossing.rest(name, seconds)
    order = router.order(asking(model="r"), tell=True)
    assert names(order.targets) == "bca"
    assert order.passed_over == ()
    assert order.reasons[0] == "all rest: it asked for a rest, 5.0 s of which are left"


def test_an_open_breaker_that_is_due_lets_one_call_through(crossing: Crossing) -> None:
    router = crossing.router(route("a", "b"))
    state = crossing.state("a")
    state.breaker = Breaker.OPEN
    crossing.rest("a", 4)
    order = router.order(asking(model="r"), tell=True)
    assert names(order.targets) == "b"
    assert order.passed_over[0].reason == "its breaker is open for 4.0 s more"
    crossing.clock.advance(4)
    assert names(router.order(asking(model="r")).targets) == "ab"
    state.breaker, state.trying = Breaker.HALF_OPEN, True
    order = router.order(asking(model="r"), tell=True)
    assert names(order.targets) == "b"
    assert "under way" in order.passed_over[0].reason


def test_fallbacks_stand_after_all_targets_and_take_over_when_these_rest(
    crossing: Crossing,
) -> None:
    spec = route("a", "b", strategy=Strategy.ROUND_ROBIN, fallbacks=("c/spare",))
    router = crossing.router(spec)
    assert [names(router.order(asking(model="r")).targets) for _ in range(2)] == ["abc", "bac"]
    crossing.rest("a", 5)
    crossing.rest("b", 5)
    order = router.order(asking(model="r"), tell=True)
    assert names(order.targets) == "c"
    assert order.reasons == ("fallback c/spare of route r",)
    assert len(order.passed_over) == 2


def test_a_single_target_is_asked_even_if_it_rests(crossing: Crossing) -> None:
    crossing.rest("a", 5)
    assert names(crossing.router(route("a")).order(asking(model="r")).targets) == "a"


def test_a_strategy_orders_within_the_tiers_of_rules(crossing: Crossing) -> None:
    def prefer_c(targets: Sequence[Target]) -> Ruled:
        return Ruled(((targets[2],), tuple(targets[:2])), ("rule 1 prefers c/m",))

    spec = route("a", "b", "c", strategy=Strategy.AVAILABILITY, rules=Says(prefer_c))
    crossing.state("a").error_rate = 0.5
    crossing.state("c").error_rate = 0.9
    order = crossing.router(spec).order(asking(model="r"), tell=True)
    assert names(order.targets) == "cba"
    assert "rule 1 prefers c/m" in order.notes


def test_affinity_stays_within_the_tiers_of_rules(crossing: Crossing) -> None:
    def prefer_c(targets: Sequence[Target]) -> Ruled:
        return Ruled(((targets[2],), tuple(targets[:2])))

    spec = route("a", "b", "c", affinity=Affinity("header", "x-s"), rules=Says(prefer_c))
    router = crossing.router(spec)
    for number in range(20):
        request = replace(asking(model="r"), headers={"x-s": str(number)})
        assert router.order(request).targets[0].provider.name == "c"


def test_affinity_goes_before_the_strategy_and_says_so(crossing: Crossing) -> None:
    spec = route("a", "b", "c", strategy=Strategy.ROUND_ROBIN, affinity=Affinity("header", "x-s"))
    router = crossing.router(spec)
    request = replace(asking(model="r"), headers={"x-s": "one"})
    assert len({names(router.order(request).targets) for _ in range(6)}) == 1
    assert "it decides" in router.order(request, tell=True).notes[0]
    without = router.order(asking(model="r"), tell=True)
    assert "nothing tells the session" in without.notes[0]
    assert without.reasons[0] == "it is its turn"


def test_a_session_comes_back_to_its_target_after_a_rest(crossing: Crossing) -> None:
    router = crossing.router(route("a", "b", "c", affinity=Affinity("header", "x-s")))
    request = replace(asking(model="r"), headers={"x-s": "one"})
    before = names(router.order(request).targets)
    crossing.rest(before[0], 5)
    assert names(router.order(request).targets) == before[1:]
    crossing.clock.advance(6)
    assert names(router.order(request).targets) == before


def test_a_rule_leads_to_another_route_and_its_plan(crossing: Crossing) -> None:
    away = Says(lambda _targets: Ruled((), ("rule 1 goes to big",), route="big"))
    router = crossing.router(route("a", rules=away), route("b", "c", model="big"))
    order = router.order(asking(model="r"), tell=True)
    assert order.plan.route == "big"
    assert names(order.targets) == "bc"
    assert order.notes == ("rule 1 goes to big",)


def test_rules_in_a_circle_end(crossing: Crossing) -> None:
    there = Says(lambda _targets: Ruled((), route="s"))
    back = Says(lambda _targets: Ruled((), route="r"))
    router = crossing.router(route("a", rules=there), route("b", model="s", rules=back))
    assert names(router.order(asking(model="r")).targets) == "a"


def test_a_rule_refuses_in_its_own_words(crossing: Crossing) -> None:
    no = Says(lambda _targets: Ruled((), ("rule 1 refuses",), refusal="Not on Sundays."))
    with pytest.raises(Forbidden, match=r"Not on Sundays\.") as told:
        crossing.router(route("a", rules=no)).order(asking(model="r"))
    assert told.value.detail == "rule 1 refuses"


def test_what_a_rule_does_not_keep_is_no_fallback_either(crossing: Crossing) -> None:
    def inside(targets: Sequence[Target]) -> Ruled:
        out = [one for one in targets if one.provider.name == "c"]
        return Ruled(
            (tuple(one for one in targets if one not in out),),
            (),
            tuple(PassedOver(one, "rule 1 keeps it not") for one in out),
        )

    router = crossing.router(route("a", rules=Says(inside), fallbacks=("c/x", "b/x")))
    crossing.rest("a", 5)
    order = router.order(asking(model="r"), tell=True)
    assert [target.name for target in order.targets] == ["b/x"]
    assert {one.target.name for one in order.passed_over} == {"a/m", "c/x"}


def test_a_fallback_that_a_rule_prefers_comes_first_among_fallbacks(crossing: Crossing) -> None:
    def prefer_c(targets: Sequence[Target]) -> Ruled:
        first = tuple(one for one in targets if one.provider.name == "c")
        return Ruled((first, tuple(one for one in targets if one not in first)))

    router = crossing.router(route("a", rules=Says(prefer_c), fallbacks=("b/x", "c/x")))
    assert names(router.order(asking(model="r")).targets) == "acb"


def test_rules_that_leave_nothing_of_a_route_leave_its_fallbacks(crossing: Crossing) -> None:
    def none(targets: Sequence[Target]) -> Ruled:
        gone = [one for one in targets if one.model == "m"]
        return Ruled(
            (tuple(one for one in targets if one not in gone),),
            (),
            tuple(PassedOver(one, "rule 1 keeps it not") for one in gone),
        )

    router = crossing.router(
        route("a", "b", rules=Says(none), fallbacks=("c/x",)),
        route("a", "b", rules=Says(none), model="bare"),
    )
    order = router.order(asking(model="r"), tell=True)
    assert names(order.targets) == "c"
    assert [one.target.name for one in order.passed_over] == ["a/m", "b/m"]
    with pytest.raises(Forbidden, match="leave no target") as told:
        router.order(asking(model="bare"))
    assert told.value.detail == "a/m: rule 1 keeps it not; b/m: rule 1 keeps it not"


_PROVIDERS = "abcdef"


@given(
    strategy=st.sampled_from(Strategy),
    weights=st.lists(st.sampled_from((0.0, 0.5, 1.0, 7.0)), min_size=1, max_size=4),
    resting=st.sets(st.sampled_from(_PROVIDERS)),
    session=st.one_of(st.none(), st.text(max_size=8)),
    errors=st.lists(st.floats(0, 1), min_size=6, max_size=6),
)
def test_every_target_is_told_of_once_whatever_the_moment(
    strategy: Strategy, weights: list[float], resting: set[str], session: str | None,
    errors: list[float],
) -> None:  # fmt: skip
    crossing = Crossing()
    for name, error_rate in zip(_PROVIDERS, errors, strict=True):
        crossing.state(name).error_rate = error_rate
    for name in resting:
        crossing.rest(name, 5)
    own = _PROVIDERS[: len(weights)]
    spec = route(
        *own, strategy=strategy, weights=weights, affinity=Affinity("header", "x-s"),
        fallbacks=("e/m", "f/m"),
    )  # fmt: skip
    router = crossing.router(spec, providers=_PROVIDERS, prices={})
    headers = {} if session is None else {"x-s": session}
    order = router.order(replace(asking(model="r"), headers=headers), tell=True)
    passed = [one.target for one in order.passed_over]
    assert sorted(names([*order.targets, *passed])) == sorted(f"{own}ef")
    assert len(order.reasons) == len(order.targets) > 0
    awake = set(f"{own}ef") - resting
    assert set(names(order.targets)) == (awake or set(f"{own}ef"))


def test_a_listed_name_stays_in_order(crossing: Crossing) -> None:
    order = crossing.router().order(asking(model="b/x"), tell=True)
    assert order.reasons == ("named by the caller as provider/model",)
    assert list(order.sentences()) == [
        "route b/x, ordered",
        "1. b/x: named by the caller as provider/model",
    ]


def test_a_name_found_at_another_provider_too_is_tried_there_at_once(crossing: Crossing) -> None:
    router = crossing.router()
    router.planner.learn("a", ["m"])
    asked = asking(model="m")
    assert names(router.order(asked).targets) == "a"
    router.planner.learn("b", ["m"])
    assert names(router.order(asked).targets) == "ab"
    crossing.rest("a", 5)
    assert names(router.order(asked).targets) == "b"
    crossing.clock.advance(6)
    assert router.order(asked) is router.order(asked)


@pytest.mark.parametrize("strategy", Strategy)
def test_whoever_is_told_why_sees_the_order_that_others_get(strategy: Strategy) -> None:
    told, quiet = Crossing(), Crossing()
    spec = route("a", "b", "c", strategy=strategy, weights=(3, 1, 2), fallbacks=("d/m",))
    routers = [one.router(spec, providers="abcd", prices={}) for one in (told, quiet)]
    for number, name in enumerate("abbcabc"):
        for one in (told, quiet):
            one.state(name).began(one.clock.monotonic(), 0.1 * (number + 1), trial=False)
        orders = [
            routers[0].order(asking(model="r"), tell=True),
            routers[1].order(asking(model="r")),
        ]
        assert names(orders[0].targets) == names(orders[1].targets)
        assert orders[1].targets[-1].provider.name == "d"


def test_choices_are_noted_only_where_routing_is_logged(
    crossing: Crossing, caplog: pytest.LogCaptureFixture
) -> None:
    router = crossing.router(route("a", "b"))
    crossing.rest("a", 5)
    quiet = asking(model="r")
    with caplog.at_level(logging.INFO, "modelmux.routing"):
        router.order(quiet)
    assert quiet.journal.choice == ()
    told = asking(model="r")
    with caplog.at_level(logging.DEBUG, "modelmux.routing"):
        router.order(told)
    assert told.journal.choice == (
        "route r, ordered",
        "1. b/m: target 2 of route r",
        "not a/m: it asked for a rest, 5.0 s of which are left",
    )
