"""How Claude is told to think: a different form for each generation of models."""

from typing import Literal, assert_never

from msgspec import UNSET, UnsetType

from ...domain.capabilities import Capabilities, Thinking
from ...domain.effort import Effort
from ...domain.errors import UnsupportedFeature
from ...domain.request import Generation
from ...domain.thinking import (
    AdaptiveThinking,
    NoThinking,
    ThinkingBetweenTools,
    ThinkingBudget,
    ThinkingWish,
)
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
    asked, highest = content.max_output_tokens, capabilities.max_output_tokens
    max_tokens = asked
    if max_tokens is None:
        max_tokens = capabilities.default_output_tokens or default_max_tokens
    effort = content.effort
    match capabilities.thinking:
        case Thinking.BUDGET:
            tokens = _wanted_budget(content)
            if tokens is None or not thought:
                # An open tool turn that began without thinking must go on without it.
                off = wire.ThinkingConfig("disabled") if _is_off(content) else UNSET
                return max_tokens, off, None
            _refuse_while_thinking(content)
            if content.thinking is None or tokens >= max_tokens:
                max_tokens, tokens = _fit_budget(tokens, asked, max_tokens, highest)
            # These tell their thoughts if nobody says otherwise.
            shown = _display(content) if content.thinking is not None else UNSET
            return max_tokens, wire.ThinkingConfig("enabled", tokens, shown), None
        case Thinking.ADAPTIVE | Thinking.EFFORT:
            return max_tokens, *_encode_form(content, capabilities)
        case Thinking.NONE | Thinking.LEVEL:
            if effort in (None, Effort.NONE) and not _is_on(content.thinking):
                return max_tokens, UNSET, None
            raise UnsupportedFeature("The model does not reason.", param="reasoning_effort")
        case _:
            assert_never(capabilities.thinking)


def _encode_form(
    content: Generation, capabilities: Capabilities
) -> tuple[wire.ThinkingConfig | UnsetType, Effort | None]:
    """Return the switch and the effort of a model that decides itself how much it thinks."""
    effort = None if content.effort is Effort.NONE else content.effort
    always = capabilities.thinking is Thinking.EFFORT
    if content.thinking is None and content.effort is None and content.reasoning_text is None:
        return UNSET, None  # nobody said anything of it
    match content.thinking:
        case NoThinking():
            return _disabled(capabilities), effort
        case ThinkingBudget(tokens) if capabilities.takes_budgets:
            return wire.ThinkingConfig("enabled", tokens, _display(content)), effort
        case ThinkingBetweenTools() if capabilities.between_tools:
            return wire.ThinkingConfig("between_tools", display=_display(content)), effort
        case AdaptiveThinking():
            config = wire.ThinkingConfig("adaptive", display=_display(content))
        case ThinkingBudget() | ThinkingBetweenTools():
            raise UnsupportedFeature("The model is not told to think so.", param="thinking")
        case None if content.effort is Effort.NONE:
            return (_disabled(capabilities) if always else UNSET), None
        case None if content.reasoning_text is None or (always and not content.reasoning_text):
            # A caller of Messages who says nothing of thinking wants the model's own way.
            return UNSET, effort
        case None if not always and effort is None:
            return UNSET, None
        case None:
            config = wire.ThinkingConfig("adaptive", display=_display(content))
        case _:
            assert_never(content.thinking)
    if not always and _is_forced(content):
        raise UnsupportedFeature(
            "Claude cannot think when a tool call is forced.", param="tool_choice"
        )
    return config, effort


def _disabled(capabilities: Capabilities) -> wire.ThinkingConfig:
    if not capabilities.thinking_off:
        raise UnsupportedFeature(
            "The model's thinking cannot be switched off.", param="reasoning_effort"
        )
    return wire.ThinkingConfig("disabled")


def _display(content: Generation) -> Literal["summarized", "omitted"] | UnsetType:
    match content.reasoning_text:
        case None:
            return UNSET
        case True:
            return "summarized"
        case False:
            return "omitted"


def _is_off(content: Generation) -> bool:
    return isinstance(content.thinking, NoThinking)


def _is_on(wish: ThinkingWish | None) -> bool:
    return wish is not None and not isinstance(wish, NoThinking)


def _wanted_budget(content: Generation) -> int | None:
    """Return the tokens to think with, None for no thinking."""
    match content.thinking:
        case ThinkingBudget(tokens):
            return tokens
        case NoThinking():
            return None
        case AdaptiveThinking() | ThinkingBetweenTools():
            raise UnsupportedFeature("The model thinks within a budget alone.", param="thinking")
        case None:
            effort = content.effort
            return None if effort is None or effort is Effort.NONE else _BUDGETS[effort]
        case _:
            assert_never(content.thinking)


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


def _fit_budget(
    budget: int, asked: int | None, max_tokens: int, highest: int | None
) -> tuple[int, int]:
    """Return max_tokens and the part of it to think with, which must be smaller.

    A limit the caller set holds, unless it leaves no room for the least budget; a default one
    grows by the budget.
    """
    if asked is None:
        max_tokens += budget
        if highest is not None:
            max_tokens = min(max_tokens, highest)
    elif asked <= _LEAST_BUDGET:
        max_tokens += _LEAST_BUDGET
    return max_tokens, max(_LEAST_BUDGET, min(budget, max_tokens * 3 // 4))
