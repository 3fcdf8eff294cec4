"""Rules that tests write as functions."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from ...application.ports import MAX_EXPRESSION_LETTERS, FactKind, Rule, RuleEngine
from ...domain.errors import ConfigurationError

Told: TypeAlias = Callable[[Mapping[str, object]], bool]


class ScriptedRule(Rule):
    def __init__(self, uses: frozenset[str], told: Told) -> None:
        self._uses = uses
        self._told = told

    @property
    def uses(self) -> frozenset[str]:
        return self._uses

    def holds(self, variables: Mapping[str, object]) -> bool:
        try:
            return self._told({name: variables[name] for name in self.uses})
        except (LookupError, TypeError) as error:
            raise ValueError(f"it has no value: {error}") from error


class ScriptedRuleEngine(RuleEngine):
    """Takes for each text the variables it uses, and what it comes to."""

    def __init__(self, script: Mapping[str, tuple[frozenset[str], Told]]) -> None:
        self._script = script

    def compile(self, text: str, names: Mapping[str, FactKind]) -> Rule:
        if len(text) > MAX_EXPRESSION_LETTERS:
            raise ConfigurationError("the expression is too long")
        if text not in self._script:
            raise ConfigurationError("this does not parse")
        uses, told = self._script[text]
        for name in uses:
            if name not in names:
                raise ConfigurationError(f'there is no "{name}"')
        return ScriptedRule(uses, told)
