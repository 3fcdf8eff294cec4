"""Small values of the domain: deferred content, capability records, the error tree."""

import inspect

import pytest

from modelmux.domain import errors
from modelmux.domain.capabilities import (
    Capabilities,
    CapabilityRule,
    ImageInput,
    Thinking,
    refine,
    resolve,
)
from modelmux.domain.conversation import Vendor
from modelmux.domain.deferred import Deferred
from modelmux.domain.effort import Effort
from modelmux.domain.errors import ConfigurationError, ModelmuxError


def test_a_deferred_value_is_made_once_and_only_on_need() -> None:
    made: list[int] = []

    def make() -> int:
        made.append(1)
        return 7

    deferred = Deferred(make)
    assert made == []
    assert (deferred.get(), deferred.get(), made) == (7, 7, [1])


def test_a_deferred_value_that_cannot_be_made_says_so_each_time() -> None:
    deferred = Deferred[int](lambda: int("x"))
    for _ in range(2):
        with pytest.raises(ValueError, match="invalid literal"):
            deferred.get()


def test_rules_refine_a_record_in_their_order_for_the_names_they_match() -> None:
    rules = (
        CapabilityRule("claude-*", {"thinking": "budget", "max_output_tokens": 1}),
        CapabilityRule("claude-opus-5*", {"thinking": Thinking.ADAPTIVE}),
    )
    record = resolve(Capabilities(), rules, "claude-opus-5-5")
    assert (record.thinking, record.max_output_tokens) == (Thinking.ADAPTIVE, 1)
    assert resolve(Capabilities(), rules, "gemini") == Capabilities()


def test_changes_from_configuration_are_typed() -> None:
    record = refine(
        Capabilities(),
        {
            "effort_levels": ["low", "high"],
            "image_input": "bytes",
            "proofs": "google",
            "sampling": ["stop"],
            "max_stop": None,
            "max_temperature": 1,
            "tools": False,
        },
    )
    assert record.effort_levels == {Effort.LOW, Effort.HIGH}
    assert record.image_input is ImageInput.BYTES
    assert record.proofs is Vendor.GOOGLE
    assert record.sampling == {"stop"}
    assert (record.max_stop, record.max_temperature, record.tools) == (None, 1, False)


@pytest.mark.parametrize(
    "changes",
    [
        {"nope": 1},
        {"tools": 1},
        {"tools": "yes"},
        {"max_stop": True},
        {"max_stop": "3"},
        {"thinking": "hard"},
        {"effort_levels": ["huge"]},
        {"sampling": 3},
    ],
)
def test_changes_that_do_not_fit_are_refused_by_name(changes: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(changes))):
        refine(Capabilities(), changes)


def test_the_drawn_tree_of_errors_is_the_real_one() -> None:
    drawn = set((inspect.getdoc(errors) or "").split())
    for name, value in vars(errors).items():
        if inspect.isclass(value) and issubclass(value, ModelmuxError):
            assert name in drawn, f"{name} is missing from the drawing in errors.py"


def test_families_end_in_error_and_leaves_do_not() -> None:
    for value in vars(errors).values():
        if inspect.isclass(value) and issubclass(value, ModelmuxError):
            is_family = bool(value.__subclasses__()) and value is not errors.UpstreamRejected
            alone = value in (errors.ConfigurationError, errors.StoreError)
            assert value.__name__.endswith("Error") == (is_family or alone), value
