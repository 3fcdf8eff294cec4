"""Proving: keeps vendors' proofs for clients that cannot carry them, and puts them back.

Without it the second turn of a tool conversation with thinking is a 400 at Claude and Gemini.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ...domain.adjustments import Adjustment
from ...domain.conversation import Item, Message, Proof, Reasoning, Role, ToolCall, Vendor
from ...domain.deferred import Deferred
from ...domain.dialect import Dialect
from ...domain.errors import StoreError
from ...domain.events import (
    ReasoningDelta,
    ReasoningFinished,
    ResponseFinished,
    StreamEvent,
    ToolCallStarted,
)
from ...domain.journal import Journal
from ...domain.request import Generation, GenerationRequest
from ..lanes import WITHOUT_CONTENT, relays
from ..ports import Answer, Event, KeptProof, LlmProvider, Observer, ProofKey, ProofVault
from .answer import WrappedAnswer


@dataclass(frozen=True, slots=True)
class Proving(LlmProvider):
    """Acts only for targets whose vendor has proofs, and on conversations with tools."""

    inner: LlmProvider
    vault: ProofVault
    observer: Observer | None = None

    async def open(self, request: GenerationRequest) -> Answer:
        if request.capabilities.proofs is None or request.dialect in WITHOUT_CONTENT:
            return await self.inner.open(request)
        relayed = relays(request)
        if relayed and (
            request.dialect is Dialect.MESSAGES or request.capabilities.proofs is Vendor.OPENAI
        ):
            # Clients of Messages carry proofs; OpenAI's are known to the Responses API alone,
            # whose clients do so too.
            return await self.inner.open(request)
        content = request.content.get()
        if not content.tools and not any(isinstance(item, ToolCall) for item in content.items):
            return await self.inner.open(request)
        if relayed:
            # The answer has to be understood, so it must not pass unread.
            request = replace(request, verbatim=None)
        tenant = request.caller.tenant
        restored = await self._restored(content, tenant, request.journal)
        if restored is not content:
            request = replace(request, content=Deferred.of(restored))
        answer = await self.inner.open(request)
        return _KeepingAnswer(answer, self, tenant, request.journal)

    def count(self, what: str, times: int) -> None:
        """Tell what was done with so many proofs."""
        if self.observer is not None:
            for _ in range(times):
                self.observer.count(Event.PROOF, what)

    async def _restored(self, content: Generation, tenant: str, journal: Journal) -> Generation:
        keys = [
            ProofKey(tenant, item.id)
            for item in content.items
            if isinstance(item, ToolCall) and item.proof is None
        ]
        if not keys:
            return content
        try:
            kept = await self.vault.find(keys)
        except StoreError as error:
            _note(journal, f"could not be looked up: {error.message}")
            return content
        self.count("put_back", len(kept))
        self.count("missing", len(keys) - len(kept))
        if not kept:
            return content
        by_call = {key.call_id: proof for key, proof in kept.items()}
        return replace(content, items=put_back(content.items, by_call))


def put_back(items: Sequence[Item], kept: Mapping[str, KeptProof]) -> tuple[Item, ...]:
    """Return `items` with each kept thought and proof where the vendor gave it.

    The thoughts of a turn's first call go to the head of the turn, before its text: there the
    vendors put them. Thoughts that a client sent back without their proof make way for the kept;
    those that came back with their proof are not put there twice.
    """
    result: list[Item] = []
    turn: list[Item] = []
    for item in items:
        if isinstance(item, ToolCall | Reasoning) or (
            isinstance(item, Message) and item.role is Role.ASSISTANT
        ):
            turn.append(item)
        else:
            result.extend(_proven_turn(turn, kept))
            turn.clear()
            result.append(item)
    result.extend(_proven_turn(turn, kept))
    return tuple(result)


def _proven_turn(turn: Sequence[Item], kept: Mapping[str, KeptProof]) -> list[Item]:
    if not any(isinstance(item, ToolCall) and item.id in kept for item in turn):
        return list(turn)
    proven: list[Item] = []
    brought = {item.proof for item in turn if isinstance(item, Reasoning) and item.proof}
    first = True
    for item in turn:
        if isinstance(item, Reasoning) and item.proof is None:
            continue
        if isinstance(item, ToolCall):
            found = kept.get(item.id)
            if found is not None and item.proof is None:
                place = 0 if first else len(proven)
                if not any(thought.proof in brought for thought in found.reasoning):
                    proven[place:place] = found.reasoning
                item = replace(item, proof=found.proof)
            first = False
        proven.append(item)
    return proven


@dataclass(slots=True)
class _Choice:
    text: list[str] = field(default_factory=list[str])
    thoughts: list[Reasoning] = field(default_factory=list[Reasoning])

    def end_thought(self, proof: Proof | None) -> None:
        self.thoughts.append(Reasoning("".join(self.text), proof))
        self.text.clear()


class _KeepingAnswer(WrappedAnswer):
    """Keeps what proofs an answer brings, before its end is told."""

    __slots__ = ("_choices", "_filter", "_journal", "_kept", "_tenant")

    def __init__(self, inner: Answer, proving: Proving, tenant: str, journal: Journal) -> None:
        super().__init__(inner)
        self._filter = proving
        self._tenant = tenant
        self._journal = journal
        self._choices: dict[int, _Choice] = {}
        self._kept: dict[ProofKey, KeptProof] = {}

    async def read(self) -> Sequence[StreamEvent]:
        events = await self._inner.read()
        for event in events:
            if isinstance(event, ReasoningDelta):
                self._choice(event.choice).text.append(event.text)
            elif isinstance(event, ReasoningFinished):
                self._choice(event.choice).end_thought(event.proof)
            elif isinstance(event, ToolCallStarted):
                self._note_call(event)
            elif isinstance(event, ResponseFinished) and self._kept:
                await self._keep()
        return events

    def _choice(self, number: int) -> _Choice:
        choice = self._choices.get(number)
        if choice is None:
            choice = self._choices[number] = _Choice()
        return choice

    def _note_call(self, call: ToolCallStarted) -> None:
        choice = self._choice(call.choice)
        if choice.text:
            choice.end_thought(None)
        if call.proof is not None or any(thought.proof for thought in choice.thoughts):
            kept = KeptProof(tuple(choice.thoughts), call.proof)
            self._kept[ProofKey(self._tenant, call.id)] = kept
        choice.thoughts.clear()

    async def _keep(self) -> None:
        try:
            await self._filter.vault.keep(self._kept)
        except StoreError as error:
            _note(self._journal, f"could not be kept: {error.message}")
        else:
            self._filter.count("kept", len(self._kept))
        self._kept = {}


def _note(journal: Journal, what: str) -> None:
    """Tell in the log what no header can say any more, or no policy may forbid."""
    journal.adjustments.append(Adjustment("proofs", "lost", f"proofs {what}"))
