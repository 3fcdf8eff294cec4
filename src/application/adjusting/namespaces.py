"""Tools by names that the target takes: without namespaces where it knows none; and the way back.

A name is changed only where it has to be, and always to the same.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2s
from typing import TypeAlias

from ...domain.capabilities import Capabilities
from ...domain.conversation import Item, ToolCall
from ...domain.dialect import Dialect
from ...domain.errors import UnsupportedFeature
from ...domain.request import Generation
from ...domain.tools import (
    AllowedTools,
    BuiltinTool,
    CustomTool,
    FunctionTool,
    NamedTool,
    ToolChoice,
    ToolDefinition,
    ToolNamespace,
)
from ..languages import outward
from .fitting import Fitting
from .patterns import name_pattern

Address: TypeAlias = tuple[str | None, str]
"""Where a tool is: its namespace, if any, and its name in there."""

_LONGEST = 64  # characters of a function's name, at the strictest of the vendors
_FOREIGN = re.compile(r"[^A-Za-z0-9_-]")
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9]")
_MOST_SALTS = 1000
_MOST_DESCRIBED = 2000
_CALLABLE = (FunctionTool, CustomTool)  # a union would be made anew for each tool


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
        elif isinstance(tool, FunctionTool | CustomTool | BuiltinTool) and tool.name in wanted:
            found.append((None, tool.name))
    return tuple(found)


def flat_names(
    tools: Sequence[ToolDefinition],
    items: Iterable[Item] = (),
    *,
    pattern: str | None = None,
    flat: bool = True,
) -> Mapping[Address, str]:
    """Return a name for each tool that cannot keep its own, and for those that calls remember.

    These are with `flat` the tools in namespaces, and those whose names do not match `pattern`.
    The same tools get the same names, whatever the calls; no two names are alike.

    Raises:
        UnsupportedFeature: no name that we can think of matches `pattern`.
    """
    called = _called(tools, items)
    if not (flat and any(space is not None for space, _ in called)):
        outside = {name for space, name in called if space is None}
        if all(outside) if pattern is None else name_pattern(pattern).takes_all(outside):
            return {}
    takes: Callable[[str], bool] = bool if pattern is None else name_pattern(pattern).takes
    taken = {
        tool.name
        for tool in tools
        if isinstance(tool, FunctionTool | CustomTool | BuiltinTool) and takes(tool.name)
    }
    names: dict[Address, str] = {}
    for space, name in called:
        if (space, name) in names or (takes(name) if space is None else not flat):
            continue
        made = names[space, name] = _flat(space, name, taken, takes)
        taken.add(made)
    return names


def tool_names(dialect: Dialect, content: Generation, can: Capabilities) -> Mapping[Address, str]:
    """Return `flat_names` of `content` for a target."""
    flat = flattens(dialect, content, can)
    if can.tool_names is None and not flat:
        return {}
    return flat_names(content.tools, content.items, pattern=can.tool_names, flat=flat)


def flattens(dialect: Dialect, content: Generation, can: Capabilities) -> bool:
    """Whether the target is told tools without their namespaces."""
    return not can.tool_namespaces or outward(dialect, content, can) is not Dialect.RESPONSES


def fit_namespaces(fit: Fitting) -> None:
    """Take tools out of their namespaces, and rename tools, calls and choices alike."""
    content = fit.content
    if not content.tools and ToolCall not in fit.kinds:
        return
    names = tool_names(fit.dialect, content, fit.can)
    if not names:
        return
    tools: list[ToolDefinition] = []
    described: list[str] = []
    for tool in content.tools:
        if isinstance(tool, ToolNamespace) and all(
            (tool.name, inner.name) in names for inner in tool.tools
        ):
            flat = [replace(inner, name=names[tool.name, inner.name]) for inner in tool.tools]
            tools.extend(flat)
            if tool.description and flat:
                listed = ", ".join(inner.name for inner in flat)[:_MOST_DESCRIBED]
                described.append(f"The tools {listed} belong together: {tool.description}")
        elif isinstance(tool, FunctionTool | CustomTool) and (None, tool.name) in names:
            tools.append(replace(tool, name=names[None, tool.name]))
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


def _called(tools: Iterable[ToolDefinition], items: Iterable[Item]) -> list[Address]:
    called: list[Address] = []
    for tool in tools:
        if isinstance(tool, ToolNamespace):
            called += [(tool.name, inner.name) for inner in tool.tools]
        elif isinstance(tool, _CALLABLE):
            called.append((None, tool.name))
    called += [(item.namespace, item.name) for item in items if isinstance(item, ToolCall)]
    return called


def _flat(space: str | None, name: str, taken: set[str], takes: Callable[[str], bool]) -> str:
    plain = name if space is None else f"{space}__{name}"
    fitting = _FOREIGN.sub("_", plain)
    if fitting == plain and len(plain) <= _LONGEST and plain not in taken and takes(plain):
        return plain
    for salt in range(_MOST_SALTS):
        seed = f"{salt}\0{space or ''}\0{name}".encode()
        digest = blake2s(seed, digest_size=4).hexdigest()
        for head in (fitting[: _LONGEST - 9], f"t_{fitting[: _LONGEST - 11]}", _bare(fitting), "t"):
            made = f"{head}_{digest}" if head != "t" else f"t{digest}"
            if made not in taken and takes(made):
                return made
    raise UnsupportedFeature(f"The model takes no tool called {name[:100]!r}.", param="tools")


def _bare(name: str) -> str:
    return f"t{_NOT_PLAIN.sub('_', name)[: _LONGEST - 10]}"


def _renamed(item: Item, names: Mapping[Address, str]) -> Item:
    if isinstance(item, ToolCall) and (item.namespace, item.name) in names:
        return replace(item, name=names[item.namespace, item.name], namespace=None)
    return item


def _choice(
    choice: ToolChoice, tools: Sequence[ToolDefinition], names: Mapping[Address, str]
) -> ToolChoice:
    match choice:
        case NamedTool(name):
            meant = addresses(tools, (name,))
            if (None, name) in meant:
                return NamedTool(names.get((None, name), name))
            flat = tuple(names[address] for address in meant if address in names)
            if not flat:
                return choice
            return NamedTool(flat[0]) if len(flat) == 1 else AllowedTools(flat, required=True)
        case AllowedTools(allowed):
            meant = addresses(tools, allowed)
            return replace(
                choice,
                names=tuple(names.get(address, address[1]) for address in meant) or allowed,
            )
        case _:
            return choice
