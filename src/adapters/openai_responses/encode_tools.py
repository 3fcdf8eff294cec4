"""Writes tools and the choice among them."""

from collections.abc import Iterable, Sequence
from typing import assert_never

from ...domain.refusals import refused_tool
from ...domain.tools import (
    AllowedTools,
    AnyTool,
    AutoChoice,
    BuiltinTool,
    CallableTool,
    CustomTool,
    FunctionTool,
    HostedChoice,
    HostedTool,
    NamedTool,
    NoTools,
    ToolChoice,
    ToolDefinition,
    ToolNamespace,
)
from .spelling import Spelling

Wire = dict[str, object]


def encode_tools(
    tools: Iterable[ToolDefinition], choice: ToolChoice, spelling: Spelling, *, lenient: bool
) -> list[Wire]:
    """Return the tools; without those that the choice rules out, where it cannot say so itself.

    `lenient` says that unset strictness means none, as on chat completions.
    """
    encoded: list[Wire] = []
    for place, tool in enumerate(tools):
        if isinstance(choice, AllowedTools) and not (spelling.allowed_tools or _in(choice, tool)):
            continue
        match tool:
            case FunctionTool() | CustomTool():
                encoded.append(_encode_callable(tool, lenient=lenient))
            case ToolNamespace(name, inner, description):
                wire: Wire = {"type": "namespace", "name": name, "description": description or name}
                wire["tools"] = [_encode_callable(it, lenient=lenient) for it in inner]
                encoded.append(wire)
            case HostedTool():
                encoded.append(dict(tool.value))
            case BuiltinTool():
                raise refused_tool(tool, place)
            case _:
                assert_never(tool)
    return encoded


def encode_tool_choice(
    choice: ToolChoice, tools: Sequence[ToolDefinition], spelling: Spelling
) -> str | Wire | None:
    """Return the choice, None for what the server does anyway."""
    match choice:
        case AutoChoice():
            return None
        case NoTools():
            return "none"
        case AnyTool():
            return "required"
        case NamedTool(name):
            return _reference(name, tools)
        case HostedChoice():
            return dict(choice.value)
        case AllowedTools(names, required):
            mode = "required" if required else "auto"
            if not spelling.allowed_tools:
                return mode if required else None
            allowed = [_reference(name, tools) for name in names]
            return {"type": "allowed_tools", "mode": mode, "tools": allowed}
        case _:
            assert_never(choice)


def _reference(name: str, tools: Iterable[ToolDefinition]) -> Wire:
    kind = "function"
    for tool in tools:
        match tool:
            case HostedTool(type=hosted, value=value) if hosted == name:
                # A server of tools is known by its label.
                label = value.get("server_label")
                return {"type": name} if label is None else {"type": name, "server_label": label}
            case ToolNamespace(name=space, tools=inner):
                if any(_is_custom(one, name) for one in inner):
                    return {"type": "custom", "name": name}
                if any(one.name == name for one in inner):
                    return {"type": "function", "name": name}
                if space == name:
                    kind = "namespace"  # all in it, unless a tool has the name
            case FunctionTool() | CustomTool() if tool.name == name:
                custom = _is_custom(tool, name)
                return {"type": "custom" if custom else "function", "name": name}
            case _:
                pass
    return {"type": kind, "name": name}


def _in(choice: AllowedTools, tool: ToolDefinition) -> bool:
    return (tool.type if isinstance(tool, HostedTool) else tool.name) in choice.names


def _is_custom(tool: CallableTool, name: str) -> bool:
    return isinstance(tool, CustomTool) and tool.name == name


def _encode_callable(tool: CallableTool, *, lenient: bool) -> Wire:
    match tool:
        case FunctionTool(name, description, parameters, strict, extras=extras):
            function: Wire = {"type": "function", "name": name}
            if description is not None:
                function["description"] = description
            function["parameters"] = parameters or {"type": "object", "properties": {}}
            if strict is None and lenient:
                strict = False
            if strict is not None:
                function["strict"] = strict
            return function if not extras else {**extras, **function}
        case CustomTool():
            return _encode_custom(tool)
        case _:
            assert_never(tool)


def _encode_custom(tool: CustomTool) -> Wire:
    custom: Wire = {"type": "custom", "name": tool.name}
    if tool.description is not None:
        custom["description"] = tool.description
    if tool.grammar is not None:
        custom["format"] = {
            "type": "grammar",
            "syntax": tool.grammar.syntax,
            "definition": tool.grammar.definition,
        }
    return custom
