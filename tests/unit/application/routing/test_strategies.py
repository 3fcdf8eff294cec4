"""Each strategy: how it spreads requests, and what it goes by."""

from collections import Counter

import pytest

from modelmux.application.plan import Strategy
from modelmux.application.ports import Price
from modelmux.application.routing.router import Router
from tests.support.asking import asking
from tests.support.routing import Crossing, names, route

_MANY = 6000


@pytest.fixture
def crossing() -> Crossing:
    return Crossing()


def firsts(router: Router, times: int = _MANY) -> Counter[str]:
    """Count who stands first in the order of a request."""
    return Counter(router.order(asking(model="r")).targets[0].provider.name for _ in range(times))


def order_of(router: Router) -> str:
    return names(router.order(asking(model="r")).targets)


@pytest.mark.parametrize("strategy", Strategy)
def test_every_strategy_gives_every_target_once(crossing: Crossing, strategy: Strategy) -> None:
    router = crossing.router(route("a", "b", "c", strategy=strategy, weights=(1, 0, 2)))
    for _ in range(50):
        assert sorted(order_of(router)) == ["a", "b", "c"]


@pytest.mark.parametrize("strategy", Strategy)
def test_one_target_is_enough_for_every_strategy(crossing: Crossing, strategy: Strategy) -> None:
    assert order_of(crossing.router(route("a", strategy=strategy))) == "a"


@pytest.mark.parametrize("strategy", [one for one in Strategy if one is not Strategy.ORDERED])
def test_weight_zero_is_asked_only_after_all_others(crossing: Crossing, strategy: Strategy) -> None:
    spec = route("a", "b", "c", strategy=strategy, weights=(0, 1, 1), fallbacks=("c/other",))
    order = crossing.router(spec).order(asking(model="r"))
    assert [target.provider.name for target in order.targets[2:]] == ["a", "c"]
    crossing.rest("b", 5)
    crossing.rest("c", 5)
    assert order_of(crossing.router(spec))[0] == "a"


def test_turns_go_round(crossing: Crossing) -> None:
    router = crossing.router(route("a", "b", "c", strategy=Strategy.ROUND_ROBIN))
    assert [order_of(router) for _ in range(4)] == ["abc", "bca", "cab", "abc"]


def test_who_was_away_does_not_get_the_turns_it_missed(crossing: Crossing) -> None:
    router = crossing.router(route("a", "b", strategy=Strategy.ROUND_ROBIN))
    crossing.rest("a", 5)
    assert firsts(router, 10) == {"b": 10}
    crossing.clock.advance(6)
    assert firsts(router, 10) == {"a": 5, "b": 5}


def test_each_route_has_turns_of_its_own(crossing: Crossing) -> None:
    router = crossing.router(
        route("a", "b", strategy=Strategy.ROUND_ROBIN),
        route("a", "b", strategy=Strategy.ROUND_ROBIN, model="other"),
    )
    assert order_of(router) == "ab"
    assert names(router.order(asking(model="other")).targets) == "ab"


def test_weights_are_shares_of_the_requests(crossing: Crossing) -> None:
    router = crossing.router(route("a", "b", "c", strategy=Strategy.WEIGHTED, weights=(5, 3, 2)))
    seen = firsts(router)
    for name, share in (("a", 0.5), ("b", 0.3), ("c", 0.2)):
        assert abs(seen[name] / _MANY - share) < 0.025  # four standard deviations


def test_the_second_is_drawn_by_weight_too(crossing: Crossing) -> None:
    router = crossing.router(route("a", "b", "c", strategy=Strategy.WEIGHTED, weights=(1, 3, 1)))
    orders = (order_of(router) for _ in range(_MANY))
    seconds = Counter(order[1] for order in orders if order[0] == "a")
    assert abs(seconds["b"] / seconds.total() - 0.75) < 0.05


def test_the_fewest_connections_for_its_weight_come_first(crossing: Crossing) -> None:
    spec = route("a", "b", "c", strategy=Strategy.LEAST_CONNECTIONS, weights=(1, 4, 1))
    crossing.state("a").in_flight = 2
    crossing.state("b").in_flight = 4
    crossing.state("c").in_flight = 3
    assert order_of(crossing.router(spec)) == "bac"


def test_idle_targets_share_by_weight(crossing: Crossing) -> None:
    spec = route("a", "b", strategy=Strategy.LEAST_CONNECTIONS, weights=(1, 3))
    assert abs(firsts(crossing.router(spec))["b"] / _MANY - 0.75) < 0.025


def test_what_runs_is_spread_by_connections(crossing: Crossing) -> None:
    router = crossing.router(route("a", "b", "c", strategy=Strategy.LEAST_CONNECTIONS))
    for _ in range(30):
        first = router.order(asking(model="r")).targets[0]
        crossing.state(first.provider.name).in_flight += 1
    assert [state.in_flight for state in crossing.states] == [10, 10, 10]


def test_the_fastest_gets_nearly_all(crossing: Crossing) -> None:
    for name, first_event_s in (("a", 0.9), ("b", 0.2), ("c", 0.5)):
        crossing.state(name).first_event_s = first_event_s
    router = crossing.router(route("a", "b", "c", strategy=Strategy.LATENCY))
    seen = firsts(router)
    assert 0.97 < seen["b"] / _MANY < 0.99
    assert min(seen["a"], seen["c"]) > 20  # now and then, or nobody would know they improved


def test_targets_about_as_fast_share(crossing: Crossing) -> None:
    for name, first_event_s in (("a", 0.200), ("b", 0.230), ("c", 0.900)):
        crossing.state(name).first_event_s = first_event_s
    seen = firsts(crossing.router(route("a", "b", "c", strategy=Strategy.LATENCY)))
    assert abs(seen["a"] - seen["b"]) < 0.05 * _MANY


def test_one_call_at_a_time_measures_a_new_target(crossing: Crossing) -> None:
    crossing.state("a").first_event_s = 0.1
    router = crossing.router(route("a", "b", strategy=Strategy.LATENCY))
    assert order_of(router) == "ba"
    crossing.state("b").in_flight = 1
    assert firsts(router, 1000)["a"] > 950


def test_a_target_that_only_fails_does_not_count_as_new(crossing: Crossing) -> None:
    crossing.state("a").first_event_s = 0.8
    crossing.state("b").error_rate = 1.0
    router = crossing.router(route("a", "b", strategy=Strategy.LATENCY))
    assert firsts(router, 1000)["a"] > 950


def test_failures_make_a_fast_target_slow(crossing: Crossing) -> None:
    crossing.state("a").first_event_s, crossing.state("a").error_rate = 0.2, 0.8
    crossing.state("b").first_event_s = 0.5
    router = crossing.router(route("a", "b", strategy=Strategy.LATENCY))
    assert firsts(router, 1000)["b"] > 950


def test_the_cheapest_comes_first_and_an_unknown_price_last(crossing: Crossing) -> None:
    prices = {("a", "m"): Price(3, 15), ("c", "m"): Price(0.1, 0.4)}
    router = crossing.router(route("a", "b", "c", strategy=Strategy.COST), prices=prices)
    order = router.order(asking(model="r"), tell=True)
    assert names(order.targets) == "cab"
    assert "no price is known" in order.reasons[2]
    assert order.reasons[0] == "about 0.000200 US dollars for such a request"


def test_nothing_is_free_for_want_of_a_price_book(crossing: Crossing) -> None:
    order = crossing.router(route("a", "b", strategy=Strategy.COST)).order(
        asking(model="r"), tell=True
    )
    assert all("no price is known" in reason for reason in order.reasons)


def test_the_most_available_share(crossing: Crossing) -> None:
    crossing.state("a").error_rate = 0.5
    crossing.state("b").error_rate = 0.01
    router = crossing.router(route("a", "b", "c", strategy=Strategy.AVAILABILITY))
    seen = firsts(router)
    assert seen["a"] == 0
    assert abs(seen["b"] - seen["c"]) < 0.05 * _MANY
    assert order_of(router)[2] == "a"


def test_who_was_found_unwell_comes_last_until_it_answers(crossing: Crossing) -> None:
    router = crossing.router(route("a", "b", strategy=Strategy.AVAILABILITY))
    crossing.state("b").error_rate = 0.9
    crossing.clock.advance(1)
    crossing.states.probed("a", crossing.clock.monotonic(), healthy=False)
    order = router.order(asking(model="r"), tell=True)
    assert names(order.targets) == "ba"
    assert order.reasons[1] == "its provider was found unwell"
    crossing.state("a").answered_at = crossing.clock.monotonic() + 1
    assert order_of(router) == "ab"
    crossing.state("a").answered_at = None
    assert order_of(router) == "ba"
    crossing.states.probed("a", crossing.clock.monotonic(), healthy=True)
    assert order_of(router) == "ab"


@pytest.mark.parametrize("strategy", [Strategy.AVAILABILITY, Strategy.LATENCY])
def test_failures_of_long_ago_are_forgotten(crossing: Crossing, strategy: Strategy) -> None:
    for name in ("a", "b"):
        crossing.state(name).first_event_s = 0.2
    crossing.state("a").error_rate = 1.0
    router = crossing.router(route("a", "b", strategy=strategy))
    assert firsts(router, 1000)["a"] < 50
    crossing.clock.advance(31)
    assert abs(firsts(router, 1000)["a"] - 500) < 70


@pytest.mark.parametrize(
    ("strategy", "told"),
    [
        (Strategy.ROUND_ROBIN, "it is its turn"),
        (Strategy.WEIGHTED, "drawn by its weight, 1"),
        (Strategy.LEAST_CONNECTIONS, "0 calls running, weight 1"),
        (Strategy.LATENCY, "120 ms to the first event, 5% failed"),
        (Strategy.AVAILABILITY, "5.0% failed of late"),
    ],
)
def test_each_strategy_tells_what_it_went_by(
    crossing: Crossing, strategy: Strategy, told: str
) -> None:
    crossing.state("a").first_event_s, crossing.state("a").error_rate = 0.12, 0.05
    order = crossing.router(route("a", strategy=strategy)).order(asking(model="r"), tell=True)
    assert order.reasons == (told,)
