"""The part of the container that compiles rules, once a route has some."""

from collections.abc import Mapping

from ...adapters.cel.engine import CelRuleEngine
from ...application.plan import RouteRules
from ...application.ports import FactKind, PriceBook, Rule, RuleEngine
from ...application.routing.facts import OF_BOTH, OF_REQUEST
from ...application.routing.rules import Action, GoTo, Keep, Prefer, Refuse, RouteRule, RuleSet
from ...domain.errors import ConfigurationError
from ..settings.file import Loaded
from ..settings.origins import Origins, spell
from ..settings.routing import RuleSettings
from ..settings.toml_positions import KeyPath

_ALWAYS = "true"


def build(loaded: Loaded, prices: PriceBook) -> dict[str, RouteRules]:
    """Return the rules of each route that has some, by its name.

    Raises:
        ConfigurationError: an expression does not compile; with its place.
    """
    compiling = _Compiling(CelRuleEngine(), loaded.origins)
    found: dict[str, RouteRules] = {}
    for number, route in enumerate(loaded.settings.routes):
        rules = [
            compiling.rule(rule, ("routes", number, "rules", index), index)
            for index, rule in enumerate(route.rules)
        ]
        if rules:
            found[route.model] = RuleSet(tuple(rules), prices)
    return found


class _Compiling:
    def __init__(self, engine: RuleEngine, origins: Origins) -> None:
        self._engine = engine
        self._origins = origins

    def rule(self, rule: RuleSettings, path: KeyPath, index: int) -> RouteRule:
        name = f'rule "{rule.name}"' if rule.name else f"rule {index + 1}"
        always = rule.when.strip() == _ALWAYS
        when = None if always else self._expression(rule.when, OF_REQUEST, (*path, "when"))
        return RouteRule(name, when, self._action(rule, path))

    def _action(self, rule: RuleSettings, path: KeyPath) -> Action:
        if rule.keep is not None:
            return Keep(self._expression(rule.keep, OF_BOTH, (*path, "keep")))
        if rule.prefer is not None:
            return Prefer(self._expression(rule.prefer, OF_BOTH, (*path, "prefer")))
        if rule.route is not None:
            return GoTo(rule.route)
        return Refuse(rule.refuse or "")  # that there is exactly one was checked

    def _expression(self, text: str, names: Mapping[str, FactKind], path: KeyPath) -> Rule:
        try:
            return self._engine.compile(text, names)
        except ConfigurationError as error:
            told = f"{spell(path)}: {error.message}"
            raise self._origins.error(path, told, hint=error.hint) from error
