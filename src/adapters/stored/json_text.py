"""JSON values as text: exact for integers of any size and for any string."""

import json
from collections.abc import Sequence

from ...domain.json_values import JsonObject, JsonValue


def json_text(value: JsonObject | Sequence[JsonObject]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def decode_object(text: bytes) -> JsonObject:
    """Return the object that `text` is.

    Raises:
        ValueError: it is none.
    """
    value: JsonValue = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    return value


def decode_objects(text: bytes) -> tuple[JsonObject, ...]:
    """Return the objects of an array.

    Raises:
        ValueError: it is none, or holds something else.
    """
    value: JsonValue = json.loads(text)
    if not isinstance(value, list):
        raise ValueError("not a JSON array")
    objects = tuple(one for one in value if isinstance(one, dict))
    if len(objects) != len(value):
        raise ValueError("not JSON objects alone")
    return objects
