"""Writes tools and the choice among them."""

from collections.abc import Sequence
from typing import assert_never

from ...domain.refusals import callable_tools, refused_choice
from ...domain.tools import (
    AllowedTools,
    AnyTool,
    AutoChoice,
    CallableTool,
    CustomTool,
    FunctionTool,
    HostedChoice,
    NamedTool,
    NoTools,
    ToolChoice,
    ToolDefinition,
)
from .spelling import Spelling


def encode_tools(
    tools: Sequence[ToolDefinition], choice: ToolChoice, spelling: Spelling
) -> list[dict[str, object]]:
    """Return the tools; without those that the choice rules out, where it cannot say so itself.

    Raises:
        UnsupportedFeature: there are others than functions and custom tools.
    """
    sayable = callable_tools(tools)
    if isinstance(choice, AllowedTools) and not spelling.allowed_tools:
        sayable = tuple(tool for tool in sayable if tool.name in choice.names)
    return [_encode_tool(tool) for tool in sayable]


def encode_tool_choice(
    choice: ToolChoice, tools: Sequence[ToolDefinition], spelling: Spelling
) -> str | dict[str, object] | None:
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
        case AllowedTools(names, required):
            mode = "required" if required else "auto"
            if not spelling.allowed_tools:
                return mode if required else None
            allowed = [_reference(name, tools) for name in names]
            return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": allowed}}
        case HostedChoice():
            raise refused_choice(choice)
        case _:
            assert_never(choice)


def _reference(name: str, tools: Sequence[ToolDefinition]) -> dict[str, object]:
    custom = any(isinstance(tool, CustomTool) and tool.name == name for tool in tools)
    kind = "custom" if custom else "function"
    return {"type": kind, kind: {"name": name}}


def _encode_tool(tool: CallableTool) -> dict[str, object]:
    match tool:
        case FunctionTool(name, description, parameters, strict):
            function: dict[str, object] = {"name": name}
            if description is not None:
                function["description"] = description
            if parameters is not None:
                function["parameters"] = parameters
            if strict is not None:
                function["strict"] = strict
            return {"type": "function", "function": function}
        case CustomTool():
            custom: dict[str, object] = {"name": tool.name}
            if tool.description is not None:
                custom["description"] = tool.description
            if tool.grammar is not None:
                grammar = {"syntax": tool.grammar.syntax, "definition": tool.grammar.definition}
                custom["format"] = {"type": "grammar", "grammar": grammar}
            return {"type": "custom", "custom": custom}
        case _:
            assert_never(tool)
