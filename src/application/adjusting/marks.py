"""Marks of what is worth keeping of a prompt, for targets that know none."""

from dataclasses import replace

from ...domain.conversation import (
    Audio,
    Item,
    Message,
    OpaquePart,
    Part,
    Refusal,
    ToolCall,
    ToolResult,
)
from ...domain.tools import CallableTool, FunctionTool, ToolDefinition, ToolNamespace
from .fitting import Fitting, each


def fit_marks(fit: Fitting) -> None:
    """Leave out marks that the target does not know: they change what a call costs, no more."""
    content = fit.content
    if fit.can.cache_marks:
        return
    items = each(content.items, _unmarked_item)
    tools = each(content.tools, _unmarked_tool)
    if items is content.items and tools is content.tools and content.cache is None:
        return
    fit.content = replace(content, items=items, tools=tools, cache=None)
    fit.tell("cache_control", "dropped", "the provider takes no marks of what to keep of a prompt")


def _unmarked_item(item: Item) -> Item:
    if isinstance(item, Message):
        parts = each(item.parts, _unmarked_part)
        return item if parts is item.parts else replace(item, parts=parts)
    if isinstance(item, ToolCall):
        return item if item.cache is None else replace(item, cache=None)
    if isinstance(item, ToolResult):
        parts = each(item.parts, _unmarked_part)
        if parts is item.parts and item.cache is None:
            return item
        return replace(item, parts=parts, cache=None)
    return item


def _unmarked_part(part: Part) -> Part:
    if isinstance(part, Refusal | Audio | OpaquePart) or part.cache is None:
        return part
    return replace(part, cache=None)


def _unmarked_tool(tool: ToolDefinition) -> ToolDefinition:
    if isinstance(tool, FunctionTool):
        return _unmarked_callable(tool)
    if isinstance(tool, ToolNamespace):
        inner = each(tool.tools, _unmarked_callable)
        return tool if inner is tool.tools else replace(tool, tools=inner)
    return tool


def _unmarked_callable(tool: CallableTool) -> CallableTool:
    if isinstance(tool, FunctionTool) and tool.cache is not None:
        return replace(tool, cache=None)
    return tool
