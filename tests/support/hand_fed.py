"""A provider whose answers a test gives bit by bit."""

import asyncio
from collections.abc import Sequence

from modelmux.application.ports import Answer, LlmProvider
from modelmux.domain.events import ResponseFinished, StreamEvent
from modelmux.domain.request import GenerationRequest


class HandFedAnswer(Answer):
    """`say` is what the next read returns, `fail` what it raises; `ended` once it was closed."""

    def __init__(self) -> None:
        self._next: asyncio.Queue[Sequence[StreamEvent] | Exception] = asyncio.Queue()
        self._finished = False
        self.reads = 0
        self.ended = asyncio.Event()

    def say(self, *events: StreamEvent) -> None:
        self._next.put_nowait(events)

    def fail(self, error: Exception) -> None:
        self._next.put_nowait(error)

    async def read(self) -> Sequence[StreamEvent]:
        assert not self.ended.is_set()
        if self._finished:
            return ()
        events = await self._next.get()
        self.reads += 1
        if isinstance(events, Exception):
            raise events
        self._finished = isinstance(events[-1], ResponseFinished)
        return events

    async def aclose(self) -> None:
        self.ended.set()


class HandFed(LlmProvider):
    """Each call waits in `open` until `begin` or `refuse`; `provider` and `model` are noted."""

    def __init__(self) -> None:
        self.requests: list[GenerationRequest] = []
        self.cancelled = 0
        self.answers: list[HandFedAnswer] = []
        self._begun: list[asyncio.Future[HandFedAnswer]] = []

    def begin(self, number: int = -1) -> HandFedAnswer:
        """Let call `number` have an answer."""
        answer = HandFedAnswer()
        self.answers.append(answer)
        self._begun[number].set_result(answer)
        return answer

    def refuse(self, error: Exception, number: int = -1) -> None:
        """Let call `number` fail before its first event."""
        self._begun[number].set_exception(error)

    async def open(self, request: GenerationRequest) -> Answer:
        journal = request.journal
        journal.provider, journal.model, journal.outcome = "up", "upstream-model", "failed"
        journal.attempts += 1
        self.requests.append(request)
        begun: asyncio.Future[HandFedAnswer] = asyncio.get_running_loop().create_future()
        self._begun.append(begun)
        try:
            return await begun
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
