"""How much a model is asked to think."""

from dataclasses import replace

from ...domain.capabilities import Thinking
from ...domain.conversation import (
    Message,
    Reasoning,
    Role,
    ToolCall,
)
from ...domain.dialect import Dialect
from ...domain.effort import Effort
from .fitting import Fitting

_EFFORTS = tuple(Effort)


def fit_effort(fit: Fitting) -> None:
    wanted, can = fit.content.effort, fit.can
    if wanted is None:
        return
    if can.thinking is Thinking.NONE:
        fit.content = replace(fit.content, effort=None)
        if wanted is not Effort.NONE:
            fit.tell("reasoning_effort", "dropped", "the model does not reason")
        return
    if wanted is Effort.NONE and can.thinking_off:
        return
    levels = [level for level in _EFFORTS if level in can.effort_levels]
    if not levels:
        levels = [level for level in _EFFORTS if level is not Effort.NONE]
    if wanted in levels:
        return
    place = _EFFORTS.index(wanted)
    below = [level for level in levels if _EFFORTS.index(level) <= place]
    nearest = below[-1] if below else levels[0]
    fit.content = replace(fit.content, effort=nearest)
    fit.tell("reasoning_effort", "clamped", f"{wanted} became {nearest}, the nearest there is")


def fit_summary(fit: Fitting) -> None:
    """Only the Responses API has summaries in several lengths."""
    wanted = fit.content.reasoning_summary
    if wanted is None or fit.outward is Dialect.RESPONSES:
        return
    if fit.can.thinking is Thinking.NONE:
        fit.content = replace(fit.content, reasoning_summary=None)
        fit.tell("reasoning_summary", "dropped", "the model does not reason")
    elif wanted != "auto":
        fit.content = replace(fit.content, reasoning_summary="auto")
        fit.tell("reasoning_summary", "clamped", "thoughts are told as the model tells them")


def fit_unproven_turn(fit: Fitting) -> None:
    """A model that thinks wants the proofs of an open tool turn; without them it must not think."""
    can = fit.can
    if can.proofs is None or can.thinking is not Thinking.BUDGET or not can.thinking_off:
        return
    if fit.content.effort in (None, Effort.NONE):
        return
    proven = called = False
    for item in reversed(fit.content.items):
        if isinstance(item, Message) and item.role is not Role.ASSISTANT:
            break
        called = called or isinstance(item, ToolCall)
        if isinstance(item, Reasoning) and item.proof is not None:
            proven = proven or (item.proof.vendor, item.proof.model) == (can.proofs, fit.model)
    if called and not proven:
        fit.content = replace(fit.content, effort=Effort.NONE)
        fit.tell(
            "reasoning_effort", "dropped", "the tool calls of this turn came without their proofs"
        )
