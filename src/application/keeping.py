"""What of an answer may be kept for others: which answers, and in how few events."""

import sys
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final

from ..domain.adjustments import Adjustment
from ..domain.events import (
    EmbeddingsAdded,
    FinishReason,
    OpaqueItemAdded,
    ReasoningDelta,
    RefusalDelta,
    RelayedBytes,
    ResponseFinished,
    ResponseStarted,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)

# What changes how tokens are drawn: a target that was not told of it drew as it liked.
_DRAWING: Final = frozenset({"temperature", "top_k"})
# An answer that does not fit the schema it was to fit, or may not, is no answer to keep.
_UNFIT: Final = frozenset({"unmet", "unchecked", "lost"})
# No refusals, which are chance as often as not, and nothing that was the vendor's own.
_NEVER: Final = frozenset({OpaqueItemAdded, RefusalDelta})
_EVENT_BYTES: Final = 120  # an event with its number and its place in a list
_NUMBER_BYTES: Final = 8


def worth_keeping(
    events: Sequence[StreamEvent],
    adjustments: Iterable[Adjustment],
    *,
    tools: bool,
    relayed: bool = False,
) -> bool:
    """Whether a whole answer may be given to others: nothing cut, refused or half vendor's own.

    Bytes that nobody has read are kept only with `relayed`. Calls of tools are kept only with
    `tools`; items of a vendor's own tools never: they tell what the world was like then, and their
    ids are known to the vendor for one turn.
    """
    if any(one.action in _UNFIT or _leaves_to_chance(one) for one in adjustments):
        return False
    kinds = {type(event) for event in events}
    if not kinds.isdisjoint(_NEVER):
        return False
    if (RelayedBytes in kinds and not relayed) or (ToolCallStarted in kinds and not tools):
        return False
    last = events[-1] if events else None
    return isinstance(last, ResponseFinished) and all(
        reason is FinishReason.STOP or (tools and reason is FinishReason.TOOL_CALLS)
        for reason in last.reasons
    )


def _leaves_to_chance(adjustment: Adjustment) -> bool:
    return adjustment.action == "dropped" and adjustment.param in _DRAWING


def merged(events: Iterable[StreamEvent]) -> tuple[StreamEvent, ...]:
    """Return the same answer in as few events as say it, without the upstream's id for it.

    Fragments that follow each other become one. The id was of that one call: whoever is given the
    answer again must not take it for theirs.
    """
    whole: list[StreamEvent] = []
    for place, fragments in groupby(events, _place):
        if place is None:
            whole += fragments
        else:
            whole.append(_joined(tuple(fragments)))
    if whole and isinstance(start := whole[0], ResponseStarted):
        whole[0] = ResponseStarted("", start.model)
    return tuple(whole)


def _place(event: StreamEvent) -> tuple[int, int, int] | None:
    """Return what an event is a fragment of, None for one that is whole."""
    if type(event) is TextDelta:
        return (0, event.choice, 0)
    if type(event) is ReasoningDelta:
        return (1, event.choice, 0)
    if type(event) is ToolCallDelta:
        return (2, event.choice, event.index)
    return None


def _joined(fragments: Sequence[StreamEvent]) -> StreamEvent:
    """Return fragments of one thing, each of which continues the one before, as one."""
    first = fragments[0]
    if len(fragments) == 1:
        return first
    match first:
        case TextDelta():
            texts = [one for one in fragments if type(one) is TextDelta]
            logprobs = tuple([token for one in texts for token in one.logprobs])
            return TextDelta("".join([one.text for one in texts]), first.choice, logprobs)
        case ReasoningDelta():
            thoughts = [one.text for one in fragments if type(one) is ReasoningDelta]
            return ReasoningDelta("".join(thoughts), first.choice)
        case ToolCallDelta():
            parts = [one.arguments for one in fragments if type(one) is ToolCallDelta]
            return ToolCallDelta(first.index, "".join(parts), first.choice)
        case _:
            return first


def held_bytes(events: Iterable[StreamEvent]) -> int:
    """Return about how much memory `events` take while an answer runs."""
    total = 0
    for event in events:
        total += _EVENT_BYTES
        match event:
            case TextDelta():
                total += sys.getsizeof(event.text)
                if event.logprobs:
                    total += sum([_EVENT_BYTES * (2 + len(one.top)) for one in event.logprobs])
            case ReasoningDelta():
                total += sys.getsizeof(event.text)
            case ToolCallDelta():
                total += sys.getsizeof(event.arguments)
            case EmbeddingsAdded():
                total += sum([len(vector) for vector in event.vectors]) * _NUMBER_BYTES
            case RelayedBytes():
                total += len(event.data)
            case OpaqueItemAdded():
                total += sys.getsizeof(repr(event.item.value))
            case _:
                pass
    return total
