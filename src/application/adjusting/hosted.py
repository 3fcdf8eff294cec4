"""Tools that the vendor runs, for targets that run none."""

from collections.abc import Container
from dataclasses import replace

from ...domain.dialect import Dialect
from ...domain.tools import (
    AUTO,
    AllowedTools,
    AnyTool,
    HostedChoice,
    HostedTool,
    NamedTool,
    NoTools,
    ToolDefinition,
)
from .fitting import Fitting
from .namespaces import addresses


def fit_hosted_tools(fit: Fitting) -> None:
    """Leave out what nobody here can run, and mend the choice that named it."""
    runs = fit.outward if fit.can.hosted_tools else None
    if HostedTool in fit.kinds:
        _leave_out(fit, runs)
    if runs is not Dialect.RESPONSES and isinstance(fit.content.tool_choice, HostedChoice):
        fit.content = replace(fit.content, tool_choice=AUTO)
        fit.tell("tool_choice", "dropped", "nobody here runs the tool it names")


def _leave_out(fit: Fitting, runs: Dialect | None) -> None:
    kept: list[ToolDefinition] = []
    gone: set[str | None] = set()  # None: a toolset, and only the vendor knows what is in it
    for place, tool in enumerate(fit.content.tools):
        if isinstance(tool, HostedTool) and tool.dialect is not runs:
            name = tool.value.get("name")
            unnamed = None if tool.dialect is Dialect.MESSAGES else tool.type
            gone.add(name if isinstance(name, str) else unnamed)
            kind = repr(tool.type[:100])
            fit.tell(f"tools[{place}].type", "dropped", f"nobody here runs tools of type {kind}")
        else:
            kept.append(tool)
    if len(kept) < len(fit.content.tools):
        fit.content = replace(fit.content, tools=tuple(kept))
        _mend_choice(fit, gone)


def _mend_choice(fit: Fitting, gone: Container[str | None]) -> None:
    choice, tools = fit.content.tool_choice, fit.content.tools
    if isinstance(choice, AllowedTools):
        names = tuple(name for name in choice.names if addresses(tools, (name,)))
        if names:
            fit.content = replace(fit.content, tool_choice=replace(choice, names=names))
            return
        fit.content = replace(fit.content, tool_choice=NoTools() if tools else AUTO)
        fit.tell("tool_choice", "dropped", "nobody here runs the tools it allows")
    elif isinstance(choice, NamedTool) and (choice.name in gone or None in gone):
        if not addresses(tools, (choice.name,)):
            fit.content = replace(fit.content, tool_choice=AUTO)
            fit.tell("tool_choice", "dropped", "nobody here runs the tool it names")
    elif not tools and not isinstance(choice, HostedChoice):
        fit.content = replace(fit.content, tool_choice=AUTO)
        if isinstance(choice, AnyTool):
            fit.tell("tool_choice", "dropped", "there are no tools left to call")
