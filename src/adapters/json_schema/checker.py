"""The checker behind which jsonschema-rs stands. Source: JSON Schema, drafts 4 to 2020-12."""

import json
from collections import OrderedDict
from hashlib import blake2b

import jsonschema_rs

from ...application.ports import SchemaChecker
from ...domain.errors import InvalidRequest
from ...domain.json_values import JsonObject, JsonValue
from .effort import Foresight, Unforeseeable

MAX_SCHEMA_CHARS = 262_144
MAX_TEXT_CHARS = 2_097_152
_MOST_FAULTS = 5
_MOST_CHARS = 200
# Patterns come from callers: how many steps a search takes before it is given up, how large one
# gets compiled (bytes), and how many there may be.
_PATTERNS = jsonschema_rs.FancyRegexOptions(
    backtrack_limit=100_000, size_limit=262_144, dfa_size_limit=262_144
)
_MOST_PATTERN_WEIGHT = 2000
# Weights times characters: 150 million of them take a second, and the process waits.
_MOST_SEARCHED = 20_000_000
# A step of the check takes some 20 ns, one whose fault is told some 10 µs: all are told at once.
_MOST_STEPS = 5_000_000
_MOST_TOLD_STEPS = 10_000


class JsonSchemaChecker(SchemaChecker):
    """Keeps the `remembered` schemas that were used last compiled."""

    def __init__(
        self,
        *,
        remembered: int = 128,
        max_schema_chars: int = MAX_SCHEMA_CHARS,
        max_text_chars: int = MAX_TEXT_CHARS,
    ) -> None:
        self._remembered = remembered
        self._max_schema_chars = max_schema_chars
        self._max_text_chars = max_text_chars
        self._compiled: OrderedDict[bytes, tuple[jsonschema_rs.Validator, Foresight]] = (
            OrderedDict()
        )

    def admit(self, schema: JsonObject) -> None:
        self._validator(schema)

    def check(self, schema: JsonObject, text: str) -> tuple[str, ...]:
        validator, foresight = self._validator(schema)
        if len(text) > self._max_text_chars:
            return (f"$: longer than the {self._max_text_chars} characters that are checked",)
        try:
            value: JsonValue = json.loads(text, parse_constant=_no_constant)
        except ValueError:
            return ("$: not JSON",)
        except RecursionError:
            return ("$: nested too deep",)
        if foresight.pattern_weight * len(text) > _MOST_SEARCHED:
            return ("$: too long to be held against so many patterns",)
        values = 1 + sum(map(text.count, ",[{"))
        steps = foresight.steps(value, values, _MOST_STEPS)
        if steps >= _MOST_STEPS:
            return ("$: takes more steps than are checked",)
        faults: list[str] = []
        try:
            if validator.is_valid(value):
                return ()
            if steps >= _MOST_TOLD_STEPS:
                steps = foresight.steps(value, values, _MOST_TOLD_STEPS, exact=True)
            if steps >= _MOST_TOLD_STEPS:
                return ("$: does not fit",)
            for fault in validator.iter_errors(value):
                faults.append(f"{_place(fault.instance_path)}: {fault.message}"[:_MOST_CHARS])
                if len(faults) == _MOST_FAULTS:
                    break
        except ValueError as error:
            faults.append(f"$: could not be checked: {error}"[:_MOST_CHARS])
        return tuple(faults)

    def _validator(self, schema: JsonObject) -> tuple[jsonschema_rs.Validator, Foresight]:
        try:
            text = json.dumps(schema, sort_keys=True, separators=(",", ":"))
        except RecursionError:
            raise InvalidRequest(
                "A schema that nests so deeply is not checked.", param="response_format"
            ) from None
        key = blake2b(text.encode(), digest_size=16).digest()
        found = self._compiled.get(key)
        if found is not None:
            self._compiled.move_to_end(key)
            return found
        if len(text) > self._max_schema_chars:
            raise InvalidRequest(
                f"A schema of more than {self._max_schema_chars} characters is not checked.",
                param="response_format",
            )
        try:
            foresight = Foresight(schema)
            if foresight.pattern_weight > _MOST_PATTERN_WEIGHT:
                raise ValueError("it has too many patterns")
            validator = jsonschema_rs.validator_for(
                schema, retriever=_fetch_nothing, pattern_options=_PATTERNS, mask="the value"
            )
        except (ValueError, jsonschema_rs.ReferencingError, Unforeseeable) as error:
            said = str(error).partition("\n")[0][:_MOST_CHARS]
            raise InvalidRequest(
                f"Answers cannot be checked against the schema: {said}", param="response_format"
            ) from error
        made = self._compiled[key] = (validator, foresight)
        if len(self._compiled) > self._remembered:
            self._compiled.popitem(last=False)
        return made


def _fetch_nothing(uri: str) -> None:
    raise ValueError(f"it refers to {uri[:100]!r}, which is not in it")


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _place(path: list[str | int]) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return "$" + "".join(steps)
