"""Tools that the vendor runs, for targets that run none."""

from dataclasses import replace

from ...domain.dialect import Dialect
from ...domain.tools import (
    AUTO,
    AllowedTools,
    AnyTool,
    HostedChoice,
    HostedTool,
    NoTools,
    ToolDefinition,
)
from .fitting import Fitting
from .namespaces import addresses


def fit_hosted_tools(fit: Fitting) -> None:
    """Leave out what nobody here can run, and mend the choice that named it."""
    if fit.outward is Dialect.RESPONSES and fit.can.hosted_tools:
        return
    kept: list[ToolDefinition] = []
    for place, tool in enumerate(fit.content.tools):
        if isinstance(tool, HostedTool):
            kind = repr(tool.type[:100])
            fit.tell(f"tools[{place}].type", "dropped", f"nobody here runs tools of type {kind}")
        else:
            kept.append(tool)
    if len(kept) < len(fit.content.tools):
        fit.content = replace(fit.content, tools=tuple(kept))
        _mend_choice(fit)
    if isinstance(fit.content.tool_choice, HostedChoice):
        fit.content = replace(fit.content, tool_choice=AUTO)
        fit.tell("tool_choice", "dropped", "nobody here runs the tool it names")


def _mend_choice(fit: Fitting) -> None:
    choice, tools = fit.content.tool_choice, fit.content.tools
    if isinstance(choice, AllowedTools):
        names = tuple(name for name in choice.names if addresses(tools, (name,)))
        if names:
            fit.content = replace(fit.content, tool_choice=replace(choice, names=names))
            return
        fit.content = replace(fit.content, tool_choice=NoTools() if tools else AUTO)
        fit.tell("tool_choice", "dropped", "nobody here runs the tools it allows")
    elif not tools and not isinstance(choice, HostedChoice):
        fit.content = replace(fit.content, tool_choice=AUTO)
        if isinstance(choice, AnyTool):
            fit.tell("tool_choice", "dropped", "there are no tools left to call")
