"""Rules in CEL, the Common Expression Language, run by Google's own implementation.

It checks types when it compiles, bounds the depth of expressions and the steps of their macros, and
its regular expressions take linear time: what a caller sends can make a rule fail, never linger.

Source: the CEL specification, https://github.com/cel-expr/cel-spec/blob/master/doc/langdef.md.
"""

import re
from collections.abc import Mapping

from cel_expr_python import cel  # type: ignore[import-untyped]  # has stubs, but no py.typed

from ...application.ports import MAX_EXPRESSION_LETTERS, FactKind, Rule, RuleEngine
from ...domain.errors import ConfigurationError

# A number is not declared as a double: CEL would refuse to compare it with a whole one.
_TYPES: Mapping[FactKind, cel.Type] = {
    FactKind.FLAG: cel.Type.BOOL,
    FactKind.NUMBER: cel.Type.DYN,
    FactKind.TEXT: cel.Type.STRING,
    FactKind.TEXTS: cel.Type.List(cel.Type.STRING),
    FactKind.TEXT_MAP: cel.Type.Map(cel.Type.STRING, cel.Type.STRING),
    FactKind.WHOLE: cel.Type.INT,
}
_FAULT = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")
_UNKNOWN = re.compile(r"undeclared reference to '([^']*)'")
_PATTERN = re.compile(r"""\.matches\s*\(\s*([rR]?("[^"\\]*"|'[^'\\]*'))\s*\)""")
_STATUS = re.compile(r"^[A-Z_]+: | \[[A-Z_]+\]$")  # the library's own codes around its words


class CelRule(Rule):
    """One program; evaluating takes some microseconds."""

    __slots__ = ("_program", "_uses")

    def __init__(self, program: cel.Expression, uses: frozenset[str]) -> None:
        self._program = program
        self._uses = uses

    @property
    def uses(self) -> frozenset[str]:
        return self._uses

    def holds(self, variables: Mapping[str, object]) -> bool:
        try:
            value = self._program.eval(data=variables).value()
        except (RuntimeError, ValueError, TypeError) as error:
            raise ValueError(_words(str(error))) from error
        if value is True or value is False:
            return value
        raise ValueError(_words(str(value)))  # errors are values in CEL


class CelRuleEngine(RuleEngine):
    def __init__(self) -> None:
        self._environments: dict[tuple[tuple[str, FactKind], ...], cel.Env] = {}

    def compile(self, text: str, names: Mapping[str, FactKind]) -> Rule:
        if len(text) > MAX_EXPRESSION_LETTERS:
            raise ConfigurationError(
                f"an expression has at most {MAX_EXPRESSION_LETTERS} letters, this one {len(text)}"
            )
        uses = frozenset(name for name in names if _may_use(text, name))
        for name in sorted(uses):
            # `has` is for members of maps; of a variable it gives what is neither true nor false.
            if re.search(rf"\bhas\s*\(\s*{_spelled(name)}\s*\)", text):
                raise ConfigurationError(
                    f"has({name}) cannot be asked: the variable is always there",
                    hint=f"write {name} != null",
                )
        try:
            program = self._environment(names).compile(text)
        except (RuntimeError, ValueError) as error:
            raise _refused(str(error), names) from error
        _check_patterns(text)
        told = program.return_type()
        if told != cel.Type.BOOL:
            raise ConfigurationError(
                f"an expression is true or false, this one is {told.name().lower()}",
                hint="compare it with something",
            )
        return CelRule(program, uses)

    def _environment(self, names: Mapping[str, FactKind]) -> cel.Env:
        key = tuple(names.items())
        known = self._environments.get(key)
        if known is None:
            variables = {name: _TYPES[kind] for name, kind in names.items()}
            known = self._environments[key] = cel.NewEnv(variables=variables)
        return known


def _check_patterns(text: str) -> None:
    """Raise for a regular expression that cannot work: the library looks at them as they run."""
    for pattern in _PATTERN.finditer(text):
        told = cel.NewEnv(variables={}).compile(f"''.matches({pattern[1]})").eval(data={}).value()
        if told is not True and told is not False:
            raise ConfigurationError(f"{_words(str(told))} (letter {pattern.start(1) + 1})")


def _may_use(text: str, name: str) -> bool:
    """Whether the name stands somewhere; one too many does no harm, a comment may part one."""
    return "//" in text or re.search(rf"\b{_spelled(name)}\b", text) is not None


def _spelled(name: str) -> str:
    return r"\s*\.\s*".join(re.escape(part) for part in name.split("."))


def _refused(told: str, names: Mapping[str, FactKind]) -> ConfigurationError:
    fault = _FAULT.search(told)
    sentence, column = (fault[3], int(fault[2])) if fault else (_words(told), 0)
    unknown = _UNKNOWN.match(sentence)
    if unknown is not None:
        known = ", ".join(names)
        return ConfigurationError(
            f'there is no "{unknown[1]}" (letter {column})', hint=f"there are {known}"
        )
    place = f" (letter {column})" if column > 0 else ""
    return ConfigurationError(f"{sentence[:300]}{place}")


def _words(told: str) -> str:
    return _STATUS.sub("", told.splitlines()[0] if told else "it has no value")[:300]
