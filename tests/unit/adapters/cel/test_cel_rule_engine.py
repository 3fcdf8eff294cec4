"""Rules in CEL: what compiles, what is refused and how, and that nothing lingers."""

import time

import pytest

from modelmux.adapters.cel.engine import CelRuleEngine
from modelmux.application.ports import FactKind, RuleEngine
from modelmux.application.routing.facts import OF_BOTH
from modelmux.domain.errors import ConfigurationError
from tests.contracts.rule_engine import RuleEngineContract


class TestCelRuleEngine(RuleEngineContract):
    @pytest.fixture
    def engine(self) -> RuleEngine:
        return CelRuleEngine()


@pytest.mark.parametrize(
    ("text", "told", "hint"),
    [
        ("request.modle == 'x'", 'there is no "request.modle" (letter 8)', "request.model"),
        ("request['model'] == 'x'", 'there is no "request" (letter 1)', "request.model"),
        ("foo > 1", 'there is no "foo" (letter 1)', "request.model"),
        ("request.tokens == 'many'", "found no matching overload for '_==_'", None),
        ("request.tokens", "an expression is true or false, this one is int", "compare"),
        ("request.model", "an expression is true or false, this one is string", "compare"),
        ("request.tokens >", "Syntax error", None),
        ("(" * 900 + "true" + ")" * 900, "limit", None),
        ("has(target.latency_s) && true", "has(target.latency_s) cannot be asked", "!= null"),
        ("request.model.upper() == 'X'", 'there is no "upper"', None),
        ("request.model.matches('(')", "invalid regular expression", None),
        ('request.tokens > 1 && request.model.matches(r"gpt-[")', "(letter 45)", None),
    ],
)
def test_a_mistake_is_told_where_it_is(text: str, told: str, hint: str | None) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        CelRuleEngine().compile(text, OF_BOTH)
    assert told in refusal.value.message
    assert hint is None or hint in (refusal.value.hint or "")


@pytest.mark.parametrize(
    ("text", "facts", "holds"),
    [
        ("target.price_input < 3", {"target.price_input": 2.5}, True),
        ("target.price_input < 2.5", {"target.price_input": 3}, False),
        ("target.latency_s == null", {"target.latency_s": None}, True),
        (
            "target.latency_s != null && target.latency_s < 1",
            {"target.latency_s": None},
            False,
        ),
        ("'gold' in request.tags", {"request.tags": ["gold"]}, True),
        ("request.tags.exists(t, t.startsWith('team-'))", {"request.tags": ["x"]}, False),
        ("has(request.headers.x)", {"request.headers": {}}, False),
        ("'x-a' in request.headers", {"request.headers": {"x-a": ""}}, True),
        ("request . model == 'm'", {"request.model": "m"}, True),
        ("request.model.matches('^gpt-[0-9]')", {"request.model": "gpt-5"}, True),
        ("request.model == 'request.tenant'", {"request.model": "m", "request.tenant": "t"}, False),
    ],
)
def test_expressions_people_write(text: str, facts: dict[str, object], holds: bool) -> None:
    rule = CelRuleEngine().compile(text, OF_BOTH)
    assert rule.uses == set(facts)
    assert rule.holds(facts) is holds


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("target.latency_s < 1", {"target.latency_s": None}),
        ("request.headers['x'] == 'y'", {"request.headers": {}}),
        ("request.tokens / 0 > 1", {"request.tokens": 1}),
        ("request.tokens * 9223372036854775807 > 1", {"request.tokens": 2}),
        ("request.tokens > 1", {"request.tokens": 2**80}),
        ("request.model.matches(request.tenant)", {"request.model": "m", "request.tenant": "("}),
        ("request.model == 'x'", {"request.model": "\ud800"}),
        ("request.model == 'x'", {"request.model": object()}),
        ("request.model == 'x'", {}),
    ],
)
def test_what_cannot_be_told_of_a_request_is_one_kind_of_error(
    text: str, facts: dict[str, object]
) -> None:
    rule = CelRuleEngine().compile(text, OF_BOTH)
    with pytest.raises(ValueError, match=r"\w") as failure:
        rule.holds(facts)
    assert len(str(failure.value)) <= 300


def test_macros_in_macros_end_soon() -> None:
    text = "request.tags.all(a, request.tags.all(b, request.tags.all(c, a + b + c != 'x')))"
    rule = CelRuleEngine().compile(text, {"request.tags": FactKind.TEXTS})
    began = time.perf_counter()
    with pytest.raises(ValueError, match="budget"):
        rule.holds({"request.tags": [str(number) for number in range(300)]})
    assert time.perf_counter() - began < 0.5


def test_a_pattern_takes_linear_time() -> None:
    names = {"request.model": FactKind.TEXT}
    rule = CelRuleEngine().compile("request.model.matches('(a+)+$')", names)
    began = time.perf_counter()
    assert not rule.holds({"request.model": "a" * 50_000 + "b"})
    assert time.perf_counter() - began < 0.5
