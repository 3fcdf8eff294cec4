"""Tools in namespaces as flat ones, for targets that know no namespaces; and the way back."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2s
from typing import TypeAlias

from ...domain.capabilities import Capabilities
from ...domain.conversation import Item, ToolCall
from ...domain.dialect import Dialect
from ...domain.request import Generation
from ...domain.tools import (
    AllowedTools,
    CustomTool,
    FunctionTool,
    NamedTool,
    ToolChoice,
    ToolDefinition,
    ToolNamespace,
)
from ..languages import outward
from .fitting import Fitting

Address: TypeAlias = tuple[str | None, str]
"""Where a tool is: its namespace, if any, and its name in there."""

_LONGEST = 64  # characters of a function's name, at the strictest of the vendors
_FOREIGN = re.compile(r"[^A-Za-z0-9_-]")
_MOST_DESCRIBED = 2000


def addresses(tools: Iterable[ToolDefinition], names: Iterable[str]) -> tuple[Address, ...]:
    """Return the tools that a choice means by `names`: a tool's, or a namespace's for all in it."""
    wanted = frozenset(names)
    found: list[Address] = []
    for tool in tools:
        if isinstance(tool, ToolNamespace):
            found.extend(
                (tool.name, inner.name)
                for inner in tool.tools
                if tool.name in wanted or inner.name in wanted
            )
        elif isinstance(tool, FunctionTool | CustomTool) and tool.name in wanted:
            found.append((None, tool.name))
    return tuple(found)


def flat_names(
    tools: Sequence[ToolDefinition], items: Iterable[Item] = ()
) -> Mapping[Address, str]:
    """Return a name without namespace for each tool in one, and for those that calls remember.

    The same tools get the same names, whatever the calls; no two names are alike.
    """
    taken = {tool.name for tool in tools if isinstance(tool, FunctionTool | CustomTool)}
    names: dict[Address, str] = {}
    for space, name in _spaced(tools, items):
        if (space, name) not in names:
            flat = names[space, name] = _flat(space, name, taken)
            taken.add(flat)
    return names


def flattens(dialect: Dialect, content: Generation, can: Capabilities) -> bool:
    """Whether the target is told tools without their namespaces."""
    return not can.tool_namespaces or outward(dialect, content, can) is not Dialect.RESPONSES


def fit_namespaces(fit: Fitting) -> None:
    """Take tools out of their namespaces, and rename calls and choices alike."""
    content = fit.content
    if not flattens(fit.dialect, content, fit.can):
        return
    names = flat_names(content.tools, content.items)
    if not names:
        return
    tools: list[ToolDefinition] = []
    described: list[str] = []
    for tool in content.tools:
        if isinstance(tool, ToolNamespace):
            flat = [replace(inner, name=names[tool.name, inner.name]) for inner in tool.tools]
            tools.extend(flat)
            if tool.description and flat:
                listed = ", ".join(inner.name for inner in flat)[:_MOST_DESCRIBED]
                described.append(f"The tools {listed} belong together: {tool.description}")
        else:
            tools.append(tool)
    fit.content = replace(
        content,
        items=tuple(_renamed(item, names) for item in content.items),
        tools=tuple(tools),
        tool_choice=_choice(content.tool_choice, content.tools, names),
    )
    if described:
        fit.instruct("\n".join(described))


def _spaced(tools: Iterable[ToolDefinition], items: Iterable[Item]) -> Iterable[tuple[str, str]]:
    for tool in tools:
        if isinstance(tool, ToolNamespace):
            for inner in tool.tools:
                yield tool.name, inner.name
    for item in items:
        if isinstance(item, ToolCall) and item.namespace is not None:
            yield item.namespace, item.name


def _flat(space: str, name: str, taken: set[str]) -> str:
    plain = f"{space}__{name}"
    fitting = _FOREIGN.sub("_", plain)
    if fitting == plain and len(plain) <= _LONGEST and plain not in taken:
        return plain
    salt = 0
    while True:
        seed = f"{salt}\0{space}\0{name}".encode()
        digest = blake2s(seed, digest_size=4).hexdigest()
        flat = f"{fitting[: _LONGEST - 9]}_{digest}"
        if flat not in taken:
            return flat
        salt += 1


def _renamed(item: Item, names: Mapping[Address, str]) -> Item:
    if isinstance(item, ToolCall) and item.namespace is not None:
        return replace(item, name=names[item.namespace, item.name], namespace=None)
    return item


def _choice(
    choice: ToolChoice, tools: Sequence[ToolDefinition], names: Mapping[Address, str]
) -> ToolChoice:
    match choice:
        case NamedTool(name):
            meant = addresses(tools, (name,))
            if not meant or (None, name) in meant:
                return choice
            flat = tuple(names[address] for address in meant)
            return NamedTool(flat[0]) if len(flat) == 1 else AllowedTools(flat, required=True)
        case AllowedTools(allowed):
            meant = addresses(tools, allowed)
            return replace(
                choice,
                names=tuple(names.get(address, address[1]) for address in meant) or allowed,
            )
        case _:
            return choice
