"""How a caller of Messages wants a model to think, in the words of its target."""

from dataclasses import replace

from ...domain.capabilities import Capabilities, Thinking
from ...domain.dialect import Dialect
from ...domain.effort import Effort
from ...domain.request import Generation
from ...domain.thinking import (
    AdaptiveThinking,
    NoThinking,
    ThinkingBetweenTools,
    ThinkingBudget,
    ThinkingWish,
)
from .fitting import Fitting

# Budgets in tokens below which an effort says about as much.
_BANDS = ((4096, Effort.LOW), (16_384, Effort.MEDIUM))
_USUAL_BUDGET = 8192


def asks_to_think(content: Generation) -> bool:
    """Whether `content` asks a model to think that would not otherwise."""
    if content.thinking is not None:
        return not isinstance(content.thinking, NoThinking)
    return content.effort not in (None, Effort.NONE)


def without_thinking(content: Generation) -> Generation:
    """Return `content` with the wish that a model that can answer at once does."""
    if content.thinking is None:
        return replace(content, effort=Effort.NONE)
    return replace(content, thinking=NoThinking())


def fit_wish(fit: Fitting) -> None:
    """Say a wish as one that the target has, or as an effort; nothing stays unsaid untold."""
    wish = fit.content.thinking
    if wish is None:
        return
    if fit.can.thinking is Thinking.NONE:
        fit.content = replace(fit.content, thinking=None)
        if not isinstance(wish, NoThinking):
            fit.tell("thinking", "dropped", "the model does not think")
    elif fit.outward is Dialect.MESSAGES:
        _fit_words(fit, wish)
        if fit.can.thinking is Thinking.BUDGET:
            _fit_alone(fit)
    else:
        _fit_effort(fit, wish)
        _fit_alone(fit)


def _fit_alone(fit: Fitting) -> None:
    """Leave out an effort beside a wish that stays: one of them is all that the model is told."""
    content = fit.content
    if content.thinking is not None and content.effort not in (None, Effort.NONE):
        fit.content = replace(content, effort=None)
        fit.tell("reasoning_effort", "dropped", "the model is told in another way how to think")


def _fit_words(fit: Fitting, wish: ThinkingWish) -> None:
    can = fit.can
    by_budget = can.thinking is Thinking.BUDGET
    match wish:
        case ThinkingBudget(tokens) if not (by_budget or can.takes_budgets):
            effort = fit.content.effort or _band(tokens, can)
            fit.content = replace(fit.content, thinking=AdaptiveThinking(), effort=effort)
            fit.tell("thinking", "emulated", "the model takes no budget: it was told an effort")
        case AdaptiveThinking() | ThinkingBetweenTools() if by_budget:
            fit.content = replace(fit.content, thinking=_budget(fit.content.effort))
            fit.tell("thinking", "emulated", "the model thinks within a budget alone")
        case ThinkingBetweenTools() if not can.between_tools:
            fit.content = replace(fit.content, thinking=AdaptiveThinking())
            fit.tell("thinking", "emulated", "the model decides itself when to think")
        case NoThinking() if not can.thinking_off:
            fit.content = replace(fit.content, thinking=None)
            fit.tell("thinking", "clamped", "the model's thinking cannot be switched off")
        case _:
            pass


def _budget(effort: Effort | None) -> ThinkingWish | None:
    """Return a budget where no effort says how much; an effort is one already."""
    return ThinkingBudget(_USUAL_BUDGET) if effort in (None, Effort.NONE) else None


def _fit_effort(fit: Fitting, wish: ThinkingWish) -> None:
    can, effort = fit.can, fit.content.effort
    told: tuple[str, str] | None = None
    shown = fit.content.reasoning_text
    match wish:
        case NoThinking() if can.thinking_off:
            if effort not in (None, Effort.NONE):
                fit.tell("reasoning_effort", "dropped", "the model is told not to think")
            effort = Effort.NONE
        case NoThinking():
            effort = effort or least_effort(can)
            told = "clamped", "the model's thinking cannot be switched off"
        case ThinkingBudget() if can.takes_budgets:
            return
        case ThinkingBudget(tokens):
            effort = effort or _band(tokens, can)
            told = "emulated", "the model takes no budget: it was told an effort"
        case ThinkingBetweenTools():
            effort = effort or _usual(can)
            told = "emulated", "the model decides itself when to think"
        case AdaptiveThinking():
            told_effort = effort or _usual(can)
            if told_effort is not effort:
                told = "emulated", "the model thinks only when asked: it was told an effort"
            effort = told_effort
    if shown is None and can.thinking is Thinking.ADAPTIVE and effort is not Effort.NONE:
        shown = True  # an effort alone would not have it think
    fit.content = replace(fit.content, thinking=None, effort=effort, reasoning_text=shown)
    if told is not None:
        fit.tell("thinking", *told)


def _usual(can: Capabilities) -> Effort | None:
    """Return what has a model think that does not of itself."""
    unasked = can.thinking in (Thinking.BUDGET, Thinking.ADAPTIVE)
    return nearest_effort(Effort.MEDIUM, can) if unasked else None


def _band(tokens: int, can: Capabilities) -> Effort:
    effort = next((effort for most, effort in _BANDS if tokens < most), Effort.HIGH)
    return nearest_effort(effort, can)


_EFFORTS = tuple(Effort)


def nearest_effort(wanted: Effort, can: Capabilities) -> Effort:
    """Return the effort that the target takes instead of `wanted`: itself, or a lower one."""
    levels = [level for level in _EFFORTS if level in can.effort_levels]
    if not levels:
        levels = [level for level in _EFFORTS if level is not Effort.NONE]
    if wanted in levels:
        return wanted
    place = _EFFORTS.index(wanted)
    below = [level for level in levels if _EFFORTS.index(level) <= place]
    return below[-1] if below else levels[0]


def least_effort(can: Capabilities) -> Effort:
    """Return the least effort of a model that always thinks."""
    return nearest_effort(Effort.NONE, can)
