"""What an answer is held to, by what was asked and what the target could not be told of it."""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ...domain.adjustments import Adjustment
from ...domain.capabilities import Capabilities
from ...domain.dialect import Dialect
from ...domain.request import Generation
from ...domain.tools import (
    AllowedTools,
    CustomTool,
    FunctionTool,
    ToolDefinition,
    ToolNamespace,
)
from ..adjusting.custom_tools import as_functions
from ..adjusting.fields import field_names, keep_their_fields
from ..adjusting.form import answer_tool
from ..adjusting.namespaces import Address, addresses, tool_names


@dataclass(frozen=True, slots=True)
class Rules:
    """What an answer is held to.

    `spaces` leads from the names that went out back; `allowed` None is all; `alone` is one call a
    choice; `fields` leads, for each tool with such, from the fields' names that went out back;
    `custom` are the tools of free text that went out as functions; `form` is the name of the tool
    whose call is the answer itself.
    """

    spaces: Mapping[str, Address]
    allowed: frozenset[Address] | None
    alone: bool
    fields: Mapping[Address, Mapping[str, str]] = field(
        default_factory=dict[Address, Mapping[str, str]]
    )
    custom: frozenset[Address] = frozenset()
    form: str | None = None

    def refused(self, call: Address, *, later: bool) -> Adjustment | None:
        """Return what to note of a call that may not be passed on; `later`: it is not the first."""
        if self.allowed is not None and call not in self.allowed:
            name = call[1][:100]
            return Adjustment("tool_choice", "suppressed", f"a call of {name!r} was not allowed")
        if self.alone and later:
            return Adjustment("parallel_tool_calls", "suppressed", "calls behind the first")
        return None


def rules_of(content: Generation, can: Capabilities, dialect: Dialect) -> Rules | None:
    """Return what the answer of a target to `content` is held to, None for nothing."""
    form = answer_tool(content, can)
    if form is not None:
        back = _ways_back((form,), can, ())
        return Rules({}, None, alone=False, fields=back, form=form.name)
    if not content.tools:
        return None
    choice = content.tool_choice
    allowed = None
    if isinstance(choice, AllowedTools):
        allowed = frozenset(addresses(content.tools, choice.names))
    # Calls of the past have names too, but nobody calls what is not among the tools any more.
    named = tool_names(dialect, content, can)
    if named:
        named = tool_names(dialect, replace(content, items=()), can)
    spaces = {flat: address for address, flat in named.items()}
    custom = _custom_tools(content.tools, can)
    tools = as_functions(content.tools) if custom else content.tools
    fields = _ways_back(tools, can, frozenset(spaces.values()))
    alone = content.parallel_tool_calls is False
    if spaces or alone or fields or custom or allowed is not None:
        return Rules(spaces, allowed, alone, fields, custom)
    return None


def _each(tools: Sequence[ToolDefinition]) -> Iterator[tuple[str | None, ToolDefinition]]:
    """Yield the tools and those inside of namespaces, each with its namespace."""
    for tool in tools:
        if isinstance(tool, ToolNamespace):
            for inner in tool.tools:
                yield tool.name, inner
        else:
            yield None, tool


def _custom_tools(tools: Sequence[ToolDefinition], can: Capabilities) -> frozenset[Address]:
    if can.custom_tools:
        return frozenset()
    return frozenset(
        (space, tool.name) for space, tool in _each(tools) if isinstance(tool, CustomTool)
    )


def _ways_back(
    tools: Sequence[ToolDefinition], can: Capabilities, flat: Container[Address]
) -> Mapping[Address, Mapping[str, str]]:
    """Return the way back for the fields of each function; of those in namespaces, if `flat`."""
    if keep_their_fields(tools, can):
        return {}
    ways: dict[Address, Mapping[str, str]] = {}
    for space, tool in _each(tools):
        if not isinstance(tool, FunctionTool) or (
            space is not None and (space, tool.name) not in flat
        ):
            continue
        names = field_names(tool.parameters, can)
        if names:
            ways[space, tool.name] = {made: name for name, made in names.items()}
    return ways
