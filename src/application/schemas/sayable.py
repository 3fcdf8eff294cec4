"""Whether a target can be held to a schema, said in the forms that it takes."""

from ...domain.capabilities import SchemaForm
from ...domain.json_values import JsonObject
from .maps import has_maps
from .recursion import is_recursive
from .root import at_top


def sayable(schema: JsonObject, forms: frozenset[SchemaForm]) -> bool:
    """Whether `schema` keeps its sense without what `forms` name."""
    if SchemaForm.ROOT in forms and at_top(schema).get("type") != "object":
        return False
    if SchemaForm.OPEN_OBJECTS in forms and has_maps(schema):
        return False
    return SchemaForm.RECURSION not in forms or not is_recursive(schema)
