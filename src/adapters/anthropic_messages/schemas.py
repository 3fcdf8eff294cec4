"""JSON Schemas as Claude takes them where it promises to hold to them: every object is closed."""

from ...domain.errors import InvalidRequest, UnsupportedFeature
from ...domain.json_values import JsonObject, JsonValue

# Members whose values are maps of names to schemas.
_SCHEMA_MAPS = frozenset({"properties", "$defs", "definitions"})
# Members whose values are schemas, or lists of them.
_SCHEMAS = frozenset({"items", "prefixItems", "anyOf", "oneOf", "allOf", "additionalItems"})


def close_objects(schema: JsonObject, *, param: str) -> JsonObject:
    """Return `schema` with `additionalProperties: false` on each object, at any depth.

    What is valid for the closed schema is valid for the open one.

    Raises:
        UnsupportedFeature: an object is a map, whose members a closed schema could not have.
    """
    closed: JsonObject = {}
    for key, value in schema.items():
        if key in _SCHEMA_MAPS and isinstance(value, dict):
            closed[key] = {name: _close(inner, param) for name, inner in value.items()}
        elif key in _SCHEMAS:
            closed[key] = _close(value, param)
        elif key == "additionalProperties" and isinstance(value, dict):
            raise UnsupportedFeature(
                "The model takes no schema with `additionalProperties` other than false.",
                param=param,
            )
        else:
            closed[key] = value
    kind = schema.get("type")
    if kind == "object" or (isinstance(kind, list) and "object" in kind) or "properties" in schema:
        closed["additionalProperties"] = False
    return closed


def _close(value: JsonValue, param: str) -> JsonValue:
    if isinstance(value, dict):
        return close_objects(value, param=param)
    if isinstance(value, list):
        return [_close(inner, param) for inner in value]
    return value


def input_schema(parameters: JsonObject | None, *, strict: bool, param: str) -> JsonObject:
    """Return a tool's `parameters` as an object's schema.

    Raises:
        InvalidRequest: they describe something other than an object.
    """
    if parameters is None:
        return {"type": "object", "properties": {}}
    kind = parameters.get("type", "object")
    if kind != "object":
        raise InvalidRequest("A tool's parameters must be of type object.", param=param)
    schema = parameters if "type" in parameters else {"type": "object", **parameters}
    return close_objects(schema, param=param) if strict else schema
