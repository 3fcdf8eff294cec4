"""The laws of `RuleEngine`."""

from abc import ABC, abstractmethod

import pytest

from modelmux.application.ports import FactKind, RuleEngine
from modelmux.domain.errors import ConfigurationError

NAMES = {"request.tenant": FactKind.TEXT, "request.headers": FactKind.TEXT_MAP}
OURS = "request.tenant == 'ours'"
HEADER = "request.headers['x-mode'] == 'fast'"
UNKNOWN = "request.modle == 'x'"
BROKEN = "request.tenant =="


class RuleEngineContract(ABC):
    """Inherit, and give an `engine` that reads the expressions above as CEL does."""

    @pytest.fixture
    @abstractmethod
    def engine(self) -> RuleEngine: ...

    def test_a_rule_holds_or_does_not_each_time_anew(self, engine: RuleEngine) -> None:
        rule = engine.compile(OURS, NAMES)
        assert [rule.holds({"request.tenant": one}) for one in ("ours", "b", "ours")] == [
            True, False, True,
        ]  # fmt: skip

    def test_it_says_which_variables_it_needs(self, engine: RuleEngine) -> None:
        assert engine.compile(OURS, NAMES).uses == {"request.tenant"}

    def test_what_it_does_not_need_does_no_harm(self, engine: RuleEngine) -> None:
        rule = engine.compile(OURS, NAMES)
        assert rule.holds({"request.tenant": "ours", "request.headers": {}, "other": 1})

    def test_what_is_not_there_cannot_be_told(self, engine: RuleEngine) -> None:
        rule = engine.compile(HEADER, NAMES)
        assert rule.holds({"request.headers": {"x-mode": "fast"}})
        with pytest.raises(ValueError, match=r"\w"):
            rule.holds({"request.headers": {}})

    @pytest.mark.parametrize("text", [UNKNOWN, BROKEN, "", f"{OURS}{' ' * 3000}"])
    def test_what_cannot_work_is_refused_when_it_is_compiled(
        self, engine: RuleEngine, text: str
    ) -> None:
        with pytest.raises(ConfigurationError) as refusal:
            engine.compile(text, NAMES)
        assert refusal.value.message
        assert refusal.value.where is None
