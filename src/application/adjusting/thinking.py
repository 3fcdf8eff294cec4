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
from .wishes import asks_to_think, nearest_effort, without_thinking


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
    nearest = nearest_effort(wanted, can)
    if nearest is wanted:
        return
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
    if can.proofs is None or not can.thinking_off:
        return
    asked = can.thinking is Thinking.BUDGET and asks_to_think(fit.content)
    if not asked and not can.thoughts_return:
        return
    proven = called = False
    for item in reversed(fit.content.items):
        if isinstance(item, Message) and item.role is not Role.ASSISTANT:
            break
        called = called or isinstance(item, ToolCall)
        if isinstance(item, Reasoning) and item.proof is None:
            proven = proven or (can.thoughts_return and bool(item.text))
        elif isinstance(item, Reasoning) and item.proof is not None:
            # The model of a signature that a client of Messages carried is not known.
            ours = item.proof.vendor is can.proofs and item.proof.model in ("", fit.model)
            proven = proven or ours
    if called and not proven:
        param = "reasoning_effort" if fit.content.thinking is None else "thinking"
        fit.content = without_thinking(fit.content)
        fit.tell(param, "dropped", "the tool calls of this turn came without their proofs")
