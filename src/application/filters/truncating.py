"""Truncating: leaves out the oldest of a conversation that is too long, where the caller allows it.

What belongs together goes together: a call with its result, thoughts with the calls they led to.
Instructions stay, and so do the last thing the user said and the step that is to be answered.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ...domain.adjustments import Adjustment
from ...domain.conversation import Item, Message, Role, ToolCall, ToolResult
from ...domain.deferred import Deferred
from ...domain.dialect import Dialect
from ...domain.errors import ContextTooLong
from ...domain.request import Generation, GenerationRequest
from ..estimating import estimate_tokens
from ..languages import outward
from ..ports import Answer, LlmProvider
from ..reporting import note

# How much of what may go is left out at each further try.
_SHARES = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
_INSTRUCTING = (Role.SYSTEM, Role.DEVELOPER)


@dataclass(frozen=True, slots=True)
class Truncating(LlmProvider):
    """Stands inside of adjusting: what the target is sent is what is too long."""

    inner: LlmProvider

    async def open(self, request: GenerationRequest) -> Answer:
        if request.verbatim is not None:
            return await self.inner.open(request)
        content = request.content.get()
        if not content.truncate or _truncates_itself(request, content):
            return await self.inner.open(request)
        too_long: ContextTooLong | None = None
        try:
            try:
                return await self.inner.open(request)
            except ContextTooLong as error:
                too_long = error
            for items in shortened(content.items):
                shorter = replace(request, content=Deferred.of(replace(content, items=items)))
                try:
                    answer = await self.inner.open(shorter)
                except ContextTooLong as error:
                    too_long = error
                    continue
                gone = len(content.items) - len(items)
                detail = f"{gone} items were left out from the start: the context was too long"
                note(request, Adjustment("truncation", "truncated", detail))
                return answer
            raise too_long
        finally:
            # An error's traceback holds this frame: kept here, the two would be a circle.
            del too_long


def _truncates_itself(request: GenerationRequest, content: Generation) -> bool:
    return outward(request.dialect, content, request.capabilities) is Dialect.RESPONSES


def shortened(items: Sequence[Item]) -> list[tuple[Item, ...]]:
    """Return `items` with ever more left out from the start; nothing if nothing may go."""
    droppable = _droppable(items)
    weights = [estimate_tokens(Generation(tuple(items[at] for at in step))) for step in droppable]
    total = sum(weights)
    results: list[tuple[Item, ...]] = []
    gone: set[int] = set()
    weight = 0
    for share in _SHARES:
        before = len(gone)
        while droppable and weight < share * total:
            gone.update(droppable.pop(0))
            weight += weights.pop(0)
        if len(gone) > before:
            results.append(tuple(item for at, item in enumerate(items) if at not in gone))
    return results


@dataclass(slots=True)
class _Step:
    """Places of items that go together; `ended` by a result: what follows is another step."""

    places: list[int] = field(default_factory=list[int])
    ended: bool = False


def _droppable(items: Sequence[Item]) -> list[list[int]]:
    """Return the places of what may go, step by step, oldest first."""
    steps: list[_Step] = []
    callers: dict[str, _Step] = {}
    spoken: _Step | None = None
    saying: _Step | None = None
    last: _Step | None = None
    for place, item in enumerate(items):
        if isinstance(item, Message) and item.role in _INSTRUCTING:
            continue
        if isinstance(item, ToolResult):
            last = callers.get(item.call_id) or _begun(steps)
            last.ended = True
        elif isinstance(item, Message) and item.role is Role.USER:
            last = spoken = _begun(steps)
            saying = None
        else:
            if saying is None or saying.ended:
                saying = _begun(steps)
            last = saying
            if isinstance(item, ToolCall):
                callers[item.id] = saying
        last.places.append(place)
    return [step.places for step in steps if step is not spoken and step is not last]


def _begun(steps: list[_Step]) -> _Step:
    step = _Step()
    steps.append(step)
    return step
