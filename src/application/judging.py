"""Whether a whole answer fits the schema that was asked for."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..domain.conversation import Message, Refusal, Text, ToolCall
from ..domain.errors import InvalidRequest
from ..domain.events import CUT_SHORT, StreamEvent, TextDelta
from ..domain.request import SchemaText
from ..domain.response import Candidate, ResponseBuilder
from .ports import SchemaChecker

_FENCED = re.compile(r"\s*```[A-Za-z0-9_-]*[ \t]*\r?\n(.*?)\r?\n?[ \t]*```\s*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Judgement:
    """`texts` are those that were checked, by choice: answers cut short, refusals and calls are
    not. `faults` is empty if they fit; `unchecked` says why nothing can be checked at all.
    """

    texts: Mapping[int, str]
    faults: tuple[str, ...] = ()
    unchecked: str | None = None
    unfenced: frozenset[int] = frozenset()


def judged(
    events: Sequence[StreamEvent], wanted: SchemaText, checker: SchemaChecker, *, fences: bool
) -> Judgement:
    """Judge the events of a whole answer; `fences`: code fences around a text do not count."""
    builder = ResponseBuilder()
    builder.add(events)
    return judged_answer(builder, wanted, checker, fences=fences)


def judged_answer(
    builder: ResponseBuilder, wanted: SchemaText, checker: SchemaChecker, *, fences: bool
) -> Judgement:
    texts: dict[int, str] = {}
    unfenced: set[int] = set()
    faults: list[str] = []
    for number, candidate in enumerate(builder.build().candidates):
        text = _text(candidate)
        if text is None:
            continue
        fenced = _FENCED.fullmatch(text) if fences else None
        if fenced is not None:
            text = fenced[1]
            unfenced.add(number)
        texts[number] = text
        try:
            faults += checker.check(wanted.schema, text)
        except InvalidRequest as error:
            return Judgement(texts, unchecked=error.message, unfenced=frozenset(unfenced))
    return Judgement(texts, tuple(faults), unfenced=frozenset(unfenced))


def without_fences(events: Sequence[StreamEvent], judgement: Judgement) -> tuple[StreamEvent, ...]:
    """Return `events` with each text that stood in a code fence alone."""
    told: set[int] = set()
    result: list[StreamEvent] = []
    for event in events:
        if isinstance(event, TextDelta) and event.choice in judgement.unfenced:
            if event.choice in told:
                continue
            told.add(event.choice)
            # Log probabilities are of tokens: with the fence's they would be of another text.
            event = replace(event, text=judgement.texts[event.choice], logprobs=())
        result.append(event)
    return tuple(result)


def _text(candidate: Candidate) -> str | None:
    """Return what was said, None where nothing that should fit was."""
    if candidate.reason in CUT_SHORT:
        return None
    texts: list[str] = []
    for item in candidate.items:
        if isinstance(item, ToolCall):
            return None
        if isinstance(item, Message) and item.phase != "commentary":
            if any(isinstance(part, Refusal) for part in item.parts):
                return None
            texts += [part.text for part in item.parts if isinstance(part, Text)]
    return "".join(texts)
