"""Marks of what is worth keeping of a prompt, for targets that know none, or only a few."""

from dataclasses import dataclass, replace

from ...domain.caching import CacheMark
from ...domain.conversation import (
    Audio,
    Item,
    Message,
    OpaquePart,
    Part,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from ...domain.dialect import Dialect
from ...domain.request import Generation
from ...domain.tools import CallableTool, CustomTool, FunctionTool, ToolDefinition, ToolNamespace
from .fitting import Fitting, each

# The most marks that Anthropic and Bedrock take.
_MOST = 4
_ALL = 10**9
# OpenAI's languages mark parts of messages and of results, and nothing else.
_PARTS_ALONE = frozenset({Dialect.CHAT_COMPLETIONS, Dialect.RESPONSES})

# Tuples: a union would be made anew for each item.
_MARKED = (ToolCall, ToolResult)
_IN_PARTS = (Message, ToolResult)
_UNMARKED = (Refusal, Audio, OpaquePart)


def fit_marks(fit: Fitting) -> None:
    """Leave out marks that the target does not take: they change what a call costs, no more."""
    if fit.can.cache_marks:
        if fit.outward in _PARTS_ALONE:
            _keep_on_parts(fit)
        _fit_number(fit)
    elif _unmark(fit, _ALL):
        detail = "the provider takes no marks of what to keep of a prompt"
        fit.tell("prompt_cache_breakpoint", "dropped", detail)


def _keep_on_parts(fit: Fitting) -> None:
    content = fit.content
    items = each(content.items, _marked_in_parts)
    tools = each(content.tools, _Unmarking(_ALL).tool)
    calls = any(isinstance(item, ToolCall) and item.cache for item in content.items)
    elsewhere = calls or tools is not content.tools or content.cache is not None
    if items is not content.items or elsewhere:
        fit.content = replace(content, items=items, tools=tools, cache=None)
    if elsewhere:
        fit.tell(
            "prompt_cache_breakpoint", "dropped", "the provider takes marks on what is said alone"
        )


def _marked_in_parts(item: Item) -> Item:
    if isinstance(item, ToolCall):
        return item if item.cache is None else replace(item, cache=None)
    if isinstance(item, ToolResult) and item.cache is not None:
        *before, last = item.parts or (Text(""),)
        if not isinstance(last, Refusal | Audio | OpaquePart) and last.cache is None:
            last = replace(last, cache=item.cache)
        return replace(item, parts=(*before, last), cache=None)
    return item


def _fit_number(fit: Fitting) -> None:
    """Keep the last marks: each stands for all that is before it."""
    content = fit.content
    most = _MOST if content.cache is None else _MOST - 1  # that one is set by the vendor
    seen = _count(content)
    if seen > most:
        cache = content.cache
        _unmark(fit, seen - most)
        fit.content = replace(fit.content, cache=cache)
        fit.tell("prompt_cache_breakpoint", "clamped", f"only the last {_MOST} marks are kept")


def _count(content: Generation) -> int:
    """Return how many marks there are, the automatic one aside: what `_Unmarking` would see."""
    seen = 0
    for tool in content.tools:
        if isinstance(tool, FunctionTool):
            seen += tool.cache is not None
        elif isinstance(tool, ToolNamespace):
            for inner in tool.tools:
                seen += isinstance(inner, FunctionTool) and inner.cache is not None
    for item in content.items:
        if isinstance(item, _MARKED):
            seen += item.cache is not None
        if isinstance(item, _IN_PARTS):
            for part in item.parts:
                seen += not isinstance(part, _UNMARKED) and part.cache is not None
    return seen


def _unmark(fit: Fitting, first: int) -> bool:
    """Take the `first` marks away, and the automatic one; return whether there were any."""
    content, unmarking = fit.content, _Unmarking(first)
    tools = each(content.tools, unmarking.tool)
    items = each(content.items, unmarking.item)
    if items is content.items and tools is content.tools and content.cache is None:
        return False
    fit.content = replace(content, items=items, tools=tools, cache=None)
    return True


@dataclass(slots=True)
class _Unmarking:
    """Takes `left` marks away, in the order they stand in a prompt, and counts those it saw."""

    left: int
    seen: int = 0

    def _keeps(self, mark: CacheMark | None) -> bool:
        if mark is None:
            return True
        self.seen += 1
        if not self.left:
            return True
        self.left -= 1
        return False

    def item(self, item: Item) -> Item:
        if isinstance(item, Message):
            parts = each(item.parts, self._part)
            return item if parts is item.parts else replace(item, parts=parts)
        if isinstance(item, ToolCall):
            return item if self._keeps(item.cache) else replace(item, cache=None)
        if isinstance(item, ToolResult):
            parts = each(item.parts, self._part)
            if self._keeps(item.cache):
                return item if parts is item.parts else replace(item, parts=parts)
            return replace(item, parts=parts, cache=None)
        return item

    def _part(self, part: Part) -> Part:
        if isinstance(part, Refusal | Audio | OpaquePart) or self._keeps(part.cache):
            return part
        return replace(part, cache=None)

    def tool(self, tool: ToolDefinition) -> ToolDefinition:
        if isinstance(tool, FunctionTool | CustomTool):
            return self._callable(tool)
        if isinstance(tool, ToolNamespace):
            inner = each(tool.tools, self._callable)
            return tool if inner is tool.tools else replace(tool, tools=inner)
        return tool

    def _callable(self, tool: CallableTool) -> CallableTool:
        if isinstance(tool, CustomTool) or self._keeps(tool.cache):
            return tool
        return replace(tool, cache=None)
