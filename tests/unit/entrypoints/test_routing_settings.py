"""Bad routes: what is wrong with each, where, and what to do about it."""

from pathlib import Path
from typing import NamedTuple

import pytest

from modelmux.application.plan import Affinity, AttemptTerms, Strategy
from modelmux.domain.errors import ConfigurationError
from modelmux.entrypoints.container import Container
from modelmux.entrypoints.wiring.planning import affinity_of, wants_headers
from tests.support.configuring import load_text

_HEAD = """\
[[providers]]
name = "a"
type = "demo"

[[providers]]
name = "b"
type = "demo"

"""


class Bad(NamedTuple):
    routes: str
    message: str
    place: str
    hint: str | None


def route(model: str, more: str = "", targets: str = '{ provider = "a", model = "demo" }') -> str:
    """Return five lines."""
    return f'[[routes]]\nmodel = "{model}"\ntargets = [{targets}]\n{more}\n\n'


TWICE = '{ provider = "a", model = "x" }, { provider = "a", model = "x" }'
NOTHING = '{ provider = "a", model = "x", weight = 0 }, { provider = "b", model = "x", weight = 0 }'

BAD = {
    "two equal targets": Bad(
        route("r", targets=TWICE),
        "routes[0].targets[1]: this is routes[0].targets[0] once more",
        "11:45",
        "a larger weight makes a target's share larger",
    ),
    "all weights zero": Bad(
        route("r", targets=NOTHING),
        "routes[0].targets: every weight is 0, so that none would ever be asked first",
        "11:1",
        "0 stands for: only when no other can be asked; leave one above it",
    ),
    "a weight without an end": Bad(
        route("r", targets='{ provider = "a", model = "x", weight = inf }'),
        "routes[0].targets[0].weight: expected a number <= 1000000.0",
        "11:43",
        None,
    ),
    "a weight below zero": Bad(
        route("r", targets='{ provider = "a", model = "x", weight = -1 }'),
        "routes[0].targets[0].weight: expected a number >= 0.0",
        "11:43",
        None,
    ),
    "no such strategy": Bad(
        route("r", 'strategy = "rund_robin"'),
        'routes[0].strategy: there is no choice "rund_robin"',
        "12:1",
        'did you mean "round_robin"?',
    ),
    "no such affinity": Bad(
        route("r", 'affinity = "session"'),
        'routes[0].affinity: "session" is nothing requests can be kept together by',
        "12:1",
        'one of "conversation", "prompt_cache_key", or such as "header:x-session-id"',
    ),
    "affinity by no header": Bad(
        route("r", 'affinity = "header:"'),
        'routes[0].affinity: "header:" is nothing requests can be kept together by',
        "12:1",
        'one of "conversation", "prompt_cache_key", or such as "header:x-session-id"',
    ),
    "affinity by a secret": Bad(
        route("r", 'affinity = "header:X-Api-Key"'),
        "routes[0].affinity: this header holds a secret, which routing is not told",
        "12:1",
        '"conversation" needs no header; what belongs to a tenant is apart in any case',
    ),
    "a fallback to nothing": Bad(
        route("r", 'fallbacks = ["big", "bigg"]') + route("big"),
        'routes[0].fallbacks[1]: "bigg" is no route, no alias and no provider/model',
        "12:21",
        'did you mean "big"?',
    ),
    "a fallback to a provider that is not there": Bad(
        route("r", 'fallbacks = ["c/x"]'),
        'routes[0].fallbacks[0]: "c/x" is no route, no alias and no provider/model',
        "12:14",
        'did you mean "b/x"?',
    ),
    "a fallback to itself": Bad(
        route("r", 'aliases = ["me"]\nfallbacks = ["me"]'),
        "routes[0].fallbacks[0]: fallbacks go in a circle: r -> r",
        "13:14",
        "take this one out",
    ),
    "fallbacks in a circle": Bad(
        route("r", 'fallbacks = ["s"]')
        + route("s", 'fallbacks = ["a/x", "t"]')
        + route("t", 'fallbacks = ["s"]'),
        "routes[2].fallbacks[0]: fallbacks go in a circle: s -> t -> s",
        "22:14",
        "take this one out",
    ),
    "a rule that leads nowhere": Bad(
        route("r", 'rules = [{ route = "big" }]'),
        'routes[0].rules[0].route: "big" is no route, no alias and no provider/model',
        "12:12",
        "known: r, a/MODEL, b/MODEL",
    ),
    "rules in a circle": Bad(
        route("r", 'rules = [{ route = "s" }]') + route("s", 'rules = [{ route = "r" }]'),
        "routes[1].rules[0].route: rules go in a circle: r -> s -> r",
        "17:12",
        "take this one out",
    ),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_tells_what_is_wrong_where_and_what_to_do(bad: Bad, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as told:
        load_text(_HEAD + bad.routes, tmp_path)
    error = told.value
    assert (error.message, error.where, error.hint) == (
        bad.message,
        f"{tmp_path / 'modelmux.toml'}:{bad.place}",
        bad.hint,
    )


def test_a_fallback_that_its_provider_does_not_take_is_told_with_its_place(tmp_path: Path) -> None:
    loaded = load_text(_HEAD + route("r", 'fallbacks = ["b/demo", "b/dmo"]'), tmp_path)
    with pytest.raises(ConfigurationError) as told:
        Container(loaded=loaded, dry=True).planner()
    error = told.value
    assert error.message == 'routes[0].fallbacks[1]: the provider "b" has no model "dmo"'
    assert error.where == f"{tmp_path / 'modelmux.toml'}:12:24"
    assert error.hint == 'did you mean "demo"?'


def test_a_diamond_is_no_circle_and_a_single_target_takes_any_strategy(tmp_path: Path) -> None:
    text = (
        route("r", 'fallbacks = ["s", "t"]\nstrategy = "latency"')
        + route("s", 'fallbacks = ["u"]')
        + route("t", 'fallbacks = ["u"]')
        + route("u")
    )
    assert len(load_text(_HEAD + text, tmp_path).settings.routes) == 4


def test_a_long_row_of_fallbacks_is_no_trouble(tmp_path: Path) -> None:
    text = "".join(route(f"r{number}", f'fallbacks = ["r{number + 1}"]') for number in range(1100))
    loaded = load_text(_HEAD + text + route("r1100"), tmp_path)
    plan = Container(loaded=loaded, dry=True).planner().plan("r0")
    assert [target.name for target in plan.every_target] == ["a/demo"]


def test_a_plan_holds_what_its_route_says(tmp_path: Path) -> None:
    more = """\
strategy = "weighted"
affinity = "header:X-Session"
fallbacks = ["spare"]
failover_on = ["context_too_long"]
first_event_timeout_s = 5
total_timeout_s = 60
hedge_after_s = 2
"""
    targets = '{ provider = "a", model = "demo", weight = 3 }'
    spare = route("spare", targets='{ provider = "b", model = "demo" }')
    loaded = load_text(_HEAD + route("r", more, targets) + spare, tmp_path)
    plan = Container(loaded=loaded, dry=True).planner().plan("r")
    assert plan.strategy is Strategy.WEIGHTED
    assert plan.affinity == Affinity("header", "x-session")
    assert plan.terms == AttemptTerms(frozenset({"context_too_long"}), 5, 60, 2)
    assert plan.targets[0].weight == 3
    assert [target.name for target in plan.fallbacks] == ["b/demo"]
    assert wants_headers(loaded.settings)


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ("", False),
        ('affinity = "conversation"', False),
        ('affinity = "header:x-a"', True),
        ('rules = [{ refuse = "no" }]', True),
    ],
)
def test_headers_are_carried_only_where_something_reads_them(
    more: str, wanted: bool, tmp_path: Path
) -> None:
    loaded = load_text(_HEAD + route("r", more), tmp_path)
    assert wants_headers(loaded.settings) is wanted


def test_affinity_is_read_as_it_is_written() -> None:
    assert affinity_of(None) is None
    assert affinity_of("conversation") == Affinity("conversation")
    assert affinity_of("prompt_cache_key") == Affinity("prompt_cache_key")
