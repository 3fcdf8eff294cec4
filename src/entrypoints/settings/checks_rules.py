"""What cannot work of a route's rules, beside their expressions and names."""

from .origins import Origins, spell
from .routing import RuleSettings
from .sections import Settings
from .toml_positions import KeyPath

ACTIONS = ("keep", "prefer", "route", "refuse")
_MAX_SENTENCE = 500


def check_rules(settings: Settings, origins: Origins) -> None:
    """Raise for the first rule that does nothing, or more than one thing.

    Raises:
        ConfigurationError: with its place.
    """
    for number, route in enumerate(settings.routes):
        for index, rule in enumerate(route.rules):
            _check_rule(rule, ("routes", number, "rules", index), origins)


def _check_rule(rule: RuleSettings, path: KeyPath, origins: Origins) -> None:
    done = {
        "keep": rule.keep,
        "prefer": rule.prefer,
        "route": rule.route,
        "refuse": rule.refuse,
    }
    written = [action for action, value in done.items() if value is not None]
    if not written:
        raise origins.error(
            path,
            f"{spell(path)}: this rule does nothing",
            hint=f"write one of {', '.join(ACTIONS)}",
        )
    if len(written) > 1:
        raise origins.error(
            (*path, written[-1]),
            f"{spell(path)}: {' and '.join(written)} are several things to do",
            hint="a rule does one; write a second one, which has its say after it",
        )
    sentence = rule.refuse
    if sentence is not None and (not sentence.strip() or len(sentence) > _MAX_SENTENCE):
        raise origins.error(
            (*path, "refuse"),
            f"{spell(path)}: refuse is a sentence for the caller, of up to {_MAX_SENTENCE} letters",
        )
