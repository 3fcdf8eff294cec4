"""Tools, the choice among them, and the schemas of their parameters."""

from dataclasses import replace

from ...domain.capabilities import Capabilities, Thinking
from ...domain.dialect import Dialect
from ...domain.effort import Effort
from ...domain.errors import UnsupportedFeature
from ...domain.request import Generation
from ...domain.tools import (
    AUTO,
    AllowedTools,
    AnyTool,
    FunctionTool,
    NamedTool,
    ToolDefinition,
)
from ..instructions import for_choice
from .fitting import Fitting, each
from .wishes import asks_to_think, without_thinking


def fit_tools(fit: Fitting) -> None:
    content, can = fit.content, fit.can
    if not content.tools:
        return
    if not can.tools:
        raise UnsupportedFeature("The model takes no tools.", param="tools")
    if (
        can.tools_only_on_responses
        and Dialect.RESPONSES not in can.dialects
        and content.effort is not Effort.NONE
    ):
        raise UnsupportedFeature(
            "The model takes tools on chat completions only with reasoning_effort 'none'; "
            "with reasoning it takes them on the Responses API alone, which is not offered here.",
            param="tools",
        )
    if not can.strict_tools and any(
        isinstance(tool, FunctionTool) and tool.strict for tool in content.tools
    ):
        relaxed = tuple(
            replace(tool, strict=None) if isinstance(tool, FunctionTool) else tool
            for tool in content.tools
        )
        fit.content = content = replace(content, tools=relaxed)
        fit.tell("tools.strict", "dropped", "the model does not hold arguments to the schema")
    if content.parallel_tool_calls is False and not can.parallel_switch:
        fit.content = replace(content, parallel_tool_calls=None)
        fit.tell("parallel_tool_calls", "emulated", "only the first call of an answer is passed on")


def fit_tool_extras(fit: Fitting) -> None:
    """Members of tools without a name here go to targets of their own language alone."""
    if fit.outward is fit.dialect:
        return
    gone: dict[str, None] = {}

    def bare(tool: ToolDefinition) -> ToolDefinition:
        if not isinstance(tool, FunctionTool) or not tool.extras:
            return tool
        gone.update(dict.fromkeys(tool.extras))
        return replace(tool, extras=None)

    tools = each(fit.content.tools, bare)
    if tools is not fit.content.tools:
        fit.content = replace(fit.content, tools=tools)
    for name in gone:
        fit.tell(f"tools.{name[:64]}", "dropped", "unknown to the provider")


def fit_tool_choice(fit: Fitting) -> None:
    choice = fit.content.tool_choice
    forced = isinstance(choice, AnyTool | NamedTool) or (
        isinstance(choice, AllowedTools) and choice.required
    )
    if not forced or not fit.content.tools:
        return
    if not fit.can.forced_tool_choice:
        fit.instruct(for_choice(choice))
        softer = replace(choice, required=False) if isinstance(choice, AllowedTools) else AUTO
        fit.content = replace(fit.content, tool_choice=softer)
        fit.tell("tool_choice", "emulated", "the model cannot be forced: it was instructed")
    elif forbids_forcing(fit.content, fit.can) and fit.can.thinking_off:
        param = "reasoning_effort" if fit.content.thinking is None else "thinking"
        fit.content = without_thinking(fit.content)
        fit.tell(param, "dropped", "the model cannot think when a tool is forced")


def forbids_forcing(content: Generation, can: Capabilities) -> bool:
    """Whether the thinking that is asked for stands against a forced call."""
    return can.thinking in _THINKING_AGAINST_FORCING and asks_to_think(content)


_THINKING_AGAINST_FORCING = frozenset({Thinking.BUDGET, Thinking.ADAPTIVE})
