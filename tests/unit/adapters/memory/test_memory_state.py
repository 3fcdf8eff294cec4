import pytest

from modelmux.adapters.memory.clock import ManualClock
from modelmux.adapters.memory.event_log import MemoryEventLog
from modelmux.adapters.memory.leases import MemoryLeases
from modelmux.adapters.memory.state import MemoryState
from modelmux.adapters.memory.state_store import MemoryStateStore
from modelmux.application.ports import Leases
from tests.contracts.event_log import EventLogContract
from tests.contracts.leases import LeasesContract
from tests.contracts.state_store import StateStoreContract
from tests.support.state_samples import LIMITS, StateKit


def memory_kit() -> StateKit:
    state, clock = MemoryState(LIMITS), ManualClock()
    return StateKit(
        MemoryStateStore(state, clock), MemoryLeases(state, clock), MemoryEventLog(state), clock
    )


class TestMemoryStateStore(StateStoreContract):
    @pytest.fixture
    def kit(self) -> StateKit:
        return memory_kit()


class TestMemoryEventLog(EventLogContract):
    @pytest.fixture
    def kit(self) -> StateKit:
        return memory_kit()


class TestMemoryLeases(LeasesContract):
    @pytest.fixture
    def leases(self, clock: ManualClock) -> Leases:
        return MemoryLeases(MemoryState(), clock)
