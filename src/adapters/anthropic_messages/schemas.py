"""The schemas of tools as Claude takes them: of objects."""

from ...domain.errors import InvalidRequest
from ...domain.json_values import JsonObject


def input_schema(parameters: JsonObject | None, *, param: str) -> JsonObject:
    """Return a tool's `parameters` as an object's schema.

    Raises:
        InvalidRequest: they describe something other than an object.
    """
    if parameters is None:
        return {"type": "object", "properties": {}}
    if parameters.get("type", "object") != "object":
        raise InvalidRequest("A tool's parameters must be of type object.", param=param)
    return parameters if "type" in parameters else {"type": "object", **parameters}
