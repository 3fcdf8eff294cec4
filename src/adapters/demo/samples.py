"""Values that are valid for a JSON Schema: always the same one for the same schema."""

from ...domain.errors import UnsupportedFeature
from ...domain.json_values import JsonObject, JsonValue

_DEEPEST = 32
_MOST_VALUES = 2000
_LONGEST_TEXT = 4000
_BEYOND = 2**63
_FORMATS = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "duration": "PT1H",
    "email": "demo@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "hostname": "example.com",
}


def sample(schema: JsonObject) -> JsonValue:
    """Return a value valid for `schema`.

    Raises:
        UnsupportedFeature: the schema needs what this cannot make (a pattern, endless recursion).
    """
    try:
        return _sample(schema, _Root(schema), 0)
    except ArithmeticError as error:
        raise UnsupportedFeature(
            "The demo cannot find a number in such bounds.", param="tools"
        ) from error


class _Root:
    """The whole schema, into which references lead, and how many values were made for it."""

    __slots__ = ("made", "schema")

    def __init__(self, schema: JsonObject) -> None:
        self.schema = schema
        self.made = 0


def _sample(schema: JsonValue, root: _Root, depth: int) -> JsonValue:
    root.made += 1
    if depth > _DEEPEST or root.made > _MOST_VALUES:
        raise UnsupportedFeature("The demo cannot fill a schema this deep.", param="tools")
    if not isinstance(schema, dict):
        return "demo"
    if "const" in schema:
        return schema["const"]
    enum = schema.get("enum")
    if isinstance(enum, list) and enum:
        return enum[0]
    reference = schema.get("$ref")
    if isinstance(reference, str):
        return _sample(_resolve(reference, root), root, depth + 1)
    for union in ("anyOf", "oneOf"):
        options = schema.get(union)
        if isinstance(options, list) and options:
            return _sample(options[0], root, depth + 1)
    parts = schema.get("allOf")
    if isinstance(parts, list) and parts:
        return _sample(_merged(schema, parts, root), root, depth + 1)
    return _typed(schema, root, depth)


def _typed(schema: JsonObject, root: _Root, depth: int) -> JsonValue:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = kind[0] if kind else None
    if kind is None:
        kind = "object" if "properties" in schema else "array" if "items" in schema else "string"
    match kind:
        case "object":
            return _object(schema, root, depth)
        case "array":
            return _array(schema, root, depth)
        case "integer":
            return int(_number(schema, whole=True))
        case "number":
            return _number(schema, whole=False)
        case "boolean":
            return True
        case "null":
            return None
        case _:
            return _text(schema)


def _object(schema: JsonObject, root: _Root, depth: int) -> JsonObject:
    properties = schema.get("properties")
    known = properties if isinstance(properties, dict) else {}
    required = schema.get("required")
    names = (
        [name for name in required if isinstance(name, str)] if isinstance(required, list) else []
    )
    wanted = dict.fromkeys([*(name for name in known if name in names), *names])
    if not wanted and depth == 0:
        wanted = dict.fromkeys(known)
    return {name: _sample(known.get(name), root, depth + 1) for name in wanted}


def _array(schema: JsonObject, root: _Root, depth: int) -> list[JsonValue]:
    first = schema.get("prefixItems")
    fixed = [_sample(item, root, depth + 1) for item in first] if isinstance(first, list) else []
    least = schema.get("minItems")
    most = schema.get("maxItems")
    count = max(int(least) if isinstance(least, int) else 1, len(fixed))
    if isinstance(most, int):
        count = min(count, most)
    rest = schema.get("items")
    return fixed + [_sample(rest, root, depth + 1) for _ in range(count - len(fixed))]


def _number(schema: JsonObject, *, whole: bool) -> float:
    step = _bound(schema, "multipleOf") or (1 if whole else 0)
    low, high = _bound(schema, "minimum"), _bound(schema, "maximum")
    above, below = _bound(schema, "exclusiveMinimum"), _bound(schema, "exclusiveMaximum")
    if above is not None:
        low = above + (step or 0.5)
    if below is not None:
        high = below - (step or 0.5)
    value = 1.0 if low is None else max(1.0, low)
    if high is not None and value > high:
        value = high
    if step:
        value = -(-value // step) * step
        if high is not None and value > high:
            value -= step
    if not abs(value) < _BEYOND:
        raise OverflowError
    return value


def _bound(schema: JsonObject, name: str) -> float | None:
    value = schema.get(name)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _text(schema: JsonObject) -> str:
    if "pattern" in schema:
        raise UnsupportedFeature("The demo cannot make text for a pattern.", param="tools")
    form = schema.get("format")
    text = _FORMATS.get(form, "demo") if isinstance(form, str) else "demo"
    least, most = schema.get("minLength"), schema.get("maxLength")
    if isinstance(least, int):
        if least > _LONGEST_TEXT:
            raise UnsupportedFeature("The demo makes no text this long.", param="tools")
        text = text.ljust(least, "o")
    return text[:most] if isinstance(most, int) else text


def _resolve(reference: str, root: _Root) -> JsonValue:
    found: JsonValue = root.schema
    for step in reference.removeprefix("#").strip("/").split("/"):
        if step and isinstance(found, dict):
            found = found.get(step.replace("~1", "/").replace("~0", "~"))
    return found


def _merged(schema: JsonObject, parts: list[JsonValue], root: _Root) -> JsonObject:
    """Return one schema for all of `allOf`: properties and requirements together."""
    properties: JsonObject = {}
    required: list[JsonValue] = []
    merged: JsonObject = {}
    for part in [{key: value for key, value in schema.items() if key != "allOf"}, *parts]:
        if isinstance(part, dict) and isinstance(part.get("$ref"), str):
            part = _resolve(str(part["$ref"]), root)
        if not isinstance(part, dict):
            continue
        merged.update(part)
        more, names = part.get("properties"), part.get("required")
        properties.update(more if isinstance(more, dict) else {})
        required.extend(names if isinstance(names, list) else [])
    if properties:
        merged["properties"] = properties
    if required:
        merged["required"] = required
    return merged
