"""The scripted rules of tests keep the port's laws."""

from collections.abc import Mapping
from typing import cast

import pytest

from modelmux.adapters.memory.rule_engine import ScriptedRuleEngine
from modelmux.application.ports import RuleEngine
from tests.contracts.rule_engine import HEADER, OURS, UNKNOWN, RuleEngineContract


def _is_fast(variables: Mapping[str, object]) -> bool:
    headers = cast("dict[str, str]", variables["request.headers"])  # cast: the test's own
    return headers["x-mode"] == "fast"


class TestScriptedRuleEngine(RuleEngineContract):
    @pytest.fixture
    def engine(self) -> RuleEngine:
        return ScriptedRuleEngine(
            {
                OURS: (frozenset({"request.tenant"}), lambda v: v["request.tenant"] == "ours"),
                HEADER: (frozenset({"request.headers"}), _is_fast),
                UNKNOWN: (frozenset({"request.modle"}), lambda _: True),
            }
        )
