"""What stands at the top of a schema."""

from ...domain.json_values import JsonObject
from .merging import merged
from .references import named

_MOST_REFERENCES = 8


def at_top(schema: JsonObject) -> JsonObject:
    """Return `schema` with what it refers to at the top in place of the reference, if that can be.

    A model that holds itself is written so by Pydantic: a reference, and beside it what it names.
    """
    top = schema
    for _ in range(_MOST_REFERENCES):
        if "$ref" not in top:
            return top
        found = named(schema, top["$ref"])
        if not isinstance(found, dict):
            return schema
        both = merged({key: value for key, value in top.items() if key != "$ref"}, found)
        if both is None:
            return schema
        top = both
    return schema
