"""Schemas that lead back to themselves."""

from collections.abc import Iterator

from ...domain.json_values import JsonObject, JsonValue
from .keywords import DATA, NAME_MAPS
from .references import named


def is_recursive(schema: JsonObject) -> bool:
    """Whether some part of `schema` refers to what it is a part of, straight or by a detour."""
    done: set[int] = set()
    above: set[int] = {id(schema)}
    # Not by functions that call themselves: a chain of references may be longer than their stack.
    open_ones = [(schema, _next(schema, schema))]
    while open_ones:
        part, following = open_ones[-1]
        for inner in following:
            if id(inner) in above:
                return True
            if id(inner) not in done:
                above.add(id(inner))
                open_ones.append((inner, _next(schema, inner)))
                break
        else:
            open_ones.pop()
            above.discard(id(part))
            done.add(id(part))
    return False


def _next(root: JsonObject, part: JsonObject) -> Iterator[JsonObject]:
    """Yield the schemas in `part`, and the one that it refers to."""
    for key, value in part.items():
        if key in ("$ref", "$dynamicRef", "$recursiveRef"):
            found = named(root, value)
            if isinstance(found, dict):
                yield found
        elif key in NAME_MAPS and isinstance(value, dict):
            for inner in value.values():
                yield from _objects(inner)
        elif key not in DATA:
            yield from _objects(value)


def _objects(value: JsonValue) -> Iterator[JsonObject]:
    if isinstance(value, dict):
        yield value
    elif isinstance(value, list):
        for inner in value:
            yield from _objects(inner)
