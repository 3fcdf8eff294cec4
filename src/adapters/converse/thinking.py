"""How a model behind Converse is told to think: each vendor's in members of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, assert_never

from ...domain.capabilities import Capabilities, Thinking
from ...domain.conversation import Vendor
from ...domain.effort import Effort
from ...domain.errors import UnsupportedFeature
from ...domain.json_values import JsonObject, JsonValue
from ...domain.request import Generation
from .capabilities import Manner

# Tokens to think with, for models that are given a budget; 1024 is the least they take.
_LEAST_BUDGET: Final = 1024
_BUDGETS: Final[Mapping[Effort, int]] = {
    Effort.MINIMAL: 1024,
    Effort.LOW: 2048,
    Effort.MEDIUM: 8192,
    Effort.HIGH: 24576,
    Effort.XHIGH: 32768,
    Effort.MAX: 49152,
}
_LOWEST: Final = {Effort.MINIMAL: Effort.LOW}


@dataclass(slots=True)
class Thought:
    """`fields` go to the model as they are, `effort` stands in `outputConfig`."""

    max_tokens: int | None
    fields: JsonObject = field(default_factory=dict[str, JsonValue])
    effort: str | None = None


def encode_thinking(
    content: Generation, can: Capabilities, manner: Manner, *, thought: bool
) -> Thought:
    """Return how the model is told to think, and the limit on its output that goes with that.

    `thought` says whether an open tool turn began with thinking.

    Raises:
        UnsupportedFeature: it cannot think, or cannot be told not to.
    """
    said = Thought(content.max_output_tokens)
    wanted = content.effort
    if content.thinking is not None:
        raise UnsupportedFeature("The model is not told to think so.", param="thinking")
    if can.thinking is Thinking.NONE:
        if wanted not in (None, Effort.NONE):
            raise UnsupportedFeature("The model does not reason.", param="reasoning_effort")
    elif wanted is Effort.NONE and not can.thinking_off:
        raise UnsupportedFeature(
            "The model's thinking cannot be switched off.", param="reasoning_effort"
        )
    elif can.proofs is Vendor.ANTHROPIC:
        _tell_claude(content, can, said, thought=thought)
    elif wanted not in (None, Effort.NONE):
        _tell_effort(_LOWEST.get(wanted, wanted).value, manner, said)
    return said


def _tell_effort(word: str, manner: Manner, said: Thought) -> None:
    if not manner.effort:
        said.effort = word
        return
    for name, value in manner.beside_effort.items():
        said.fields[name] = dict(value) if isinstance(value, dict) else value  # type: ignore[assignment]  # data of ours: JSON
    put(said.fields, manner.effort, word)


def put(fields: JsonObject, path: tuple[str, ...], value: JsonValue) -> None:
    """Set the member of `fields` at `path`, with the objects around it."""
    for name in path[:-1]:
        inner = fields.setdefault(name, {})
        if not isinstance(inner, dict):
            raise TypeError(f"{name} is no object")
        fields = inner
    fields[path[-1]] = value


def _tell_claude(content: Generation, can: Capabilities, said: Thought, *, thought: bool) -> None:
    """Claude's own switch, in the form of each generation of its models."""
    effort = content.effort
    switch: JsonObject
    match can.thinking:
        case Thinking.BUDGET:
            # An open tool turn that began without thinking must go on without it.
            if effort is None or effort is Effort.NONE or not thought:
                return
            said.max_tokens, tokens = _budget(effort, content.max_output_tokens, can)
            switch = {"type": "enabled", "budget_tokens": tokens}
        case Thinking.ADAPTIVE | Thinking.EFFORT as form:
            always = form is Thinking.EFFORT
            if effort is Effort.NONE:
                if always:
                    said.fields["thinking"] = {"type": "disabled"}
                return
            if effort is not None:
                said.effort = _LOWEST.get(effort, effort).value
            shown = content.reasoning_text
            if shown is None or (effort is None and not (always and shown)):
                return
            switch = {"type": "adaptive", "display": "summarized" if shown else "omitted"}
        case Thinking.NONE | Thinking.LEVEL:
            return
        case _:
            assert_never(can.thinking)
    said.fields["thinking"] = switch


def _budget(effort: Effort, asked: int | None, can: Capabilities) -> tuple[int, int]:
    """Return the limit on the output and the part of it to think with, which must be smaller.

    A limit the caller set holds, unless it leaves no room for the least budget; a default one
    grows by the budget.
    """
    budget = _BUDGETS[effort]
    if asked is None:
        limit = (can.default_output_tokens or 8192) + budget
        if can.max_output_tokens is not None:
            limit = min(limit, can.max_output_tokens)
    else:
        limit = asked if asked > _LEAST_BUDGET else asked + _LEAST_BUDGET
    return limit, max(_LEAST_BUDGET, min(budget, limit * 3 // 4))
