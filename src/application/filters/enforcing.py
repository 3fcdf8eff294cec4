"""Enforcing: holds a translated answer to what the request said of tools.

Not every vendor has a word for "only these" or "one at a time", and none but OpenAI knows
namespaces: what was said otherwise on the way out is made good on the way back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ...domain.adjustments import Adjustment
from ...domain.events import (
    FinishReason,
    ResponseFinished,
    StreamEvent,
    ToolCallDelta,
    ToolCallStarted,
)
from ...domain.journal import Journal
from ...domain.request import Generation, GenerationRequest
from ...domain.tools import AllowedTools
from ..adjusting.namespaces import Address, addresses, flat_names, flattens
from ..lanes import WITHOUT_CONTENT
from ..ports import Answer, LlmProvider
from .answer import WrappedAnswer


@dataclass(frozen=True, slots=True)
class Rules:
    """`spaces` leads from flat names back; `allowed` None is all; `alone` is one call a choice."""

    spaces: Mapping[str, Address]
    allowed: frozenset[Address] | None
    alone: bool

    def refused(self, call: Address, *, later: bool) -> Adjustment | None:
        """Return what to note of a call that may not be passed on; `later`: it is not the first."""
        if self.allowed is not None and call not in self.allowed:
            name = call[1][:100]
            return Adjustment("tool_choice", "suppressed", f"a call of {name!r} was not allowed")
        if self.alone and later:
            return Adjustment("parallel_tool_calls", "suppressed", "calls behind the first")
        return None


def rules_of(content: Generation, *, flattened: bool) -> Rules | None:
    """Return what the answer to `content` is held to, None for nothing.

    `flattened`: the target was told the tools without their namespaces.
    """
    if not content.tools:
        return None
    choice = content.tool_choice
    allowed = None
    if isinstance(choice, AllowedTools):
        allowed = frozenset(addresses(content.tools, choice.names))
    spaces: Mapping[str, Address] = {}
    if flattened:
        spaces = {flat: address for address, flat in flat_names(content.tools).items()}
    alone = content.parallel_tool_calls is False
    return Rules(spaces, allowed, alone) if spaces or alone or allowed is not None else None


@dataclass(frozen=True, slots=True)
class Enforcing(LlmProvider):
    """Stands outside of adjusting: it holds answers to the tools as the caller knows them."""

    inner: LlmProvider

    async def open(self, request: GenerationRequest) -> Answer:
        answer = await self.inner.open(request)
        if request.journal.relayed or request.dialect in WITHOUT_CONTENT:
            return answer
        content, can = request.content.get(), request.capabilities
        rules = rules_of(content, flattened=flattens(request.dialect, content, can))
        return _HeldAnswer(answer, rules, request.journal) if rules is not None else answer


@dataclass(slots=True)
class _Calls:
    """The calls of one choice: the upstream's index -> the caller's, None for suppressed ones."""

    places: dict[int, int | None] = field(default_factory=dict[int, int | None])
    kept: int = 0


class _HeldAnswer(WrappedAnswer):
    __slots__ = ("_choices", "_journal", "_rules")

    def __init__(self, inner: Answer, rules: Rules, journal: Journal) -> None:
        super().__init__(inner)
        self._rules = rules
        self._journal = journal
        self._choices: dict[int, _Calls] = {}

    async def read(self) -> Sequence[StreamEvent]:
        while events := await self._inner.read():
            held = [kept for event in events if (kept := self._held(event)) is not None]
            if held:  # a batch is never empty before the end
                return held
        return ()

    def _held(self, event: StreamEvent) -> StreamEvent | None:
        if isinstance(event, ToolCallDelta):
            place = self._choices[event.choice].places[event.index]
            if place is None:
                return None
            return event if place == event.index else replace(event, index=place)
        if isinstance(event, ToolCallStarted):
            return self._started(event)
        if isinstance(event, ResponseFinished):
            return self._finished(event)
        return event

    def _started(self, event: ToolCallStarted) -> ToolCallStarted | None:
        calls = self._choices.setdefault(event.choice, _Calls())
        space, name = self._rules.spaces.get(event.name, (event.namespace, event.name))
        refused = self._rules.refused((space, name), later=calls.kept > 0)
        if refused is not None:
            calls.places[event.index] = None
            self._note(refused)
            return None
        place = calls.places[event.index] = calls.kept
        calls.kept += 1
        if (place, space, name) == (event.index, event.namespace, event.name):
            return event
        return replace(event, index=place, namespace=space, name=name)

    def _finished(self, event: ResponseFinished) -> ResponseFinished:
        reasons = tuple(self._reason(choice, reason) for choice, reason in enumerate(event.reasons))
        return event if reasons == event.reasons else replace(event, reasons=reasons)

    def _reason(self, choice: int, reason: FinishReason) -> FinishReason:
        calls = self._choices.get(choice)
        if reason is FinishReason.TOOL_CALLS and calls is not None and not calls.kept:
            return FinishReason.STOP
        return reason

    def _note(self, suppressed: Adjustment) -> None:
        """Tell the log alone, once of each kind: the header is gone."""
        noted = self._journal.adjustments
        if not any(str(one) == str(suppressed) for one in noted):
            noted.append(suppressed)
