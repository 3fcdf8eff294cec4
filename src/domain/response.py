"""Response, a whole answer; and ResponseBuilder, which folds events into one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from .conversation import Item, Message, Part, Proof, Reasoning, Refusal, Role, Text, ToolCall
from .events import (
    AnnotationAdded,
    EmbeddingsAdded,
    FinishReason,
    MessageStarted,
    OpaqueItemAdded,
    ReasoningDelta,
    ReasoningFinished,
    RefusalDelta,
    RelayedBytes,
    ResponseFinished,
    ResponseStarted,
    StreamEvent,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    ToolCallStarted,
    Usage,
)
from .json_values import JsonObject


@dataclass(frozen=True, slots=True)
class Candidate:
    """One of the alternative answers: its items in their order."""

    items: tuple[Item, ...]
    reason: FinishReason
    logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer; `relayed` is the upstream's own body where it was not translated."""

    id: str
    model: str
    candidates: tuple[Candidate, ...]
    usage: Usage | None
    relayed: bytes | None = None
    matched_stop: str | None = None
    vectors: tuple[Sequence[float], ...] = ()


class _Open:
    """A choice in the making: finished items, and the fragments of the one that is open."""

    __slots__ = (
        "annotations", "calls", "items", "logprobs", "parts", "phase", "reasoning", "refusal",
        "text",
    )  # fmt: skip

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.calls: dict[int, tuple[int, list[str]]] = {}
        self.parts: list[Part] = []
        self.phase: str | None = None
        self.text: list[str] = []
        self.annotations: list[JsonObject] = []
        self.refusal: list[str] = []
        self.reasoning: list[str] = []
        self.logprobs: list[TokenLogprob] = []

    def end_part(self) -> None:
        if self.text:
            self.parts.append(Text("".join(self.text), tuple(self.annotations)))
            self.text.clear()
            self.annotations.clear()
        if self.refusal:
            self.parts.append(Refusal("".join(self.refusal)))
            self.refusal.clear()

    def end_text(self) -> None:
        self.end_part()
        if self.parts:
            self.items.append(Message(Role.ASSISTANT, tuple(self.parts), phase=self.phase))
            self.parts.clear()
        self.annotations.clear()  # of a text that never came
        self.phase = None

    def end_reasoning(self, proof: Proof | None = None) -> None:
        if self.reasoning or proof is not None:
            self.items.append(Reasoning("".join(self.reasoning), proof))
            self.reasoning.clear()


@dataclass(slots=True)
class ResponseBuilder:
    """Folds the events of one answer; `build` after `ResponseFinished`."""

    _id: str = ""
    _model: str = ""
    _choices: dict[int, _Open] = field(default_factory=dict[int, _Open])
    _relayed: list[bytes] = field(default_factory=list[bytes])
    _vectors: list[Sequence[float]] = field(default_factory=list[Sequence[float]])
    _finished: ResponseFinished | None = None

    def add(self, events: Iterable[StreamEvent]) -> None:
        """Take the next events in their order."""
        for event in events:
            match event:
                case TextDelta():
                    choice = self._choices.get(event.choice) or self._choice(event.choice)
                    if choice.reasoning:
                        choice.end_reasoning()
                    if choice.refusal:
                        choice.end_part()
                    choice.text.append(event.text)
                    if event.logprobs:
                        choice.logprobs.extend(event.logprobs)
                case RefusalDelta():
                    choice = self._choice(event.choice)
                    choice.end_reasoning()
                    if choice.text:
                        choice.end_part()
                    choice.refusal.append(event.text)
                case ReasoningDelta():
                    choice = self._choice(event.choice)
                    choice.end_text()
                    choice.reasoning.append(event.text)
                case ReasoningFinished():
                    choice = self._choice(event.choice)
                    choice.end_text()
                    choice.end_reasoning(event.proof)
                case ToolCallStarted():
                    choice = self._choice(event.choice)
                    choice.end_text()
                    choice.end_reasoning()
                    choice.calls[event.index] = (len(choice.items), [])
                    choice.items.append(
                        ToolCall(event.id, event.name, "", event.kind, event.proof, event.namespace)
                    )
                case ToolCallDelta():
                    self._choice(event.choice).calls[event.index][1].append(event.arguments)
                case MessageStarted():
                    choice = self._choice(event.choice)
                    choice.end_reasoning()
                    choice.end_text()
                    choice.phase = event.phase
                case AnnotationAdded():
                    self._choice(event.choice).annotations.append(event.annotation)
                case OpaqueItemAdded():
                    choice = self._choice(event.choice)
                    choice.end_text()
                    choice.end_reasoning()
                    choice.items.append(event.item)
                case EmbeddingsAdded():
                    self._vectors.extend(event.vectors)
                case RelayedBytes():
                    self._relayed.append(event.data)
                case ResponseStarted():
                    self._id, self._model = event.id, event.model
                case ResponseFinished():
                    self._finished = event
                case _:
                    assert_never(event)

    def build(self) -> Response:
        """Return the whole answer.

        Raises:
            ValueError: the answer has not finished; a cut answer is never a response.
        """
        finished = self._finished
        if finished is None:
            raise ValueError("the answer has not finished")
        candidates = tuple(
            _candidate(self._choices.get(number) or _Open(), reason)
            for number, reason in enumerate(finished.reasons)
        )
        relayed = b"".join(self._relayed) if self._relayed else None
        return Response(
            self._id,
            self._model,
            candidates,
            finished.usage,
            relayed,
            finished.matched_stop,
            tuple(self._vectors),
        )

    def _choice(self, number: int) -> _Open:
        choice = self._choices.get(number)
        if choice is None:
            choice = self._choices[number] = _Open()
        return choice


def _candidate(choice: _Open, reason: FinishReason) -> Candidate:
    choice.end_reasoning()
    choice.end_text()
    for position, fragments in choice.calls.values():
        call = choice.items[position]
        if isinstance(call, ToolCall):
            choice.items[position] = replace(call, arguments="".join(fragments))
    return Candidate(tuple(choice.items), reason, tuple(choice.logprobs))
