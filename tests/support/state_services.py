"""What the Responses API keeps, in memory."""

from modelmux.adapters.memory.event_log import MemoryEventLog
from modelmux.adapters.memory.ids import CountingIds
from modelmux.adapters.memory.leases import MemoryLeases
from modelmux.adapters.memory.observer import RecordingObserver
from modelmux.adapters.memory.sealer import MemorySealer
from modelmux.adapters.memory.state import MemoryState
from modelmux.adapters.memory.state_store import MemoryStateStore
from modelmux.application.compact import Compact
from modelmux.application.composing import Composing
from modelmux.application.context import ContextLoader
from modelmux.application.conversations import Conversations
from modelmux.application.count_tokens import CountTokens
from modelmux.application.filters.recording import Recording
from modelmux.application.holding import Holding
from modelmux.application.jobs import Jobs
from modelmux.application.planning import Planner
from modelmux.application.ports import Clock, LlmProvider
from modelmux.application.recall import Recall
from modelmux.application.store_guard import StoreGuard
from modelmux.entrypoints.responses.turn_wire import ResponsesWire
from modelmux.entrypoints.services import StateServices


def state_services(provider: LlmProvider, planner: Planner, clock: Clock) -> StateServices:
    """Return services whose turns `provider` answers; `jobs` is what a gateway responds with."""
    held = MemoryState()
    store = MemoryStateStore(held, clock)
    holding = Holding(MemoryLeases(held, clock), "test", clock)
    sealer = MemorySealer()
    wire = ResponsesWire(sealer)
    ids = CountingIds()
    composing = Composing(ContextLoader(store))
    recording = Recording(provider, store, StoreGuard(store, clock), holding, clock)
    jobs = Jobs(
        recording, planner, store, MemoryEventLog(held), holding, wire, clock,
        RecordingObserver(), ids, 100,
    )  # fmt: skip
    return StateServices(
        Recall(store, jobs),
        jobs,
        Conversations(store, holding, ids, clock),
        CountTokens(planner, composing.compose),
        Compact(provider, composing.compose),
        sealer,
        wire,
    )
