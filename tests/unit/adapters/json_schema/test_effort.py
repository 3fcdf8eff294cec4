"""Schemas that would have the whole process wait are found out before they are tried."""

import json
import time

import pytest

from modelmux.adapters.json_schema.checker import JsonSchemaChecker
from modelmux.adapters.json_schema.effort import Foresight
from modelmux.domain.errors import InvalidRequest
from modelmux.domain.json_values import JsonObject, JsonValue

_SOON_S = 1.0  # without the bounds each of these takes more than ten


def _doubling(levels: int, word: str = "anyOf") -> JsonObject:
    parts: dict[str, JsonValue] = {f"a{levels}": {"type": "string"}}
    for level in range(levels):
        onward: JsonObject = {"$ref": f"#/$defs/a{level + 1}"}
        parts[f"a{level}"] = {word: [onward, onward]}
    return {"$defs": parts, "$ref": "#/$defs/a0"}


def _unevaluated(levels: int) -> JsonObject:
    parts: dict[str, JsonValue] = {f"a{levels}": {"properties": {"x": {}}}}
    for level in range(levels):
        onward: JsonObject = {"$ref": f"#/$defs/a{level + 1}"}
        parts[f"a{level}"] = {"unevaluatedProperties": False, "anyOf": [onward]}
    return {"$defs": parts, "$ref": "#/$defs/a0"}


def _recursive() -> JsonObject:
    inner: JsonObject = {"properties": {"x": {"$ref": "#"}}}
    return {"anyOf": [{**inner, "required": ["y"]}, {"oneOf": [inner, inner], "required": ["z"]}]}


def _nested(depth: int) -> str:
    return '{"z": 1, "x": ' * depth + "1" + "}" * depth


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        (_doubling(40), "1"),
        (_doubling(40, "allOf"), "1"),
        (_doubling(19), "1"),
        (_recursive(), _nested(40)),
        (_unevaluated(24), '{"x": 1}'),
        ({"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}, "1"),
        ({"items": {"type": "integer"}}, json.dumps(["a"] * 400_000)),
    ],
)
def test_what_takes_too_long_is_a_fault(schema: JsonObject, text: str) -> None:
    checker = JsonSchemaChecker()
    before = time.perf_counter()
    assert checker.check(schema, text) != ()
    assert time.perf_counter() - before < _SOON_S


@pytest.mark.parametrize(
    "patterns",
    [
        [rf"(a{{1,500}}){{1,{count}}}" for count in range(50, 100)],
        [rf"(\w{{1,90}}){{1,{1 + count % 8}}}{count}" for count in range(4000)],
    ],
)
def test_patterns_have_a_bound_together(patterns: list[str]) -> None:
    schema: JsonObject = {"anyOf": [{"pattern": pattern} for pattern in patterns]}
    before = time.perf_counter()
    with pytest.raises(InvalidRequest):
        JsonSchemaChecker().admit(schema)
    assert time.perf_counter() - before < _SOON_S


def _tree(depth: int) -> JsonValue:
    if not depth:
        return {"kind": "leaf", "value": 1}
    return {"kind": "both", "left": _tree(depth - 1), "right": _tree(depth - 1)}


_EXPRESSION: JsonObject = {
    "$defs": {
        "leaf": {
            "type": "object",
            "properties": {"kind": {"const": "leaf"}, "value": {"type": "integer"}},
            "required": ["kind", "value"],
        },
        "both": {
            "type": "object",
            "properties": {
                "kind": {"const": "both"},
                "left": {"$ref": "#/$defs/any"},
                "right": {"$ref": "#/$defs/any"},
            },
            "required": ["kind", "left", "right"],
        },
        "any": {"anyOf": [{"$ref": "#/$defs/leaf"}, {"$ref": "#/$defs/both"}]},
    },
    "$ref": "#/$defs/any",
}


@pytest.mark.parametrize(
    ("schema", "value", "fits"),
    [
        (_EXPRESSION, _tree(9), True),
        (_EXPRESSION, {"kind": "leaf"}, False),
        ({"items": {"type": "integer"}}, list(range(200_000)), True),
        ({"$defs": {"n~/%": {"type": "null"}}, "$ref": "#/$defs/n~0~1%25"}, None, True),
        ({"$defs": {"n": {"$anchor": "here", "type": "null"}}, "$ref": "#here"}, 1, False),
        ({"$id": "https://a.test/s", "items": {"$ref": "https://a.test/s#/items"}}, [], True),
    ],
)
def test_what_people_write_is_checked(schema: JsonObject, value: JsonValue, fits: bool) -> None:
    faults = JsonSchemaChecker().check(schema, json.dumps(value))
    assert (faults == ()) is fits
    assert not any("steps" in fault for fault in faults)


def test_a_fault_in_a_large_answer_says_where_it_stands() -> None:
    value: list[JsonValue] = [{"a": 1}] * 2000
    value[1999] = {"a": "x"}
    schema: JsonObject = {"items": {"properties": {"a": {"type": "integer"}}}}
    (fault,) = JsonSchemaChecker().check(schema, json.dumps(value))
    assert fault.startswith("$[1999].a")


def test_schemas_within_that_have_an_address_are_not_foreseen() -> None:
    schema: JsonObject = {"$defs": {"a": {"$id": "https://a.test/a", "$ref": "#"}}}
    with pytest.raises(InvalidRequest, match="id of its own"):
        JsonSchemaChecker().admit(schema)


@pytest.mark.parametrize("levels", [1, 3, 8])
def test_steps_are_those_that_are_taken(levels: int) -> None:
    foresight = Foresight(_doubling(levels))
    # Each level is a reference and two choices, the last a type.
    assert 2**levels <= foresight.steps(1, 1, 10**6) < 4 * 2 ** (levels + 1)


def test_a_long_text_is_not_held_against_many_patterns() -> None:
    schema: JsonObject = {"anyOf": [{"pattern": f"(a|b{n})*c$"} for n in range(90)]}
    text = json.dumps("ab" * 500_000)
    started = time.process_time()
    (fault,) = JsonSchemaChecker().check(schema, text)
    assert "patterns" in fault
    assert time.process_time() - started < 0.25
