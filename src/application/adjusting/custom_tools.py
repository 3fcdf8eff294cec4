"""Tools of free text where the target knows functions alone: functions with one argument, a text.

The one place that knows the form: out with tools and calls that are remembered, and the way back.
"""

import json
from dataclasses import replace

from ...domain.adjustments import Adjustment
from ...domain.capabilities import Capabilities
from ...domain.conversation import Item, ToolCall, ToolResult
from ...domain.dialect import Dialect
from ...domain.json_values import JsonValue
from ...domain.request import Generation
from ...domain.tools import CallableTool, CustomTool, FunctionTool, ToolDefinition, ToolNamespace
from .fitting import Fitting, each

CUSTOM_TOOLS_EMULATED = Adjustment(
    "tools", "emulated", "custom tools are sent as functions with one text argument"
)
_ARGUMENT = "input"
_CONCERNED = frozenset({CustomTool, ToolNamespace, ToolCall, ToolResult})


def fit_custom_tools(fit: Fitting) -> None:
    """Say custom tools as functions, and what is remembered of them alike."""
    if fit.can.custom_tools or _CONCERNED.isdisjoint(fit.kinds):
        return
    content = in_functions(fit.content, fit.can, fit.outward)
    if content.tools is not fit.content.tools:
        fit.made.append(CUSTOM_TOOLS_EMULATED)
    fit.content = content


def in_functions(content: Generation, can: Capabilities, outward: Dialect | None) -> Generation:
    """Return `content` without custom tools; the very same where there are none, or they may stay.

    `outward` is the language of clients that it goes out in, if any.
    """
    if can.custom_tools:
        return content
    tools = as_functions(content.tools, outward)
    items = each(content.items, _remembered)
    if tools is content.tools and items is content.items:
        return content
    return replace(content, tools=tools, items=items)


def as_functions(
    tools: tuple[ToolDefinition, ...], outward: Dialect | None = None
) -> tuple[ToolDefinition, ...]:
    """Return `tools` with a function for each custom one, in namespaces too; as `in_functions`."""

    def plain(tool: CallableTool) -> CallableTool:
        return _function(tool, outward) if isinstance(tool, CustomTool) else tool

    def fitted(tool: ToolDefinition) -> ToolDefinition:
        match tool:
            case CustomTool():
                return _function(tool, outward)
            case ToolNamespace(tools=inner):
                functions = each(inner, plain)
                return tool if functions is inner else replace(tool, tools=functions)
            case _:
                return tool

    return each(tools, fitted)


def _function(tool: CustomTool, outward: Dialect | None) -> FunctionTool:
    described = tool.description or ""
    if tool.grammar is not None:
        described += f"\nThe input follows this {tool.grammar.syntax} grammar:\n"
        described += tool.grammar.definition
    parameters: dict[str, JsonValue] = {
        "type": "object",
        "properties": {_ARGUMENT: {"type": "string"}},
        "required": [_ARGUMENT],
    }
    if outward is not None:  # vendors with a language of their own do not all take the keyword
        parameters["additionalProperties"] = False
    # On the Responses API a function is strict unless it says that it is not.
    strict = False if outward is Dialect.RESPONSES else None
    return FunctionTool(tool.name, described.strip() or None, parameters, strict)


def text_of(arguments: str) -> str | None:
    """Return the text inside of `arguments`; None if they are, or are so far, none of such."""
    try:
        value: JsonValue = json.loads(arguments)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    text = value.get(_ARGUMENT, None if value else "")
    return text if isinstance(text, str) else None


def _remembered(item: Item) -> Item:
    match item:
        case ToolCall(kind="custom", arguments=text):
            arguments = json.dumps({_ARGUMENT: text}, ensure_ascii=False, separators=(",", ":"))
            return replace(item, kind="function", arguments=arguments)
        case ToolResult(kind="custom"):
            return replace(item, kind="function")
        case _:
            return item
