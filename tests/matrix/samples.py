"""What the requests of all three dialects share, so that they ask for the same."""

from typing import Any, Final

# Any: JSON in the shape of whatever dialect.
Json = dict[str, Any]

PIXEL: Final = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
IMAGE_URL: Final = "https://images.example/cat.png"
PDF: Final = "JVBERi0xLjQKJSVFT0YK"
NOTES: Final = "VGhlIHBhc3N3b3JkIGlzIG5vdCBpbiBoZXJlLg=="  # The password is not in here.

CITY: Final[Json] = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "Its name."}},
    "required": ["city"],
}
CLOSED_CITY: Final[Json] = {**CITY, "additionalProperties": False}
PERSON: Final[Json] = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
# Each form that some provider does not take as it stands.
RICH: Final[Json] = {
    "type": "object",
    "$defs": {
        "point": {
            "type": "object",
            "properties": {"x": {"type": "number"}, "y": {"type": "number"}},
            "required": ["x", "y"],
            "additionalProperties": False,
        }
    },
    "properties": {
        "at": {"$ref": "#/$defs/point"},
        "label": {"type": ["string", "null"]},
        "shape": {"anyOf": [{"const": "round"}, {"const": "square"}]},
        "pair": {
            "type": "array",
            "prefixItems": [{"type": "string"}, {"type": "integer"}],
            "items": False,
        },
        "count": {"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 10},
    },
    "required": ["at", "label", "shape", "pair", "count"],
    "additionalProperties": False,
}
SYSTEM: Final = "You are a terse weather service."
LATER: Final = "From now on answer in French."
LONG: Final = 30
