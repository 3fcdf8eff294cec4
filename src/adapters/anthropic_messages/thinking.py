"""How Claude is told to think: a different form for each generation of models."""

from typing import Literal, assert_never

from msgspec import UNSET, UnsetType

from ...domain.capabilities import Capabilities, Thinking
from ...domain.effort import Effort
from ...domain.errors import UnsupportedFeature
from ...domain.request import Generation
from ...domain.tools import AllowedTools, AnyTool, NamedTool
from . import wire

# Tokens to think with, for models that are given a budget; 1024 is the least they take.
_LEAST_BUDGET = 1024
_BUDGETS = {
    Effort.MINIMAL: 1024,
    Effort.LOW: 2048,
    Effort.MEDIUM: 8192,
    Effort.HIGH: 24576,
    Effort.XHIGH: 32768,
    Effort.MAX: 49152,
}


def _is_forced(content: Generation) -> bool:
    match content.tool_choice:
        case AnyTool() | NamedTool() | AllowedTools(required=True):
            return bool(content.tools)
        case _:
            return False


def encode_thinking(
    content: Generation, capabilities: Capabilities, *, thought: bool, default_max_tokens: int
) -> tuple[int, wire.ThinkingConfig | UnsetType, Effort | None]:
    """Return max_tokens, the thinking switch, and the effort to name beside it, if any.

    `thought` says whether an open tool turn began with thinking.
    """
    asked = content.max_output_tokens
    max_tokens = asked or capabilities.default_output_tokens or default_max_tokens
    effort = content.effort
    shown: Literal["summarized"] | UnsetType = "summarized" if content.reasoning_text else UNSET
    match capabilities.thinking:
        case Thinking.BUDGET:
            if effort is None or effort is Effort.NONE or not thought:
                # An open tool turn that began without thinking must go on without it.
                return max_tokens, UNSET, None
            _refuse_while_thinking(content)
            max_tokens, budget = _budget(effort, asked, max_tokens, capabilities.max_output_tokens)
            return max_tokens, wire.ThinkingConfig("enabled", budget), None
        case Thinking.ADAPTIVE:
            if effort is None or effort is Effort.NONE:
                return max_tokens, UNSET, None
            if _is_forced(content):
                raise UnsupportedFeature(
                    "Claude cannot think when a tool call is forced.", param="tool_choice"
                )
            return max_tokens, wire.ThinkingConfig("adaptive", display=shown), effort
        case Thinking.EFFORT:
            if effort is Effort.NONE:
                if not capabilities.thinking_off:
                    raise UnsupportedFeature(
                        "The model's thinking cannot be switched off.", param="reasoning_effort"
                    )
                return max_tokens, wire.ThinkingConfig("disabled"), None
            if shown is UNSET:
                return max_tokens, UNSET, effort
            return max_tokens, wire.ThinkingConfig("adaptive", display=shown), effort
        case Thinking.NONE | Thinking.LEVEL:
            if effort is None or effort is Effort.NONE:
                return max_tokens, UNSET, None
            raise UnsupportedFeature("The model does not reason.", param="reasoning_effort")
        case _:
            assert_never(capabilities.thinking)


def _refuse_while_thinking(content: Generation) -> None:
    drawn = content.sampling
    if drawn.temperature is not None and drawn.temperature != 1:
        param = "temperature"
    elif drawn.top_p is not None and drawn.top_p < 0.95:
        param = "top_p"
    elif _is_forced(content):
        param = "tool_choice"
    else:
        return
    raise UnsupportedFeature(f"Claude does not take {param!r} while it thinks.", param=param)


def _budget(
    effort: Effort, asked: int | None, max_tokens: int, highest: int | None
) -> tuple[int, int]:
    """Return max_tokens and the part of it to think with, which must be smaller.

    A limit the caller set holds, unless it leaves no room for the least budget; a default one
    grows by the budget.
    """
    budget = _BUDGETS[effort]
    if asked is None:
        max_tokens += budget
        if highest is not None:
            max_tokens = min(max_tokens, highest)
    elif asked <= _LEAST_BUDGET:
        max_tokens += _LEAST_BUDGET
    return max_tokens, max(_LEAST_BUDGET, min(budget, max_tokens * 3 // 4))
