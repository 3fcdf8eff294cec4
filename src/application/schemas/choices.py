"""Choices among schemas: which exclude each other, and a list of types as a choice."""

from collections.abc import Callable, Sequence

from ...domain.json_values import JsonObject, JsonValue

_TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")
_MOST_COMPARED = 64  # options, each with each
# Keywords that say something of values of one kind alone.
_OF_KIND = {
    "string": frozenset(
        {"minLength", "maxLength", "pattern", "format", "contentEncoding", "contentMediaType"}
    ),
    "number": frozenset(
        {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "format"}
    ),
    "array": frozenset(
        {
            "items", "prefixItems", "additionalItems", "contains", "minContains", "maxContains",
            "minItems", "maxItems", "uniqueItems", "unevaluatedItems",
        }
    ),
    "object": frozenset(
        {
            "properties", "required", "additionalProperties", "patternProperties", "propertyNames",
            "minProperties", "maxProperties", "dependentRequired", "dependentSchemas",
            "unevaluatedProperties",
        }
    ),
}  # fmt: skip
_OF_SOME_KIND = frozenset[str]().union(*_OF_KIND.values())
# What is about the whole, and is said once.
_ABOUT = frozenset({"title", "description", "default", "examples", "$comment", "deprecated"})
_WHOLE = _ABOUT | {"$schema", "$id", "$defs", "definitions"}


def by_type(node: JsonObject) -> JsonObject:
    """Return a schema with a list of types as a choice of one schema a type."""
    kinds = node.get("type")
    if not isinstance(kinds, list):
        return node
    names = list(dict.fromkeys(kind for kind in kinds if isinstance(kind, str)))
    if len(names) == 1:
        return {**node, "type": names[0]}
    whole: JsonObject = {key: value for key, value in node.items() if key in _WHOLE}
    options: list[JsonValue] = []
    for name in names:
        option = _option(node, name)
        if option is not None:
            options.append(option)
    if not options:
        return {**node, "type": names[0]} if names else node
    if len(options) == 1 and isinstance(options[0], dict):
        return {**whole, **options[0]}
    return {**whole, "anyOf": options}


def _option(node: JsonObject, kind: str) -> JsonObject | None:
    own = _OF_KIND.get("number" if kind == "integer" else kind, frozenset[str]())
    option: JsonObject = {"type": kind}
    for key, value in node.items():
        if key in _WHOLE or key == "type" or (key in _OF_SOME_KIND and key not in own):
            continue
        if key == "enum" and isinstance(value, list):
            value = [one for one in value if _is_of(one, kind)]
            if not value:
                return None
        elif key == "const" and not _is_of(value, kind):
            return None
        option[key] = value
    return option


def _is_of(value: JsonValue, kind: str) -> bool:
    match kind:
        case "null":
            return value is None
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
            return whole and not isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "string":
            return isinstance(value, str)
        case "array":
            return isinstance(value, list)
        case "object":
            return isinstance(value, dict)
        case _:
            return False


def are_apart(options: Sequence[JsonValue], found: Callable[[JsonValue], JsonObject]) -> bool:
    """Whether it can be seen that no value is valid for two of `options`.

    `found` looks references up.
    """
    plain: list[JsonObject] = []
    if len(options) > _MOST_COMPARED:
        return False
    for option in options:
        if not isinstance(option, dict):
            return False
        if "$ref" in option:
            option = found(option["$ref"]) if len(option) == 1 else {}
        plain.append(option)
    return all(
        _two_apart(one, other) for place, one in enumerate(plain) for other in plain[place + 1 :]
    )


def _two_apart(one: JsonObject, other: JsonObject) -> bool:
    here, there = _kinds(one), _kinds(other)
    if not here & there:
        return True
    left, right = _values(one), _values(other)
    if left is not None and right is not None and not left & right:
        return True
    if here | there != frozenset({"object"}):
        return False
    mine, others = one.get("properties"), other.get("properties")
    if not (isinstance(mine, dict) and isinstance(others, dict)):
        return False
    for name in _required(one) & _required(other):
        first, second = mine.get(name), others.get(name)
        if isinstance(first, dict) and isinstance(second, dict):
            left, right = _values(first), _values(second)
            if left is not None and right is not None and not left & right:
                return True
    return False


def _kinds(node: JsonObject) -> frozenset[str]:
    kind = node.get("type")
    names = kind if isinstance(kind, list) else [kind]
    kinds = {name for name in names if isinstance(name, str)} or set(_TYPES)
    # A whole number is of both kinds.
    return frozenset(kinds | ({"integer"} if "number" in kinds else set()))


def _values(node: JsonObject) -> frozenset[str] | None:
    """Return the texts that are allowed, None where others than texts may be."""
    listed = [node["const"]] if "const" in node else node.get("enum")
    if not isinstance(listed, list):
        return None
    texts = [value for value in listed if isinstance(value, str)]
    return frozenset(texts) if len(texts) == len(listed) else None


def _required(node: JsonObject) -> frozenset[str]:
    names = node.get("required")
    listed = names if isinstance(names, list) else []
    return frozenset(name for name in listed if isinstance(name, str))
