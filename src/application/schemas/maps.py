"""Objects whose members a schema does not name."""

from ...domain.json_values import JsonValue
from .keywords import DATA, NAME_MAPS


def has_maps(schema: JsonValue) -> bool:
    """Whether `schema` has, at any depth, an object with members of the author's choosing.

    Closed, such an object could hold nothing of what it is for.
    """
    if isinstance(schema, list):
        return any(has_maps(inner) for inner in schema)
    if not isinstance(schema, dict):
        return False
    free = schema.get("additionalProperties")
    if isinstance(free, dict) or (free is True and not schema.get("properties")):
        return True
    if schema.get("patternProperties"):
        return True
    for key, value in schema.items():
        if key in NAME_MAPS and isinstance(value, dict):
            if any(has_maps(inner) for inner in value.values()):
                return True
        elif key not in DATA and has_maps(value):
            return True
    return False
