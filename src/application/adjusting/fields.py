"""Names of tools' fields that a target does not take: others on the way out, and the way back.

Source: Anthropic's reference of tools: property keys of an input schema match a pattern.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from hashlib import blake2s
from urllib.parse import unquote

from ...domain.capabilities import Capabilities
from ...domain.conversation import Item, ToolCall
from ...domain.errors import UnsupportedFeature
from ...domain.json_values import JsonObject, JsonValue
from ...domain.tools import FunctionTool, ToolDefinition, ToolNamespace
from ..schemas import DATA, NAME_MAPS
from .fitting import Fitting, each
from .patterns import NamePattern, name_pattern

_FOREIGN = re.compile(r"[^A-Za-z0-9_]")
_LONGEST = 40
_MOST_SALTS = 1000
_DEEPEST = 200


def field_names(parameters: JsonObject | None, can: Capabilities) -> Mapping[str, str]:
    """Return the fitting name of each property, at any depth, that cannot keep its own.

    Raises:
        UnsupportedFeature: no name that we can think of fits.
    """
    if can.field_names is None or parameters is None:
        return {}
    pattern = name_pattern(can.field_names)
    known: set[str] = set()
    _collect(parameters, known, 0)
    if pattern.takes_all(known):
        return {}
    names: dict[str, str] = {}
    taken = {name for name in known if pattern.takes(name)}
    for name in sorted(known - taken):
        made = names[name] = _fitting(name, taken, pattern)
        taken.add(made)
    return names


def keep_their_fields(tools: Iterable[ToolDefinition], can: Capabilities) -> bool:
    """Whether no field of `tools` has to be renamed: one look at all of them."""
    if can.field_names is None:
        return True
    known: set[str] = set()
    for tool in tools:
        for inner in tool.tools if isinstance(tool, ToolNamespace) else (tool,):
            if isinstance(inner, FunctionTool) and inner.parameters is not None:
                _collect(inner.parameters, known, 0)
    return name_pattern(can.field_names).takes_all(known)


def fit_fields(fit: Fitting) -> None:
    """Rename the fields of tools, and of the calls that are remembered of them."""
    if keep_their_fields(fit.content.tools, fit.can):
        return
    renamed: dict[str, Mapping[str, str]] = {}
    tools = list(fit.content.tools)
    for place, tool in enumerate(tools):
        if isinstance(tool, FunctionTool) and tool.parameters is not None:
            names = field_names(tool.parameters, fit.can)
            if names:
                renamed[tool.name] = names
                tools[place] = replace(tool, parameters=_renamed_schema(tool.parameters, names))
    if not renamed:
        return

    def fitted(item: Item) -> Item:
        if isinstance(item, ToolCall) and item.name in renamed and item.kind == "function":
            return replace(item, arguments=rename(item.arguments, renamed[item.name]))
        return item

    fit.content = replace(fit.content, items=each(fit.content.items, fitted), tools=tuple(tools))


def rename(arguments: str, names: Mapping[str, str]) -> str:
    """Return `arguments` with its members called by `names`; as they are if they are no JSON."""
    try:
        value: JsonValue = json.loads(arguments)
        said = _renamed_value(value, names)
        return json.dumps(said, ensure_ascii=False, separators=(",", ":"))
    except (ValueError, RecursionError):
        return arguments


def _renamed_value(value: JsonValue, names: Mapping[str, str]) -> JsonValue:
    if isinstance(value, dict):
        return {names.get(name, name): _renamed_value(one, names) for name, one in value.items()}
    if isinstance(value, list):
        return [_renamed_value(one, names) for one in value]
    return value


def _collect(schema: JsonObject, known: set[str], depth: int) -> None:
    if depth > _DEEPEST:
        return
    for key, value in schema.items():
        if isinstance(value, dict):
            if key in NAME_MAPS:
                if key == "properties":
                    known.update(value)
                _collect_each(value.values(), known, depth + 1)
            elif key not in DATA:
                _collect(value, known, depth + 1)
        elif isinstance(value, list) and key not in DATA:
            _collect_each(value, known, depth + 1)


def _collect_each(values: Iterable[JsonValue], known: set[str], depth: int) -> None:
    if depth > _DEEPEST:
        return
    for value in values:
        if isinstance(value, dict):
            _collect(value, known, depth)
        elif isinstance(value, list):
            _collect_each(value, known, depth + 1)


def _renamed_schema(schema: JsonObject, names: Mapping[str, str]) -> JsonObject:
    said: JsonObject = {}
    for key, value in schema.items():
        if key == "properties" and isinstance(value, dict):
            said[key] = {
                names.get(name, name): _renamed_inner(inner, names) for name, inner in value.items()
            }
        elif key in NAME_MAPS and isinstance(value, dict):
            said[key] = {name: _renamed_inner(inner, names) for name, inner in value.items()}
        elif key == "$ref" and isinstance(value, str):
            said[key] = _renamed_reference(value, names)
        elif key == "required" and isinstance(value, list):
            said[key] = [names.get(one, one) if isinstance(one, str) else one for one in value]
        elif key in ("dependentRequired", "dependentSchemas") and isinstance(value, dict):
            said[key] = {
                names.get(name, name): _renamed_dependency(inner, names)
                for name, inner in value.items()
            }
        elif key in ("const", "default"):
            said[key] = _renamed_value(value, names)
        elif key in ("enum", "examples") and isinstance(value, list):
            said[key] = [_renamed_value(one, names) for one in value]
        else:
            said[key] = _renamed_inner(value, names)
    return said


def _renamed_inner(value: JsonValue, names: Mapping[str, str]) -> JsonValue:
    if isinstance(value, dict):
        return _renamed_schema(value, names)
    if isinstance(value, list):
        return [_renamed_inner(inner, names) for inner in value]
    return value


def _renamed_reference(reference: str, names: Mapping[str, str]) -> str:
    """Return a reference that leads through fields by the names they have now."""
    steps = reference.split("/")
    for place in range(1, len(steps)):
        name = unquote(steps[place]).replace("~1", "/").replace("~0", "~")
        if steps[place - 1] == "properties" and name in names:
            steps[place] = names[name]
    return "/".join(steps)


def _renamed_dependency(value: JsonValue, names: Mapping[str, str]) -> JsonValue:
    if isinstance(value, list):
        return [names.get(one, one) if isinstance(one, str) else one for one in value]
    return _renamed_inner(value, names)


def _fitting(name: str, taken: set[str], pattern: NamePattern) -> str:
    for salt in range(_MOST_SALTS):
        digest = blake2s(f"{salt}\0{name}".encode(), digest_size=4).hexdigest()
        for made in (
            f"{_FOREIGN.sub('_', name)[:_LONGEST]}_{digest}",
            f"f{_FOREIGN.sub('_', name)[:_LONGEST]}_{digest}",
            f"f{digest}",
        ):
            if made not in taken and pattern.takes(made):
                return made
    raise UnsupportedFeature(
        f"The model takes no field called {name[:100]!r} in a tool.", param="tools"
    )
