"""Recording: makes a call one turn of a conversation, and keeps it before its end is told."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...domain.deferred import Deferred
from ...domain.errors import Conflict, InvalidRequest, ModelmuxError, StoreError
from ...domain.events import ResponseFinished, StreamEvent
from ...domain.request import GenerationRequest
from ...domain.response import ResponseBuilder
from ...domain.turn import ResponseRecord, Turn
from ..context import ContextLoader, compose_alone
from ..holding import Hold, Holding, hold_conversation
from ..outcomes import failed, failure_of, finished, kept_items, verdict
from ..ports import Answer, Appended, Clock, LlmProvider, StateStore
from ..store_guard import StoreGuard
from .answer import WrappedAnswer


@dataclass(frozen=True, slots=True)
class Recording(LlmProvider):
    """Acts on requests that are a turn; what continues nothing and is not kept stays as cheap."""

    inner: LlmProvider
    store: StateStore
    guard: StoreGuard
    holding: Holding
    clock: Clock

    async def open(self, request: GenerationRequest) -> Answer:
        turn = request.turn
        if turn is None:
            return await self.inner.open(request)
        if not turn.relayable:
            return await (await self.prepare(request, turn)).open()
        content = request.content
        composed = Deferred(lambda: compose_alone(content.get()))
        return await PreparedTurn(
            self, turn, turn.asked, replace(request, content=composed), None
        ).open()

    async def prepare(self, request: GenerationRequest, turn: Turn) -> "PreparedTurn":
        """Return the turn with its context, before a model is asked; the caller opens or releases.

        Raises:
            InvalidRequest: what it continues or refers to is not there, or not to be continued.
            NotFound: there is no such conversation.
            Conflict: somebody else writes to the conversation.
            StoreError: the store is needed, and does not answer.
        """
        content, asked = request.content.get(), turn.asked
        if asked.store:
            await self.guard.admit()
        hold = None
        if asked.conversation is not None:
            hold = await hold_conversation(self.holding, asked.tenant, asked.conversation)
        try:
            composed = await ContextLoader(self.store).compose(turn, content)
        except BaseException:
            if hold is not None:
                await self.holding.release(hold)
            raise
        if asked.store:
            asked = replace(asked, input=composed.input)
        else:
            # Nobody but the caller's connection remembers it.
            turn.context = composed.items
            if hold is not None:
                asked = replace(asked, input=composed.input)
        if composed.content is not content or request.verbatim is not None:
            request = replace(request, content=Deferred.of(composed.content), verbatim=None)
        return PreparedTurn(self, turn, asked, request, hold)


class PreparedTurn:
    """A turn whose context is there and whose conversation is held; `asked` has its own input."""

    __slots__ = ("_hold", "_journal", "_parts", "_request", "_turn", "asked")

    def __init__(
        self,
        parts: Recording,
        turn: Turn,
        asked: ResponseRecord,
        request: GenerationRequest,
        hold: Hold | None,
    ) -> None:
        self._parts = parts
        self._turn = turn
        self.asked = asked
        self._request: GenerationRequest | None = request
        self._journal = request.journal
        self._hold = hold

    async def open(self) -> Answer:
        """Ask the model, once; whatever way the answer ends, the conversation is let go."""
        request, self._request = self._request, None  # an answer may run for an hour
        if request is None:
            raise ValueError("a turn is opened once")
        try:
            answer = await self._parts.inner.open(request)
        except ModelmuxError as error:
            # Nobody was told of the response yet, so there is nothing to keep.
            self._turn.record = failed(self.asked, failure_of(error))
            await self.release()
            raise
        except BaseException:
            await self.release()
            raise
        if self._turn.relayable and request.journal.relayed:
            return answer
        return _RecordedAnswer(answer, self)

    def check(self) -> None:
        """Return if the conversation is still this turn's.

        Raises:
            Conflict: it was taken over.
        """
        if self._hold is not None and self._hold.lost:
            raise _taken_over()

    async def finish(self, builder: ResponseBuilder) -> None:
        """Make the record of a whole answer and keep it; a background job keeps its own."""
        record = finished(self.asked, builder.build(), self._parts.clock.now())
        found = verdict(self._journal)
        if found is not None:
            record = replace(record, verdict=found)
        if not record.background:
            await self.keep(record)
        self._turn.record = record

    async def keep(self, record: ResponseRecord) -> None:
        """Make the end durable, with what it adds to its conversation, and let that go.

        Raises:
            Conflict: somebody else ended the response, or took the conversation over.
            InvalidRequest: it is larger than a response, or a conversation, may be.
            NotFound: the conversation is gone.
            StoreError: the store does not answer; nothing may be acknowledged.
        """
        store, asked = self._parts.store, self.asked
        if self._hold is not None and not self._hold.held:
            raise _taken_over()
        appended = None
        if asked.conversation is not None:
            appended = Appended(asked.conversation, kept_items(record))
        try:
            if asked.background:
                kept = await store.settle(record, appended)
            elif asked.store:
                await store.add(record, appended)
                kept = True
            else:
                kept = appended is None or await store.append(
                    asked.tenant, appended.conversation, appended.items
                )
        except StoreError as down:
            self._parts.guard.failed(down)
            raise
        if not kept:
            raise Conflict("The response, or its conversation, is gone.", reason="not_running")
        await self.release()

    async def fail(self, error: ModelmuxError) -> None:
        """Note how the turn failed; keep that, if anybody can have heard of the response."""
        asked = self.asked
        record = self._turn.record = failed(asked, failure_of(error))
        await self.release()
        told = asked.store and asked.streamed and not asked.background
        if told and not isinstance(error, StoreError):
            try:
                await self._parts.store.add(record)
            except StoreError as down:
                self._parts.guard.failed(down)
            except InvalidRequest:
                pass  # too large to be kept even so; the caller is told of the failure itself

    async def release(self) -> None:
        """Let the conversation go. Idempotent."""
        self._request = None
        hold, self._hold = self._hold, None
        if hold is not None:
            await self._parts.holding.release(hold)


class _RecordedAnswer(WrappedAnswer):
    """Folds the answer while it passes; its last events pass once it is kept."""

    __slots__ = ("_builder", "_prepared")

    def __init__(self, inner: Answer, prepared: PreparedTurn) -> None:
        super().__init__(inner)
        self._prepared = prepared
        self._builder = ResponseBuilder()

    async def read(self) -> Sequence[StreamEvent]:
        prepared = self._prepared
        try:
            events = await self._inner.read()
            prepared.check()
            self._builder.add(events)
            if events and type(events[-1]) is ResponseFinished:
                await prepared.finish(self._builder)
        except ModelmuxError as error:
            await prepared.fail(error)
            raise
        return events

    async def aclose(self) -> None:
        try:
            await self._inner.aclose()
        finally:
            await self._prepared.release()


def _taken_over() -> Conflict:
    return Conflict(
        "The gateway lost its hold on the conversation while the answer ran; nothing was added.",
        reason="conversation_locked",
        param="conversation",
    )
