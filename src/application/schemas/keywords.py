"""JSON Schemas without the keywords that a provider refuses."""

from collections.abc import Collection

from ...domain.json_values import JsonObject, JsonValue

# Members whose keys are names chosen by the schema's author, not keywords.
NAME_MAPS = frozenset(
    {"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"}
)
# Members whose values are data, not schemas.
DATA = frozenset({"const", "enum", "default", "examples", "required"})


def without_keywords(schema: JsonObject, refused: Collection[str], dropped: set[str]) -> JsonObject:
    """Return `schema` without the `refused` keywords at any depth; note them in `dropped`.

    `x-*` among them is each that begins so.
    """
    kept: JsonObject = {}
    for key, value in schema.items():
        if key in refused or (key.startswith("x-") and "x-*" in refused):
            dropped.add(key)
        elif key in NAME_MAPS and isinstance(value, dict):
            kept[key] = {name: _simpler(inner, refused, dropped) for name, inner in value.items()}
        elif key in DATA:
            kept[key] = value
        else:
            kept[key] = _simpler(value, refused, dropped)
    return kept


def _simpler(value: JsonValue, refused: Collection[str], dropped: set[str]) -> JsonValue:
    if isinstance(value, dict):
        return without_keywords(value, refused, dropped)
    if isinstance(value, list):
        return [_simpler(inner, refused, dropped) for inner in value]
    return value
