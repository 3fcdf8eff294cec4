"""JSON Schemas said otherwise, for providers that do not take some forms of them.

Source: JSON Schema 2020-12, with draft 7's spelling of references and tuples. The work is
bounded: a schema that grows beyond measure when its references are put in is refused.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field

from ...domain.capabilities import SchemaForm
from ...domain.errors import UnsupportedFeature
from ...domain.json_values import JsonObject, JsonValue
from .choices import are_apart, by_type
from .keywords import DATA
from .merging import merged
from .references import named
from .root import at_top

_MOST_NODES = 10_000
_DEEPEST = 150
_MOST_MERGES = 30  # of an `allOf` in an `allOf`
_MOST_ROUNDS = 3  # how often a reference may stand within what it names

_MAPS = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
# Below these a stricter schema makes a weaker one of the whole.
_TURNED = frozenset({"not", "if", "contains", "propertyNames"})


def rewritten(schema: JsonObject, forms: frozenset[SchemaForm], *, param: str) -> "Rewritten":
    """Return `schema` without what `forms` name.

    Raises:
        UnsupportedFeature: it is too large or too deep, or refers to what is not in it.
    """
    work = _Rewriting(schema, forms, param)
    said = work.schema(at_top(schema) if SchemaForm.ROOT in forms else schema, 0, ())
    if SchemaForm.REFS in forms:
        said = {key: value for key, value in said.items() if key not in ("$defs", "definitions")}
    return Rewritten(said, tuple(sorted(work.lost)))


@dataclass(frozen=True, slots=True)
class Rewritten:
    """`lost` says what `schema` no longer says as it did, in a few words each; mostly it is weaker.

    Empty: the same values are valid, but for what open objects could hold.
    """

    schema: JsonObject
    lost: tuple[str, ...]


@dataclass(slots=True)
class _Rewriting:
    root: JsonObject
    forms: frozenset[SchemaForm]
    param: str
    lost: set[str] = field(default_factory=set[str])
    nodes: int = 0

    def schema(
        self, node: JsonObject, depth: int, path: tuple[str, ...], *, close: bool = True
    ) -> JsonObject:
        """Return one schema; `path` are the references that led to it."""
        self._spend(1)
        if depth > _DEEPEST:
            raise self._too_large()
        node, path = self._referred(node, path)
        for form, step in _STEPS:
            if form in self.forms:
                node = step(self, node)
        said: JsonObject = {}
        for key, value in node.items():
            inner = close and key not in _TURNED
            if key in _MAPS and isinstance(value, dict):
                if SchemaForm.REFS in self.forms and key in ("$defs", "definitions"):
                    continue  # what they hold stands where it was referred to
                said[key] = {
                    name: self._value(one, depth + 1, path, inner) for name, one in value.items()
                }
            elif key in DATA:
                said[key] = value
            else:
                said[key] = self._value(value, depth + 1, path, inner)
        if close and SchemaForm.OPEN_OBJECTS in self.forms and _is_object(said):
            said["additionalProperties"] = False
        return said

    def _value(self, value: JsonValue, depth: int, path: tuple[str, ...], close: bool) -> JsonValue:
        if isinstance(value, dict):
            return self.schema(value, depth, path, close=close)
        if isinstance(value, list):
            return [self._value(one, depth, path, close) for one in value]
        return value

    def _spend(self, nodes: int) -> None:
        self.nodes += nodes
        if self.nodes > _MOST_NODES:
            raise self._too_large()

    def _too_large(self) -> UnsupportedFeature:
        return UnsupportedFeature(
            "The schema is too large, or too deep, to be said in the form the model takes.",
            param=self.param,
        )

    def _referred(
        self, node: JsonObject, path: tuple[str, ...]
    ) -> tuple[JsonObject, tuple[str, ...]]:
        while SchemaForm.REFS in self.forms and "$ref" in node:
            address = str(node["$ref"])
            beside = {key: value for key, value in node.items() if key != "$ref"}
            target = self._found(node["$ref"])
            if path.count(address) >= _MOST_ROUNDS or len(path) > _DEEPEST:
                self.lost.add("$ref (a recursive one was cut)")
                kind = target.get("type")
                return ({"type": kind, **beside} if isinstance(kind, str) else beside), path
            path = (*path, address)
            both = merged(beside, target)
            node = {"allOf": [target, beside]} if both is None else both
        return node, path

    def _found(self, reference: JsonValue) -> JsonObject:
        """Return what a reference names; `True`, which allows anything, as the schema for that."""
        found = named(self.root, reference)
        if found is True:
            return {}
        if not isinstance(found, dict):
            raise UnsupportedFeature(
                f"The schema refers to {str(reference)[:100]!r}, which is not in it.",
                param=self.param,
            )
        # It is compared with what stands beside it, whatever it holds.
        held = sum(len(one) for one in found.values() if isinstance(one, list | dict))
        self._spend(1 + held // 16)
        return found

    def merge_all(self, node: JsonObject) -> JsonObject:
        result = node
        for _ in range(_MOST_MERGES):
            parts = result.get("allOf")
            if not isinstance(parts, list):
                return result
            result = {key: value for key, value in result.items() if key != "allOf"}
            for part in parts:
                self._spend(1)
                if part is True:
                    continue
                plain = self._resolved(part) if isinstance(part, dict) else None
                both = None if plain is None else merged(result, plain)
                if both is None:
                    self.lost.add("allOf")
                else:
                    result = both
        self.lost.add("allOf")
        return {key: value for key, value in result.items() if key != "allOf"}

    def _resolved(self, part: JsonObject) -> JsonObject | None:
        """Return a part of an `allOf` with the reference in it put in, where it has one."""
        for _ in range(_MOST_ROUNDS):
            if "$ref" not in part:
                return part
            beside = {key: value for key, value in part.items() if key != "$ref"}
            both = merged(beside, self._found(part["$ref"]))
            if both is None:
                return None
            part = both
        return part if "$ref" not in part else None

    def list_types(self, node: JsonObject) -> JsonObject:
        return by_type(node)

    def choose_any(self, node: JsonObject) -> JsonObject:
        options = node.get("oneOf")
        if not isinstance(options, list):
            return node
        result = {key: value for key, value in node.items() if key != "oneOf"}
        if not are_apart(options, self._found):
            self.lost.add("oneOf (more than one may hold)")
        if "anyOf" not in result:
            return {**result, "anyOf": options}
        self.lost.add("oneOf")
        return result

    def untuple(self, node: JsonObject) -> JsonObject:
        prefix, rest = node.get("prefixItems"), node.get("items")
        result = {key: value for key, value in node.items() if key != "prefixItems"}
        if isinstance(rest, list):  # draft 7
            prefix, rest = rest, node.get("additionalItems")
            result.pop("additionalItems", None)
        if not isinstance(prefix, list):
            return node
        every = [*prefix, rest] if isinstance(rest, dict) else prefix
        # By their texts, because to Python True is 1.
        options = list({json.dumps(option, sort_keys=True): option for option in every}.values())
        if not isinstance(rest, dict):
            if rest is not False:
                self.lost.add("prefixItems (what may stand behind them)")
            most = result.get("maxItems")
            if not isinstance(most, int) or most > len(prefix):
                result["maxItems"] = len(prefix)
        if len(options) > 1:
            self.lost.add("prefixItems (the order of kinds)")
        result["items"] = options[0] if len(options) == 1 else {"anyOf": options}
        return result

    def include(self, node: JsonObject) -> JsonObject:
        result = dict(node)
        whole = node.get("type") == "integer"
        for name, bound, step in (
            ("exclusiveMinimum", "minimum", 1),
            ("exclusiveMaximum", "maximum", -1),
        ):
            edge = result.get(name)
            present = result.get(bound)
            if edge is None:
                continue
            del result[name]
            if isinstance(edge, bool):  # draft 4: a word about the bound
                edge = present if edge else None
                present = None
            if not isinstance(edge, int | float) or isinstance(edge, bool):
                continue
            if whole:
                edge = math.floor(edge) + 1 if step > 0 else math.ceil(edge) - 1
            else:
                self.lost.add(f"{name} (the bound itself is allowed)")
            if isinstance(present, int | float) and not isinstance(present, bool):
                edge = max(edge, present) if step > 0 else min(edge, present)
            result[bound] = edge
        return result

    def list_constant(self, node: JsonObject) -> JsonObject:
        if "const" not in node:
            return node
        result = {key: value for key, value in node.items() if key != "const"}
        return {**result, "enum": [node["const"]]}


_STEPS: tuple[tuple[SchemaForm, Callable[[_Rewriting, JsonObject], JsonObject]], ...] = (
    (SchemaForm.ALL_OF, _Rewriting.merge_all),
    (SchemaForm.CONST, _Rewriting.list_constant),
    (SchemaForm.TUPLES, _Rewriting.untuple),
    (SchemaForm.ONE_OF, _Rewriting.choose_any),
    (SchemaForm.TYPE_LISTS, _Rewriting.list_types),
    (SchemaForm.EXCLUSIVE, _Rewriting.include),
)


def _is_object(node: JsonObject) -> bool:
    kind = node.get("type")
    return kind == "object" or (isinstance(kind, list) and "object" in kind) or "properties" in node
