"""Two schemas as the one that is valid where both are."""

import json
from collections.abc import Callable, Mapping
from typing import TypeGuard

from ...domain.json_values import JsonObject, JsonValue

_ABOUT = frozenset({"title", "description", "default", "examples", "$comment", "deprecated"})


def merged(left: JsonObject, right: JsonObject) -> JsonObject | None:
    """Return a schema that holds where `left` and `right` both do; None if no simple one does.

    What is said about the value, and not of it, is `left`'s first.
    """
    if not _same_leftovers(left, right):
        return None
    result = dict(left)
    for key, value in right.items():
        if key not in result or same(result[key], value):
            result[key] = value
            continue
        if key in _ABOUT:
            continue
        merge = _MERGES.get(key)
        said = None if merge is None else merge(result[key], value)
        if said is None:
            return None
        result[key] = said
    return result


def same(one: JsonValue, other: JsonValue) -> bool:
    """Whether two values are the same in JSON: to Python True is 1."""
    return one == other and json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _same_leftovers(left: JsonObject, right: JsonObject) -> bool:
    """Whether what each says of members it does not name means the same once they are one."""
    for one, other in ((left, right), (right, left)):
        closed = one.get("additionalProperties", True) is not True
        if closed or "unevaluatedProperties" in one or "patternProperties" in one:
            own, more = one.get("properties"), other.get("properties")
            named = set(own) if isinstance(own, dict) else set[str]()
            if isinstance(more, dict) and not set(more) <= named:
                return False
        tuples = ("prefixItems", "unevaluatedItems", "contains")
        if any(key in one and key in other and not same(one[key], other[key]) for key in tuples):
            return False
        if "prefixItems" in one and not same(one.get("items"), other.get("items")):
            return False
    return True


def _least(one: JsonValue, other: JsonValue) -> JsonValue:
    return min(one, other) if _is_number(one) and _is_number(other) else None


def _most(one: JsonValue, other: JsonValue) -> JsonValue:
    return max(one, other) if _is_number(one) and _is_number(other) else None


def _all(one: JsonValue, other: JsonValue) -> JsonValue:
    if not (isinstance(one, list) and isinstance(other, list)):
        return None
    return list(dict.fromkeys(name for name in (*one, *other) if isinstance(name, str)))


def _both(one: JsonValue, other: JsonValue) -> JsonValue:
    if not (isinstance(one, list) and isinstance(other, list)):
        return None
    known = {json.dumps(value, sort_keys=True) for value in other}
    return [value for value in one if json.dumps(value, sort_keys=True) in known] or None


def _type(one: JsonValue, other: JsonValue) -> JsonValue:
    left, right = _types(one), _types(other)
    found = [name for name in left if name in right]
    for here, there in ((left, right), (right, left)):
        if "integer" in here and "number" in there and "integer" not in found:
            found.append("integer")
    if not found:
        return None
    return found[0] if len(found) == 1 else [*found]


def _types(value: JsonValue) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []


def _schema(one: JsonValue, other: JsonValue) -> JsonValue:
    if isinstance(one, dict) and isinstance(other, dict):
        return merged(one, other)
    if one is True:
        return other
    return one if other is True else None


def _members(one: JsonValue, other: JsonValue) -> JsonValue:
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return None
    result = dict(one)
    for name, schema in other.items():
        if name in result and not same(result[name], schema):
            both = _schema(result[name], schema)
            if both is None:
                return None
            result[name] = both
        else:
            result[name] = schema
    return result


def _either(one: JsonValue, other: JsonValue) -> JsonValue:
    return True if one is True or other is True else None


def _is_number(value: JsonValue) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


_MERGES: Mapping[str, Callable[[JsonValue, JsonValue], JsonValue]] = {
    "type": _type,
    "enum": _both,
    "required": _all,
    "properties": _members,
    "$defs": _members,
    "definitions": _members,
    "items": _schema,
    "minimum": _most,
    "exclusiveMinimum": _most,
    "minLength": _most,
    "minItems": _most,
    "minProperties": _most,
    "maximum": _least,
    "exclusiveMaximum": _least,
    "maxLength": _least,
    "maxItems": _least,
    "maxProperties": _least,
    "uniqueItems": _either,
}
