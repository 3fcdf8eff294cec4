"""A house that keeps turns in memory, as tests of its use cases need it."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from modelmux.adapters.memory.clock import ManualClock
from modelmux.adapters.memory.event_log import MemoryEventLog
from modelmux.adapters.memory.ids import CountingIds
from modelmux.adapters.memory.leases import MemoryLeases
from modelmux.adapters.memory.observer import RecordingObserver
from modelmux.adapters.memory.state import MemoryState
from modelmux.adapters.memory.state_store import MemoryStateStore
from modelmux.application.conversations import Conversations
from modelmux.application.filters.recording import Recording
from modelmux.application.holding import Holding
from modelmux.application.jobs import Jobs
from modelmux.application.planning import Planner
from modelmux.application.ports import (
    Answer,
    Appended,
    LeaseKey,
    LlmProvider,
    LoggedEvent,
    StateLimits,
)
from modelmux.application.recall import Recall
from modelmux.application.store_guard import StoreGuard
from modelmux.application.turn_wire import TurnWire, TurnWriter
from modelmux.domain.conversation import Item
from modelmux.domain.dialect import Dialect
from modelmux.domain.errors import StoreError
from modelmux.domain.events import (
    FinishReason,
    RelayedBytes,
    ResponseFinished,
    ResponseStarted,
    StreamEvent,
    TextDelta,
    Usage,
)
from modelmux.domain.request import Caller, Generation, GenerationRequest
from modelmux.domain.turn import MARK, ResponseRecord, Status, Turn

from .asking import asking, entry, user

START = ResponseStarted("up-1", "upstream-model")
END = ResponseFinished((FinishReason.STOP,), Usage(3, 1))


def response_id(number: int) -> str:
    return f"resp_{MARK}{number:020d}"


def turn_of(
    number: int,
    *items: Item,
    tenant: str = "acme",
    content: Generation | None = None,
    relayable: bool = False,
    status: Status = Status.IN_PROGRESS,
    previous: str | None = None,
    conversation: str | None = None,
    store: bool = True,
    background: bool = False,
    streamed: bool = True,
) -> GenerationRequest:
    """Return a request whose response has the id `response_id(number)`."""
    asked = ResponseRecord(
        tenant=tenant,
        id=response_id(number),
        status=Status.QUEUED if background else status,
        created_at=1.0,
        settings=b"{}",
        previous=previous,
        conversation=conversation,
        store=store,
        background=background,
        streamed=streamed,
    )
    return replace(
        asking(content or Generation(items or (user("Hi"),))),
        dialect=Dialect.RESPONSES,
        stream=streamed,
        caller=Caller(tenant, "key-1"),
        turn=Turn(asked, relayable),
    )


def record_of(request: GenerationRequest) -> ResponseRecord:
    """Return how the turn of a request has ended."""
    assert request.turn is not None
    assert request.turn.record is not None
    return request.turn.record


class Store(MemoryStateStore):
    """A store that can be `down`; `gates` hold a method, by name, after it has done its work."""

    down = False

    def __init__(self, state: MemoryState, clock: ManualClock) -> None:
        super().__init__(state, clock)
        self.calls: list[str] = []
        self.before: dict[str, Callable[[], None]] = {}
        self.gates: dict[str, asyncio.Event] = {}

    def _called(self, name: str) -> None:
        self.calls.append(name)
        self.before.pop(name, lambda: None)()
        if self.down:
            raise StoreError("The store is down.")

    async def _passed(self, name: str) -> None:
        if name in self.gates:
            await self.gates[name].wait()

    async def add(self, record: ResponseRecord, appended: Appended | None = None) -> None:
        self._called("add")
        await super().add(record, appended)
        await self._passed("add")

    async def settle(self, record: ResponseRecord, appended: Appended | None = None) -> bool:
        self._called(f"settle {record.status.value}")
        settled = await super().settle(record, appended)
        await self._passed(f"settle {record.status.value}")
        return settled

    async def find(self, tenant: str, response_id: str) -> ResponseRecord | None:
        self._called("find")
        found = await super().find(tenant, response_id)
        await self._passed("find")
        return found

    async def chain(self, tenant: str, response_id: str) -> Sequence[ResponseRecord]:
        self._called("chain")
        return await super().chain(tenant, response_id)

    async def abandoned(self) -> Sequence[ResponseRecord]:
        self._called("abandoned")
        return await super().abandoned()

    async def ping(self) -> None:
        self._called("ping")


class Log(MemoryEventLog):
    """Counts its reads; gates hold `append` and `read` after they have done their work."""

    def __init__(self, state: MemoryState) -> None:
        super().__init__(state)
        self.reads = 0
        self.gate: asyncio.Event | None = None
        self.read_gate: asyncio.Event | None = None

    async def append(self, tenant: str, response_id: str, events: Sequence[LoggedEvent]) -> bool:
        kept = await super().append(tenant, response_id, events)
        if self.gate is not None:
            await self.gate.wait()
        return kept

    async def read(
        self, tenant: str, response_id: str, after: int, limit: int = 1000
    ) -> Sequence[LoggedEvent]:
        self.reads += 1
        events = await super().read(tenant, response_id, after, limit)
        if self.read_gate is not None:
            await self.read_gate.wait()
        return events


class PlainWriter(TurnWriter):
    """A frame for the beginning, and one for each piece of text."""

    def __init__(self) -> None:
        self._number = 0

    def begin(self) -> list[bytes]:
        return [self._frame("begun")]

    def write(self, events: Sequence[StreamEvent]) -> list[bytes]:
        return [self._frame(event.text) for event in events if isinstance(event, TextDelta)]

    def _frame(self, text: str) -> bytes:
        self._number += 1
        return f"{self._number - 1}:{text} ".encode()


class PlainWire(TurnWire):
    def body(self, record: ResponseRecord) -> bytes:
        return f"{record.id} {record.status.value}".encode()

    def writer(self, asked: ResponseRecord) -> TurnWriter:
        return PlainWriter()

    def last(self, record: ResponseRecord, number: int) -> bytes:
        return f"{number}:{record.status.value} ".encode()

    @property
    def done(self) -> bytes:
        return b"done"


class Told(LlmProvider):
    """Answers what it is told while it answers: `say` a batch, or raise an error in its place."""

    def __init__(self) -> None:
        self.requests: list[GenerationRequest] = []
        self.opens = 0
        self.closes = 0
        self._batches: asyncio.Queue[Sequence[StreamEvent] | Exception] = asyncio.Queue()

    def say(self, *events: StreamEvent) -> None:
        self._batches.put_nowait(events)

    def say_all(self, text: str = "Hello") -> None:
        """Say a whole answer, in three batches."""
        self.say(START)
        self.say(TextDelta(text))
        self.say(END)

    def fail(self, error: Exception) -> None:
        self._batches.put_nowait(error)

    async def open(self, request: GenerationRequest) -> Answer:
        self.requests.append(request)
        self.opens += 1
        return _ToldAnswer(self, self._batches)

    def items(self, number: int = -1) -> tuple[Item, ...]:
        """Return what the model was sent."""
        return self.requests[number].content.get().items


class _ToldAnswer(Answer):
    def __init__(
        self, provider: Told, batches: asyncio.Queue[Sequence[StreamEvent] | Exception]
    ) -> None:
        self._provider = provider
        self._batches = batches
        self._finished = False
        self._closed = False

    async def read(self) -> Sequence[StreamEvent]:
        if self._finished:
            return ()
        batch = await self._batches.get()
        if isinstance(batch, Exception):
            raise batch
        self._finished = isinstance(batch[-1], ResponseFinished)
        return batch

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            self._provider.closes += 1


@dataclass
class House:
    """One process; `beside` is another that shares what is kept."""

    name: str = "one"
    clock: ManualClock = field(default_factory=ManualClock)
    state: MemoryState = field(default_factory=lambda: MemoryState(StateLimits()))
    ids: CountingIds = field(default_factory=CountingIds)
    max_running: int = 10

    def __post_init__(self) -> None:
        self.model = Told()
        self.store = Store(self.state, self.clock)
        self.log = Log(self.state)
        self.leases = MemoryLeases(self.state, self.clock)
        self.holding = Holding(self.leases, self.name, self.clock)
        self.guard = StoreGuard(self.store, self.clock)
        self.recording = Recording(self.model, self.store, self.guard, self.holding, self.clock)
        self.observer = RecordingObserver()
        self.jobs = Jobs(
            self.recording,
            Planner([entry("told", self.model, models=("m",))]),
            self.store,
            self.log,
            self.holding,
            PlainWire(),
            self.clock,
            self.observer,
            self.ids,
            self.max_running,
        )
        self.recall = Recall(self.store, self.jobs)
        self.conversations = Conversations(self.store, self.holding, self.ids, self.clock)

    def beside(self, name: str = "two") -> "House":
        return House(name, self.clock, self.state, self.ids)

    def holder_of(self, subject: str, tenant: str = "acme") -> str | None:
        """Return who holds a lease now."""
        held = self.state.leases.get(LeaseKey(tenant, subject))
        return held.holder if held is not None and held.until > self.clock.now() else None

    async def record(self, number: int, tenant: str = "acme") -> ResponseRecord | None:
        return await MemoryStateStore.find(self.store, tenant, response_id(number))


async def let_run() -> None:
    """Let all tasks go on until each waits for something."""
    for _ in range(50):
        await asyncio.sleep(0)


async def frames(answer: Answer) -> str:
    """Read relayed bytes to their end and close the answer."""
    said = b""
    try:
        while events := await answer.read():
            said += b"".join(event.data for event in events if isinstance(event, RelayedBytes))
            if isinstance(events[-1], ResponseFinished):
                break
    finally:
        await answer.aclose()
    return said.decode()
