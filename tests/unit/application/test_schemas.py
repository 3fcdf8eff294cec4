"""Schemas said otherwise: the same values are valid, or it is told that others may be."""

import contextlib
import json
import re
import time
from collections.abc import Callable
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmux.application.schemas import (
    at_top,
    has_maps,
    is_recursive,
    rewritten,
    sayable,
    without_keywords,
)
from modelmux.domain.capabilities import SchemaForm
from modelmux.domain.errors import UnsupportedFeature
from modelmux.domain.json_values import JsonObject, JsonValue

ALL = frozenset(SchemaForm) - {SchemaForm.ROOT, SchemaForm.RECURSION}
SAME = ALL - {SchemaForm.OPEN_OBJECTS}
"""The forms whose rewriting, where nothing is lost, changes nothing."""

values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "b", 0.5, 1.0]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "kind"]), inner, max_size=3)
    ),
    max_leaves=6,
)
kinds = st.sampled_from(["null", "boolean", "integer", "number", "string", "array", "object"])


def _nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    some = st.lists(inner, min_size=1, max_size=3)
    return st.fixed_dictionaries(
        {},
        optional={
            "type": kinds | st.lists(kinds, min_size=1, max_size=3, unique=True),
            "properties": st.dictionaries(st.sampled_from(["a", "b", "kind"]), inner, max_size=2),
            "required": st.lists(st.sampled_from(["a", "b"]), unique=True, max_size=2),
            "items": inner,
            "anyOf": some,
            "oneOf": some,
            "allOf": some,
            "prefixItems": some,
            "not": inner,
        },
    )


leaves: st.SearchStrategy[Any] = st.one_of(
    st.just(dict[str, Any]()),
    st.fixed_dictionaries({"type": kinds | st.lists(kinds, min_size=1, max_size=3, unique=True)}),
    st.fixed_dictionaries({"const": st.none() | st.booleans() | st.integers(0, 1)}),
    st.fixed_dictionaries({"enum": st.lists(values, min_size=1, max_size=3)}),
    st.fixed_dictionaries({"type": st.just("integer"), "exclusiveMinimum": st.integers(-2, 2)}),
    st.fixed_dictionaries({"exclusiveMaximum": st.integers(-2, 2), "minimum": st.integers(-2, 2)}),
    st.fixed_dictionaries({"minItems": st.integers(0, 2), "maxItems": st.integers(0, 2)}),
    st.sampled_from([{"$ref": "#/$defs/one"}, {"$ref": "#/$defs/two"}, {"$ref": "#"}]),
)
plain: st.SearchStrategy[Any] = st.recursive(leaves, _nested, max_leaves=8)


def _rooted(root: JsonObject, one: JsonObject, two: JsonObject) -> JsonObject:
    return {**root, "$defs": {"one": one, "two": two}}


schemas: st.SearchStrategy[JsonObject] = st.builds(_rooted, plain, leaves, plain)
form_sets = st.sets(st.sampled_from(sorted(SAME))).map(frozenset)


def is_valid(schema: JsonObject, value: Any) -> bool | None:
    """Return whether `value` is; None where the schema only leads back to itself."""
    try:
        return jsonschema_rs.validator_for(schema).is_valid(value)
    except (ValueError, RecursionError):
        return None


@given(schemas, form_sets, st.lists(values, min_size=1, max_size=8))
@settings(max_examples=150)
def test_where_nothing_is_lost_the_same_values_are_valid(
    schema: JsonObject, forms: frozenset[SchemaForm], some: list[Any]
) -> None:
    if _circles(schema):
        return
    try:
        said = rewritten(schema, forms, param="p")
    except UnsupportedFeature:
        return  # it grew beyond measure
    if said.lost:
        return
    for value in some:
        assert is_valid(said.schema, value) == is_valid(schema, value), said.schema


def _circles(schema: JsonObject) -> bool:
    """Whether a reference leads to itself without a step into a value: no value is valid then."""
    text = json.dumps(schema["$defs"])
    return '"$ref": "#"' in json.dumps(schema) or text.count("$ref") > 1


@given(schemas, form_sets)
@settings(max_examples=80)
def test_what_was_to_go_is_gone(schema: JsonObject, forms: frozenset[SchemaForm]) -> None:
    try:
        said = rewritten(schema, forms, param="p").schema
    except UnsupportedFeature:
        return
    words = set(_keywords(said))
    for form, gone in {
        SchemaForm.REFS: {"$ref", "$defs"},
        SchemaForm.ONE_OF: {"oneOf"},
        SchemaForm.TUPLES: {"prefixItems"},
        SchemaForm.CONST: {"const"},
        SchemaForm.EXCLUSIVE: {"exclusiveMinimum", "exclusiveMaximum"},
        SchemaForm.TYPE_LISTS: {"types"},
    }.items():
        if form in forms:
            assert not words & gone
    if {SchemaForm.ALL_OF, SchemaForm.REFS} <= forms:
        assert "allOf" not in words


def _keywords(schema: JsonValue) -> list[str]:
    if isinstance(schema, list):
        return [word for one in schema for word in _keywords(one)]
    if not isinstance(schema, dict):
        return []
    words: list[str] = ["types"] if isinstance(schema.get("type"), list) else []
    for key, value in schema.items():
        words.append(key)
        if key in ("properties", "$defs") and isinstance(value, dict):
            words += [word for one in value.values() for word in _keywords(one)]
        elif key not in ("const", "enum", "required", "type"):
            words += _keywords(value)
    return words


def said_of(schema: JsonObject, *forms: SchemaForm) -> tuple[JsonObject, tuple[str, ...]]:
    said = rewritten(schema, frozenset(forms), param="p")
    return said.schema, said.lost


TEXT: JsonObject = {"type": "string"}


def test_references_give_way_to_what_they_name() -> None:
    schema: JsonObject = {
        "type": "object",
        "properties": {
            "a": {"$ref": "#/$defs/x~1y", "description": "Mine."},
            "b": {"$ref": "#/definitions/z%20z"},
        },
        "$defs": {"x/y": {"type": "string", "description": "Its own."}},
        "definitions": {"z z": TEXT},
    }
    assert said_of(schema, SchemaForm.REFS) == (
        {
            "type": "object",
            "properties": {"a": {"type": "string", "description": "Mine."}, "b": TEXT},
        },
        (),
    )


def test_a_recursive_reference_is_cut_and_told() -> None:
    tree: JsonObject = {
        "type": "object",
        "properties": {"children": {"type": "array", "items": {"$ref": "#"}}},
    }
    said, lost = said_of(tree, SchemaForm.REFS)
    assert "$ref" not in json.dumps(said)
    assert lost == ("$ref (a recursive one was cut)",)
    assert is_valid(said, {"children": [{"children": [{"children": []}]}]})


@pytest.mark.parametrize("reference", ["#/$defs/none", "http://127.0.0.1/s", "#anchor", "x.json"])
def test_what_is_not_in_the_schema_is_refused_by_name(reference: str) -> None:
    with pytest.raises(UnsupportedFeature, match=re.escape(repr(reference))):
        rewritten({"$ref": reference}, ALL, param="response_format")


def chained(step: Callable[[JsonObject], JsonObject]) -> dict[str, Any]:
    """Return thirty schemas, each made of a reference to the next."""
    named: dict[str, Any] = {f"d{n}": step({"$ref": f"#/$defs/d{n + 1}"}) for n in range(30)}
    return {**named, "d30": TEXT}


def test_a_schema_that_grows_beyond_measure_is_refused() -> None:
    named = chained(lambda next_: {"properties": dict.fromkeys("abcd", next_)})
    for forms in (frozenset({SchemaForm.REFS}), ALL):
        with pytest.raises(UnsupportedFeature, match="too large"):
            rewritten({"$ref": "#/$defs/d0", "$defs": named}, forms, param="p")


@pytest.mark.parametrize(
    "schema",
    [
        {"allOf": [{"$ref": "#"}]},
        {"allOf": [{"$ref": "#/$defs/d0"}], "$defs": chained(lambda n: {"allOf": [n, n, TEXT]})},
        {
            "anyOf": [{"$ref": "#/$defs/e", "enum": [0]}] * 2000,
            "$defs": {"e": {"enum": [*range(50_000)]}},
        },
        {"prefixItems": [{"const": n} for n in range(9000)]},
        {"oneOf": [{"const": str(n)} for n in range(9000)]},
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
    ],
)
def test_whatever_a_schema_holds_the_work_is_bounded(schema: JsonObject) -> None:
    began = time.monotonic()
    with contextlib.suppress(UnsupportedFeature):
        rewritten(schema, ALL, param="p")
    assert time.monotonic() - began < 2


def test_a_deep_schema_is_refused() -> None:
    deep: JsonObject = {}
    for _ in range(300):
        deep = {"items": deep}
    with pytest.raises(UnsupportedFeature, match="too deep"):
        rewritten(deep, ALL, param="p")


KIND = {"kind": {"const": "a"}}
OTHER = {"kind": {"const": "b"}}


@pytest.mark.parametrize(
    ("options", "lost"),
    [
        ([{"type": "string"}, {"type": "null"}], 0),
        ([{"type": "integer"}, {"type": "number"}], 1),
        ([{"enum": ["a"]}, {"enum": ["b", "c"]}], 0),
        ([{"enum": ["a"]}, {"enum": ["a", "c"]}], 1),
        (
            [
                {"type": "object", "properties": KIND, "required": ["kind"]},
                {"type": "object", "properties": OTHER, "required": ["kind"]},
            ],
            0,
        ),
        (
            [
                {"type": "object", "properties": KIND},
                {"type": "object", "properties": OTHER, "required": ["kind"]},
            ],
            1,
        ),
    ],
)
def test_one_of_several_that_exclude_each_other_is_any_of_them(
    options: list[Any], lost: int
) -> None:
    said = rewritten({"oneOf": options}, frozenset({SchemaForm.ONE_OF}), param="p")
    assert said.schema == {"anyOf": options}
    assert len(said.lost) == lost


@pytest.mark.parametrize(
    ("schema", "form", "left", "lost"),
    [
        (
            {"type": ["string", "null"], "minLength": 1, "title": "T"},
            SchemaForm.TYPE_LISTS,
            {"title": "T", "anyOf": [{"type": "string", "minLength": 1}, {"type": "null"}]},
            0,
        ),
        (
            {"type": ["string", "null"], "enum": ["a", None]},
            SchemaForm.TYPE_LISTS,
            {"anyOf": [{"type": "string", "enum": ["a"]}, {"type": "null", "enum": [None]}]},
            0,
        ),
        (
            {"allOf": [{"type": "object", "required": ["a"]}, {"required": ["b"]}]},
            SchemaForm.ALL_OF,
            {"type": "object", "required": ["a", "b"]},
            0,
        ),
        (
            {"pattern": "a", "allOf": [{"pattern": "b"}]},
            SchemaForm.ALL_OF,
            {"pattern": "a"},
            1,
        ),
        (
            {"prefixItems": [TEXT, {"type": "null"}], "items": False},
            SchemaForm.TUPLES,
            {"items": {"anyOf": [TEXT, {"type": "null"}]}, "maxItems": 2},
            1,
        ),
        (
            {"prefixItems": [TEXT, TEXT], "items": False},
            SchemaForm.TUPLES,
            {"items": TEXT, "maxItems": 2},
            0,
        ),
        ({"prefixItems": [TEXT]}, SchemaForm.TUPLES, {"items": TEXT, "maxItems": 1}, 1),
        (
            {"type": "integer", "exclusiveMinimum": 2, "exclusiveMaximum": 8.5},
            SchemaForm.EXCLUSIVE,
            {"type": "integer", "minimum": 3, "maximum": 8},
            0,
        ),
        (
            {"type": "number", "exclusiveMinimum": 2},
            SchemaForm.EXCLUSIVE,
            {"type": "number", "minimum": 2},
            1,
        ),
        ({"const": 1}, SchemaForm.CONST, {"enum": [1]}, 0),
        (
            {"type": "object", "properties": {"a": {"properties": {}}, "b": TEXT}},
            SchemaForm.OPEN_OBJECTS,
            {
                "type": "object",
                "properties": {"a": {"properties": {}, "additionalProperties": False}, "b": TEXT},
                "additionalProperties": False,
            },
            0,
        ),
        (
            {"not": {"properties": {"a": TEXT}}},
            SchemaForm.OPEN_OBJECTS,
            {"not": {"properties": {"a": TEXT}}},
            0,
        ),
    ],
)
def test_each_form_has_another(
    schema: JsonObject, form: SchemaForm, left: JsonObject, lost: int
) -> None:
    said, words = said_of(schema, form)
    assert (said, len(words)) == (left, lost)
    assert said_of(schema)[0] == schema


def test_names_that_look_like_keywords_are_names() -> None:
    schema: JsonObject = {
        "type": "object",
        "properties": {"const": TEXT, "oneOf": TEXT, "$ref": TEXT, "allOf": TEXT},
        "enum": [{"const": 1}],
    }
    assert said_of(schema, *SAME) == (schema, ())


@pytest.mark.parametrize(
    ("schema", "maps"),
    [
        ({"properties": {"a": {"additionalProperties": TEXT}}}, True),
        ({"type": "object", "additionalProperties": True}, True),
        ({"patternProperties": {"^x": TEXT}}, True),
        ({"properties": {"a": TEXT}, "additionalProperties": True}, False),
        ({"properties": {"additionalProperties": {"type": "object"}}}, False),
        ({"enum": [{"additionalProperties": {"a": 1}}]}, False),
    ],
)
def test_maps_are_found(schema: JsonObject, maps: bool) -> None:
    assert has_maps(schema) is maps


LIST: JsonObject = {"type": "array", "items": {"$ref": "#/$defs/tree"}}
TREE: JsonObject = {"type": "object", "properties": {"kids": LIST}}


@pytest.mark.parametrize(
    ("schema", "recursive"),
    [
        ({"$defs": {"tree": TREE}, "$ref": "#/$defs/tree"}, True),
        ({"items": {"$ref": "#"}}, True),
        ({"anyOf": [{"$ref": "#/anyOf/1"}, {"not": {"$ref": "#/anyOf/0"}}]}, True),
        ({"$defs": {"a": TEXT}, "items": {"$ref": "#/$defs/a"}}, False),
        ({"properties": {"$ref": {"const": {"$ref": "#"}}}}, False),
        ({"$ref": "#/nowhere"}, False),
    ],
)
def test_what_leads_back_to_itself_is_found(schema: JsonObject, recursive: bool) -> None:
    assert is_recursive(schema) is recursive
    assert sayable(schema, frozenset({SchemaForm.RECURSION})) is not recursive


def test_long_chains_of_references_are_followed() -> None:
    links: dict[str, JsonValue] = {f"n{at}": {"$ref": f"#/$defs/n{at + 1}"} for at in range(20_000)}
    assert not is_recursive({"$defs": {**links, "n20000": TEXT}, "$ref": "#/$defs/n0"})
    assert is_recursive({"$defs": {**links, "n20000": {"$ref": "#/$defs/n0"}}})


@pytest.mark.parametrize(
    ("schema", "top"),
    [
        (
            {"$defs": {"tree": TREE}, "$ref": "#/$defs/tree", "title": "T"},
            {"$defs": {"tree": TREE}, "title": "T", **TREE},
        ),
        ({"$ref": "#/nowhere"}, {"$ref": "#/nowhere"}),
        ({"$ref": "#"}, {"$ref": "#"}),
        (TEXT, TEXT),
    ],
)
def test_a_reference_at_the_top_gives_way(schema: JsonObject, top: JsonObject) -> None:
    assert at_top(schema) == top
    root = frozenset({SchemaForm.ROOT})
    assert rewritten(schema, root, param="p").schema == top
    assert sayable(schema, root) is (top.get("type") == "object")


def test_whole_families_of_keywords_are_refused_by_a_star() -> None:
    dropped: set[str] = set()
    schema: JsonObject = {"x-order": 1, "properties": {"x-y": {"x-z": 1, **TEXT}}}
    assert without_keywords(schema, {"x-*"}, dropped) == {"properties": {"x-y": TEXT}}
    assert dropped == {"x-order", "x-z"}
