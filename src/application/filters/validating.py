"""Validating: answers are checked against the schema that was asked for.

Where the target holds to a schema itself, that is believed, unless the route asks for more, or the
target was told less than the schema says.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...domain.adjustments import Adjustment
from ...domain.conversation import Message, Role, Text
from ...domain.deferred import Deferred
from ...domain.errors import InvalidRequest, OverloadError, ProviderError, SchemaUnmet
from ...domain.events import ResponseFinished, StreamEvent, Usage
from ...domain.request import Generation, GenerationRequest, SchemaText
from ...domain.response import ResponseBuilder
from ..adjusting.form import holds_itself
from ..instructions import for_repair
from ..judging import Judgement, judged, judged_answer, without_fences
from ..lanes import WITHOUT_CONTENT, passes_unread
from ..ports import Answer, LlmProvider, SchemaChecker
from ..reporting import note
from ..spelling import spelled
from .answer import WrappedAnswer

_PARAM = "response_format"


@dataclass(frozen=True, slots=True)
class Validating(LlmProvider):
    """Stands outside of adjusting: the schema is the caller's, not what a target was told of it.

    An answer that can still be taken back is judged before it is passed on; of one that streams
    as it comes, the log is told in the end.
    """

    inner: LlmProvider
    checker: SchemaChecker

    async def open(self, request: GenerationRequest) -> Answer:
        rules = request.schema_rules
        asked_for = rules.strict or rules.repair
        if request.dialect in WITHOUT_CONTENT or (not asked_for and passes_unread(request)):
            return await self.inner.open(request)
        content = request.content.get()
        wanted = content.output_format
        if not isinstance(wanted, SchemaText):
            return await self.inner.open(request)
        itself = holds_itself(content, request.capabilities)
        if itself and not asked_for:
            answer = await self.inner.open(request)
            if not _was_weakened(request):
                return answer
            case = _Case(self, request, content, wanted, fences=False)
            return (_WatchedAnswer if request.stream else _CheckedAnswer)(answer, case)
        if rules.strict:
            self._admit(wanted, request)
        if request.verbatim is not None:
            # The answer has to be understood, so it must not pass unread.
            request = replace(request, verbatim=None)
        answer = await self.inner.open(request)
        case = _Case(self, request, content, wanted, fences=not itself)
        if request.stream and not rules.strict:
            return _WatchedAnswer(answer, case)
        return _CheckedAnswer(answer, case)

    def _admit(self, wanted: SchemaText, request: GenerationRequest) -> None:
        try:
            self.checker.admit(wanted.schema)
        except InvalidRequest as error:
            error.param = spelled(_PARAM, request.dialect)
            raise


@dataclass(frozen=True, slots=True)
class _Case:
    """What an answer is judged by; `fences`: the target was asked in words, and may add some."""

    house: Validating
    request: GenerationRequest
    content: Generation
    wanted: SchemaText
    fences: bool

    def judge(self, events: Sequence[StreamEvent]) -> Judgement:
        return judged(events, self.wanted, self.house.checker, fences=self.fences)

    def note(self, action: str, detail: str) -> None:
        note(self.request, Adjustment(_PARAM, action, detail))


class _WatchedAnswer(WrappedAnswer):
    """Passes an answer on as it comes, and judges it at its end."""

    __slots__ = ("_builder", "_case")

    def __init__(self, inner: Answer, case: _Case) -> None:
        super().__init__(inner)
        self._case = case
        self._builder = ResponseBuilder()

    async def read(self) -> Sequence[StreamEvent]:
        events = await self._inner.read()
        self._builder.add(events)
        if events and type(events[-1]) is ResponseFinished:
            self._tell()
        return events

    def _tell(self) -> None:
        """Tell the log alone: the header is gone."""
        case = self._case
        # What has a fence around it went out with the fence.
        verdict = judged_answer(self._builder, case.wanted, case.house.checker, fences=False)
        told: Adjustment | None = None
        param = spelled(_PARAM, case.request.dialect)
        if verdict.unchecked is not None:
            told = Adjustment(param, "unchecked", verdict.unchecked)
        elif verdict.faults:
            told = Adjustment(param, "unmet", "; ".join(verdict.faults))
        if told is not None:
            case.request.journal.adjustments.append(told)


class _CheckedAnswer(WrappedAnswer):
    """Reads an answer to its end before any of it is passed on, and has it mended if need be."""

    __slots__ = ("_case", "_events")

    def __init__(self, inner: Answer, case: _Case) -> None:
        super().__init__(inner)
        self._case = case
        self._events: Sequence[StreamEvent] | None = None

    async def read(self) -> Sequence[StreamEvent]:
        if self._events is not None:
            return ()
        self._events = ()
        return await self._settled()

    async def _settled(self) -> Sequence[StreamEvent]:
        case = self._case
        events = await _whole(self._inner)
        verdict = case.judge(events)
        mended = False
        if verdict.faults and _can_be_mended(case, verdict):
            again = await self._mended(verdict)
            if again is not None:
                usage = _usage_of(events)
                told = case.judge(again)
                if told.texts:
                    events, verdict, mended = again, told, not told.faults
                    events = _with_usage(events, usage)
                else:
                    # A refusal, or words cut short, are no better than what was there before.
                    events = _with_usage(events, _usage_of(again))
        if verdict.unchecked is not None:
            case.note("unchecked", verdict.unchecked)
        elif verdict.faults:
            self._tell_unmet(verdict.faults)
        elif mended:
            case.note("repaired", "the first answer did not fit the schema: one more call was made")
        if verdict.unfenced:
            case.note("unfenced", "the code fence around the JSON was taken off")
            events = without_fences(events, verdict)
        return events

    def _tell_unmet(self, faults: tuple[str, ...]) -> None:
        said = "; ".join(faults)
        if self._case.request.schema_rules.strict:
            raise SchemaUnmet(
                f"The model's answer does not fit the schema: {said}",
                provider=self._case.request.journal.provider,
                param=spelled(_PARAM, self._case.request.dialect),
            )
        self._case.note("unmet", said)

    async def _mended(self, verdict: Judgement) -> Sequence[StreamEvent] | None:
        """Ask once more, with what was wrong; None if that call failed."""
        case = self._case
        (text,) = verdict.texts.values()
        items = (
            *case.content.items,
            Message(Role.ASSISTANT, (Text(text),)),
            Message(Role.USER, (Text(for_repair(verdict.faults)),)),
        )
        content = replace(case.content, items=items)
        request = replace(case.request, content=Deferred.of(content))
        journal = request.journal
        noted, told = list(journal.adjustments), list(journal.told)
        await self._inner.aclose()  # its place at the upstream may be the only one
        try:
            self._inner = await case.house.inner.open(request)
            return await _whole(self._inner)
        except (ProviderError, OverloadError):
            return None  # the first answer is all there is; it is told, or refused, as what it is
        finally:
            # What was changed for the first call was changed for this one alike.
            journal.adjustments[:] = noted + [
                one for one in journal.adjustments[len(noted) :] if one not in noted
            ]
            journal.told[:] = told + [one for one in journal.told[len(told) :] if one not in told]


def _was_weakened(request: GenerationRequest) -> bool:
    """Whether the target was told less than the caller's schema; noted when it was asked."""
    param = spelled(_PARAM + ".schema", request.dialect)
    return any(one.param == param for one in request.journal.adjustments)


def _can_be_mended(case: _Case, verdict: Judgement) -> bool:
    alone = case.content.sampling.candidates == 1 and len(verdict.texts) == 1
    return case.request.schema_rules.repair and alone and any(verdict.texts.values())


async def _whole(answer: Answer) -> Sequence[StreamEvent]:
    """Return all events of an answer; one that breaks off raises."""
    events: list[StreamEvent] = []
    while batch := await answer.read():
        events += batch
    return events


def _usage_of(events: Sequence[StreamEvent]) -> Usage | None:
    last = events[-1]
    return last.usage if isinstance(last, ResponseFinished) else None


def _with_usage(events: Sequence[StreamEvent], more: Usage | None) -> Sequence[StreamEvent]:
    """Return `events` with the tokens of another call among their own."""
    last = events[-1]
    if more is None or not isinstance(last, ResponseFinished):
        return events
    return (*events[:-1], replace(last, usage=more + last.usage if last.usage else more))
