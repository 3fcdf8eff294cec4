import pytest

from modelmux.adapters.memory.clock import ManualClock
from modelmux.adapters.sql.database import Database
from modelmux.adapters.sql.event_log import SqlEventLog
from modelmux.adapters.sql.leases import SqlLeases
from modelmux.adapters.sql.state_store import SqlStateStore
from modelmux.application.ports import Leases
from tests.contracts.event_log import EventLogContract
from tests.contracts.leases import LeasesContract
from tests.contracts.state_store import StateStoreContract
from tests.support.state_samples import LIMITS, StateKit


def kit_on(database: Database) -> StateKit:
    clock = ManualClock()
    return StateKit(
        SqlStateStore(database, clock, LIMITS),
        SqlLeases(database, clock),
        SqlEventLog(database),
        clock,
    )


class TestSqlStateStore(StateStoreContract):
    @pytest.fixture
    def kit(self, database: Database) -> StateKit:
        return kit_on(database)


class TestSqlEventLog(EventLogContract):
    @pytest.fixture
    def kit(self, database: Database) -> StateKit:
        return kit_on(database)


class TestSqlLeases(LeasesContract):
    @pytest.fixture
    def leases(self, database: Database, clock: ManualClock) -> Leases:
        return SqlLeases(database, clock)
