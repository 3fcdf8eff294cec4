"""How much work a schema makes, told before the work is done.

A short schema can ask for more steps than anybody has time for: each `anyOf` whose choices lead to
the same place doubles them. The checker cannot be interrupted, and the whole process waits for it.
"""

from collections.abc import Iterator
from urllib.parse import unquote

from ...domain.json_values import JsonObject, JsonValue

_LISTS = ("allOf", "anyOf", "oneOf")
_SINGLE = ("not", "if", "then", "else")
_NAMED = ("dependentSchemas", "dependencies")
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_MEMBERS = ("additionalProperties", "unevaluatedProperties", "propertyNames")
_ELEMENTS = ("items", "additionalItems", "unevaluatedItems", "contains")
_UNEVALUATED = ("unevaluatedProperties", "unevaluatedItems")
_ANCHORS = ("$anchor", "$dynamicAnchor")
# A counted repetition is written out when a pattern is compiled: these weigh more than the others.
_COUNTED = 20
# How often a schema's part and a value's are looked at together; a look takes some microseconds.
_MOST_LOOKS = 60_000


class Unforeseeable(Exception):
    """The schema holds others with addresses of their own, or refers to what is not found."""


class Foresight:
    """Foresees the checks against one schema; made once for each.

    Raises:
        Unforeseeable: as it says.
    """

    def __init__(self, schema: JsonObject) -> None:
        self._root = schema
        self._anchors: dict[str, JsonValue] = {}
        patterns: set[str] = set()
        # Only draft 4 has it without the sign; elsewhere it is a value's.
        own = ("$id", "id") if "draft-04" in str(schema.get("$schema")) else ("$id",)
        for part in _objects(schema):
            if part is not schema and any(isinstance(part.get(name), str) for name in own):
                raise Unforeseeable("it holds a schema with an $id of its own")
            for key in _ANCHORS:
                if isinstance(name := part.get(key), str):
                    self._anchors[name] = part
            if isinstance(pattern := part.get("pattern"), str):
                patterns.add(pattern)
            if isinstance(named := part.get("patternProperties"), dict):
                patterns.update(named)
        self.pattern_weight = sum(_COUNTED if "{" in one else 1 for one in patterns)
        self._unfolded: dict[int, float] = {}
        # What one value takes at most, whatever stands in it.
        self._a_value = self._unfold(schema)

    def steps(self, value: JsonValue, values: int, most: int, *, exact: bool = False) -> int:
        """Return how many steps a check of `value` takes at most; `most` or more: too many.

        `values` is at least the number of values in it. What that alone tells is enough, unless
        it has to be `exact`.
        """
        if not exact and self._a_value * values < most:
            return int(self._a_value * values)
        try:
            return _Walk(self, most).cost(self._root, value)
        except (_TooMany, RecursionError):
            return most

    def _unfold(self, part: JsonValue) -> float:
        if not isinstance(part, dict):
            return 1
        key = id(part)
        found = self._unfolded.get(key)
        if found is None:
            self._unfolded[key] = float("inf")  # what comes back to itself has no bound of its own
            total = 1.0
            try:
                for inner in (*self.here(part), *_within(part)):
                    total += self._unfold(inner)
            except RecursionError:
                total = float("inf")
            if any(name in part for name in _UNEVALUATED):
                total = float("inf")
            found = self._unfolded[key] = total
        return found

    def here(self, part: JsonObject) -> Iterator[JsonValue]:
        """Yield the schemas that are applied to the same value."""
        for name in _REFERENCES:
            if isinstance(address := part.get(name), str):
                yield self._referred(address)
        for name in _LISTS:
            if isinstance(several := part.get(name), list):
                yield from several
        for name in _SINGLE:
            if name in part:
                yield part[name]
        for name in _NAMED:
            if isinstance(named := part.get(name), dict):
                yield from named.values()

    def _referred(self, address: str) -> JsonValue:
        before, _, pointer = address.partition("#")
        if before and before != self._root.get("$id"):
            raise Unforeseeable(f"it refers to {address[:100]!r}")
        if pointer and not pointer.startswith("/"):
            if pointer not in self._anchors:
                raise Unforeseeable(f"it refers to {address[:100]!r}, which is not in it")
            return self._anchors[pointer]
        found: JsonValue = self._root
        for step in unquote(pointer).split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if isinstance(found, dict) and name in found:
                found = found[name]
            elif isinstance(found, list) and name.isdecimal() and int(name) < len(found):
                found = found[int(name)]
            else:
                raise Unforeseeable(f"it refers to {address[:100]!r}, which is not in it")
        return found


class _TooMany(Exception):
    pass


class _Walk:
    """Counts the steps of one check, each pair of a schema's part and a value's looked at once."""

    def __init__(self, foresight: Foresight, most: int) -> None:
        self._foresight = foresight
        self._most = most
        self._costs: dict[tuple[int, int], int] = {}
        self._looks = 0

    def cost(self, part: JsonValue, value: JsonValue) -> int:
        self._looks += 1
        if self._looks > _MOST_LOOKS:
            raise _TooMany
        if not isinstance(part, dict):
            return 1
        # Values without parts cost the same, whichever they are.
        key = (id(part), id(value) if isinstance(value, dict | list) else 0)
        found = self._costs.get(key)
        if found is not None:
            return found
        self._costs[key] = self._most  # one that comes back to itself at the same value
        total = 1
        for inner in self._foresight.here(part):
            total += self.cost(inner, value)
        for inner, below in _below(part, value):
            total += self.cost(inner, below)
            if total >= self._most:
                raise _TooMany
        if isinstance(value, dict | list) and any(name in part for name in _UNEVALUATED):
            total *= 2 + len(value)  # what the others looked at is found anew for each member
        if total >= self._most:
            raise _TooMany
        self._costs[key] = total
        return total


def _below(part: JsonObject, value: JsonValue) -> Iterator[tuple[JsonValue, JsonValue]]:
    """Yield the schemas that are applied to what is in `value`, and to what of it."""
    if isinstance(value, dict):
        exact, matched = part.get("properties"), part.get("patternProperties")
        for name, inner in value.items():
            if isinstance(exact, dict) and name in exact:
                yield exact[name], inner
            if isinstance(matched, dict):
                yield from ((one, inner) for one in matched.values())
            yield from ((part[key], inner) for key in _MEMBERS if key in part)
    elif isinstance(value, list):
        every = [part[key] for key in _ELEMENTS if isinstance(part.get(key), dict)]
        lists = [
            found for key in ("prefixItems", "items") if isinstance(found := part.get(key), list)
        ]
        for place, inner in enumerate(value):
            yield from ((one, inner) for one in every)
            yield from ((several[place], inner) for several in lists if place < len(several))


def _within(part: JsonObject) -> Iterator[JsonValue]:
    """Yield all schemas that may be applied to what is in a value."""
    for name in ("properties", "patternProperties"):
        if isinstance(named := part.get(name), dict):
            yield from named.values()
    for name in (*_MEMBERS, *_ELEMENTS, "prefixItems"):
        found = part.get(name)
        if isinstance(found, list):
            yield from found
        elif found is not None:
            yield found


def _objects(value: JsonValue) -> Iterator[JsonObject]:
    open_ones: list[JsonValue] = [value]
    while open_ones:
        found = open_ones.pop()
        if isinstance(found, dict):
            yield found
            open_ones += found.values()
        elif isinstance(found, list):
            open_ones += found
