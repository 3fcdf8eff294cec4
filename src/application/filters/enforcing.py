"""Enforcing: holds a translated answer to what the request said of tools and of its form.

Not every vendor has a word for "only these" or "one at a time", none but OpenAI knows namespaces
and tools of free text, and some take only some names: what was said otherwise on the way out is
made good on the way back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from ...domain.adjustments import Adjustment
from ...domain.conversation import ToolKind
from ...domain.events import (
    AnnotationAdded,
    EmbeddingsAdded,
    FinishReason,
    MessageStarted,
    RelayedBytes,
    ResponseFinished,
    ResponseStarted,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from ...domain.journal import Journal
from ...domain.request import GenerationRequest
from ..adjusting.custom_tools import text_of
from ..adjusting.fields import rename
from ..lanes import WITHOUT_CONTENT
from ..ports import Answer, LlmProvider
from .answer import WrappedAnswer
from .rules import Rules, rules_of

_AS_ANSWER = -1
"""Stands for the place of the call that is the answer."""
_AS_THEY_ARE: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Enforcing(LlmProvider):
    """Stands outside of adjusting: it holds answers to the tools as the caller knows them."""

    inner: LlmProvider

    async def open(self, request: GenerationRequest) -> Answer:
        answer = await self.inner.open(request)
        if request.journal.relayed or request.dialect in WITHOUT_CONTENT:
            return answer
        rules = rules_of(request.content.get(), request.capabilities, request.dialect)
        return _HeldAnswer(answer, rules, request.journal) if rules is not None else answer


@dataclass(slots=True)
class _Held:
    """A call whose arguments wait until they are whole: its own place, and the way back.

    Text inside of JSON (`custom`) waits too: its escapes cannot be undone piece by piece.
    """

    place: int
    names: Mapping[str, str]
    custom: bool = False
    arguments: list[str] = field(default_factory=list[str])

    def said(self, *, only_whole: bool) -> str | None:
        """Return the arguments as the caller knows them; of what is no JSON the text as it came.

        None with `only_whole`, if more may be to come.
        """
        told = "".join(self.arguments)
        said = rename(told, self.names) if self.names else told
        if self.custom:
            text = text_of(said)
            if only_whole:
                return text or None
            return told if text is None else text
        return None if only_whole and said is told else said


@dataclass(slots=True)
class _Calls:
    """The calls of one choice: the upstream's index -> the caller's, None for suppressed ones.

    `said` are the words of an answer that has to be a call, kept back until it is known to be one.
    """

    places: dict[int, int | None] = field(default_factory=dict[int, int | None])
    held: dict[int, _Held] = field(default_factory=dict[int, _Held])
    kept: int = 0
    answered: bool = False
    said: list[StreamEvent] = field(default_factory=list[StreamEvent])


class _HeldAnswer(WrappedAnswer):
    __slots__ = ("_choices", "_journal", "_rules")

    def __init__(self, inner: Answer, rules: Rules, journal: Journal) -> None:
        super().__init__(inner)
        self._rules = rules
        self._journal = journal
        self._choices: dict[int, _Calls] = {}

    async def read(self) -> Sequence[StreamEvent]:
        while events := await self._inner.read():
            passed: list[StreamEvent] = []
            for event in events:
                self._pass(event, passed)
            if passed:  # a batch is never empty before the end
                return passed
        return ()

    def _pass(self, event: StreamEvent, passed: list[StreamEvent]) -> None:
        """Put what `event` lets through behind what has `passed`."""
        match event:
            case ToolCallDelta():
                self._delta(event, passed)
            case ToolCallStarted():
                self._started(event, passed)
            case ResponseFinished():
                for number, calls in self._choices.items():
                    self._free(number, calls, passed)
                    if calls.answered:
                        self._note_words(calls)
                    else:
                        passed += calls.said
                passed.append(self._finished(event))
            case TextDelta() | MessageStarted() | AnnotationAdded() if self._rules.form is not None:
                self._choices.setdefault(event.choice, _Calls()).said.append(event)
            case ResponseStarted() | RelayedBytes() | EmbeddingsAdded():
                passed.append(event)
            case _:
                # What comes behind a call ends it, for who writes calls one after the other.
                before = self._choices.get(event.choice)
                if before is not None and before.held:
                    self._free(event.choice, before, passed, only_whole=True)
                passed.append(event)

    def _delta(self, event: ToolCallDelta, passed: list[StreamEvent]) -> None:
        calls = self._choices[event.choice]
        held = calls.held.get(event.index)
        place = calls.places[event.index]
        if held is not None:
            held.arguments.append(event.arguments)
        elif place == _AS_ANSWER:
            passed.append(TextDelta(event.arguments, event.choice))
        elif place is not None:
            passed.append(event if place == event.index else replace(event, index=place))

    def _started(self, event: ToolCallStarted, passed: list[StreamEvent]) -> None:
        calls = self._choices.setdefault(event.choice, _Calls())
        if self._rules.form is not None:
            self._answer_started(event, calls)
            return
        self._free(event.choice, calls, passed, only_whole=True)
        address = (event.namespace, event.name)
        if event.namespace is None:
            address = self._rules.spaces.get(event.name, address)
        refused = self._rules.refused(address, later=calls.kept > 0)
        if refused is not None:
            calls.places[event.index] = None
            self._note(refused)
            return
        place = calls.places[event.index] = calls.kept
        calls.kept += 1
        custom = event.kind == "function" and address in self._rules.custom
        names = self._rules.fields.get(address, _AS_THEY_ARE)
        if custom or names:
            calls.held[event.index] = _Held(place, names, custom)
        kind: ToolKind = "custom" if custom else event.kind
        space, name = address
        same = (place, space, name, kind) == (event.index, event.namespace, event.name, event.kind)
        passed.append(
            event if same else replace(event, index=place, namespace=space, name=name, kind=kind)
        )

    def _answer_started(self, event: ToolCallStarted, calls: _Calls) -> None:
        if calls.answered or event.name != self._rules.form:
            calls.places[event.index] = None
            self._note(Adjustment("response_format", "suppressed", "calls beside the answer"))
            return
        calls.answered = True
        calls.places[event.index] = _AS_ANSWER
        names = self._rules.fields.get((None, event.name))
        if names is not None:
            calls.held[event.index] = _Held(_AS_ANSWER, names)

    def _note_words(self, calls: _Calls) -> None:
        if any(isinstance(one, TextDelta) and one.text.strip() for one in calls.said):
            self._note(Adjustment("response_format", "suppressed", "words beside the answer"))

    def _free(
        self, choice: int, calls: _Calls, passed: list[StreamEvent], *, only_whole: bool = False
    ) -> None:
        """Pass on the arguments that waited; `only_whole`: those that are JSON already."""
        for index, held in list(calls.held.items()):
            said = held.said(only_whole=only_whole)
            if said is None:
                continue
            del calls.held[index]
            if held.custom:
                calls.places[index] = None  # white space behind the JSON is none of the text
            if held.place == _AS_ANSWER:
                passed.append(TextDelta(said, choice))
            elif said:
                passed.append(ToolCallDelta(held.place, said, choice))

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
