"""Planning: which targets a name stands for."""

import pytest

from modelmux.adapters.memory.scripted import Script, ScriptedProvider
from modelmux.application.plan import ProviderEntry
from modelmux.application.planning import Planner, RouteSpec, TargetSpec
from modelmux.domain.adjustments import Policy
from modelmux.domain.capabilities import Thinking
from modelmux.domain.errors import ConfigurationError, ModelNotFound
from tests.support.asking import HELLO_EVENTS, entry

LLM = ScriptedProvider(Script((HELLO_EVENTS,)))


def targets(planner: Planner, name: str) -> list[str]:
    return [f"{t.provider.name}/{t.model}" for t in planner.plan(name).targets]


def test_a_route_gives_its_targets_in_their_order_with_a_reason_each() -> None:
    route = RouteSpec("fast", (TargetSpec("a", "x"), TargetSpec("b", "y")), ("quick",))
    planner = Planner([entry("a", LLM), entry("b", LLM)], [route])
    assert targets(planner, "fast") == ["a/x", "b/y"]
    assert targets(planner, "quick") == ["a/x", "b/y"]
    assert str(planner.plan("fast")) == (
        "fast -> a/x: target 1 of route fast; b/y: target 2 of route fast"
    )


def test_a_listed_model_goes_to_each_provider_that_lists_it() -> None:
    planner = Planner([entry("a", LLM, models=("m",)), entry("b", LLM, models=("m", "n"))])
    assert targets(planner, "m") == ["a/m", "b/m"]
    assert targets(planner, "n") == ["b/n"]
    assert [(model.id, model.owned_by) for model in planner.models()] == [("m", "a"), ("n", "b")]


def test_a_caller_may_name_the_provider_and_a_model_with_slashes() -> None:
    planner = Planner([entry("a", LLM), entry("b", LLM)])
    assert targets(planner, "b/org/model") == ["b/org/model"]


def test_a_provider_without_a_list_takes_any_name_and_one_with_a_list_does_not() -> None:
    assert targets(Planner([entry("a", LLM)]), "whatever") == ["a/whatever"]
    closed = Planner([entry("a", LLM, models=("gpt-4.1",))])
    with pytest.raises(ModelNotFound) as caught:
        closed.plan("GPT-4.2")
    assert caught.value.nearest == ("gpt-4.1",)
    with pytest.raises(ModelNotFound):
        Planner(
            [
                ProviderEntry(
                    "a", "t", LLM, entry("a", LLM).capabilities, ("m",), accepts=str.isupper
                )
            ]
        ).plan("a/x")


def test_what_an_upstream_is_found_to_serve_is_listed_and_preferred() -> None:
    planner = Planner([entry("a", LLM), entry("b", LLM)])
    assert targets(planner, "llama") == ["a/llama"]
    planner.learn("b", ["llama"])
    assert targets(planner, "llama") == ["b/llama"]
    assert [model.id for model in planner.models()] == ["llama"]


def test_overrides_of_a_target_refine_its_capabilities_and_the_route_its_policy() -> None:
    spec = TargetSpec("a", "x", {"thinking": "none", "max_stop": 2})
    planner = Planner([entry("a", LLM)], [RouteSpec("r", (spec,), policy=Policy.REJECT)])
    plan = planner.plan("r")
    assert plan.targets[0].capabilities.thinking is Thinking.NONE
    assert plan.targets[0].capabilities.max_stop == 2
    assert plan.policy is Policy.REJECT


def test_remembered_names_are_bounded() -> None:
    planner = Planner([entry("a", LLM)])
    for number in range(5000):
        planner.plan(f"name-{number}")
    assert targets(planner, "name-0") == ["a/name-0"]


def behind(model: str, *fallbacks: str) -> RouteSpec:
    return RouteSpec(model, (TargetSpec("a", model),), fallbacks=fallbacks)


@pytest.mark.parametrize(
    ("routes", "words"),
    [
        ([RouteSpec("r", ())], "no targets"),
        ([RouteSpec("r", (TargetSpec("aa", "x"),))], "not configured"),
        ([RouteSpec("r", (TargetSpec("a", "x"),), ("r",))], "two routes"),
        ([RouteSpec("r", (TargetSpec("a", "x", {"nope": 1}),))], "no capability"),
        ([RouteSpec("r", (TargetSpec("a", "x", {"tools": 1}),))], "true or false"),
        ([behind("r", "nobody")], "no route, alias or provider/model"),
        ([behind("r", "r")], "in a circle: r -> r"),
        ([behind("r", "s"), behind("s", "t"), behind("t", "s")], "in a circle: s -> t -> s"),
    ],
)
def test_a_contradictory_configuration_is_refused(routes: list[RouteSpec], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        Planner([entry("a", LLM)], routes)


def test_fallbacks_are_followed_to_their_ends_and_met_once() -> None:
    routes = [
        behind("r", "s", "also-t", "b/spare"),
        behind("s", "t", "u"),
        RouteSpec("t", (TargetSpec("b", "t"),), ("also-t",), fallbacks=("u",)),
        RouteSpec("u", (TargetSpec("a", "r"), TargetSpec("b", "u"))),
    ]
    plan = Planner([entry("a", LLM), entry("b", LLM)], routes).plan("r")
    assert [target.name for target in plan.targets] == ["a/r"]
    assert [(target.name, target.reason) for target in plan.fallbacks] == [
        ("a/s", "fallback s of route r"),
        ("b/t", "fallback t of route s"),
        ("b/u", "fallback u of route t"),
        ("b/spare", "fallback b/spare of route r"),
    ]


def test_a_model_that_a_provider_lists_is_a_fallback_too() -> None:
    planner = Planner([entry("a", LLM), entry("b", LLM, models=("m",))], [behind("r", "m")])
    assert [target.name for target in planner.plan("r").fallbacks] == ["b/m"]


def test_two_providers_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="same name"):
        Planner([entry("a", LLM), entry("a", LLM)])
