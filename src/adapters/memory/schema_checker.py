"""A checker that understands the plainest schemas: kinds, members and what is required."""

import json

from ...application.ports import SchemaChecker
from ...domain.errors import InvalidRequest
from ...domain.json_values import JsonObject, JsonValue

_KINDS: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}


class PlainChecker(SchemaChecker):
    """Knows `type`, `properties`, `required` and `items`; `checked` keeps every text."""

    def __init__(self) -> None:
        self.checked: list[str] = []

    def admit(self, schema: JsonObject) -> None:
        kind = schema.get("type")
        if "$ref" in schema or (kind is not None and kind not in _KINDS):
            raise InvalidRequest("That is no schema known here.", param="response_format")
        members = schema.get("properties")
        for inner in members.values() if isinstance(members, dict) else ():
            if isinstance(inner, dict):
                self.admit(inner)

    def check(self, schema: JsonObject, text: str) -> tuple[str, ...]:
        self.admit(schema)
        self.checked.append(text)
        try:
            value: JsonValue = json.loads(text)
        except ValueError:
            return ("$: not JSON",)
        return tuple(_faults(schema, value, "$"))


def _faults(schema: JsonObject, value: JsonValue, place: str) -> list[str]:
    kind = schema.get("type")
    if isinstance(kind, str):
        truth = isinstance(value, bool) and kind != "boolean"
        if truth or not isinstance(value, _KINDS[kind]):
            return [f"{place}: not of type {kind}"]
    faults: list[str] = []
    members, required, items = (schema.get(key) for key in ("properties", "required", "items"))
    if isinstance(value, dict):
        wanted = required if isinstance(required, list) else []
        faults += [f"{place}: {name} is missing" for name in wanted if name not in value]
        for name, inner in members.items() if isinstance(members, dict) else ():
            if name in value and isinstance(inner, dict):
                faults += _faults(inner, value[name], f"{place}.{name}")
    elif isinstance(value, list) and isinstance(items, dict):
        for number, one in enumerate(value):
            faults += _faults(items, one, f"{place}[{number}]")
    return faults
