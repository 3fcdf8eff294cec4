"""The contracts of all stores, on a real Postgres."""

from collections.abc import AsyncIterator

import pytest

from modelmux.adapters.memory.clock import ManualClock
from modelmux.adapters.memory.proof_vault import MemoryProofVault, ProofLimits
from modelmux.adapters.sql.event_log import SqlEventLog
from modelmux.adapters.sql.keys import SqlKeyRegistry, SqlKeyRing
from modelmux.adapters.sql.leases import SqlLeases
from modelmux.adapters.sql.postgres import PostgresDatabase
from modelmux.adapters.sql.proofs import SqlProofVault
from modelmux.adapters.sql.state_store import SqlStateStore
from modelmux.adapters.system.clock import SystemClock
from modelmux.application.ports import Leases, ProofVault
from tests.contracts.event_log import EventLogContract
from tests.contracts.key_ring import KeyRingContract, Keys
from tests.contracts.leases import LeasesContract
from tests.contracts.proof_vault import ProofVaultContract
from tests.contracts.state_store import StateStoreContract
from tests.support.state_samples import LIMITS, StateKit


def kit_on(database: PostgresDatabase) -> StateKit:
    clock = ManualClock()
    return StateKit(
        SqlStateStore(database, clock, LIMITS),
        SqlLeases(database, clock),
        SqlEventLog(database),
        clock,
    )


class TestPostgresStateStore(StateStoreContract):
    @pytest.fixture
    def kit(self, database: PostgresDatabase) -> StateKit:
        return kit_on(database)


class TestPostgresEventLog(EventLogContract):
    @pytest.fixture
    def kit(self, database: PostgresDatabase) -> StateKit:
        return kit_on(database)


class TestPostgresLeases(LeasesContract):
    @pytest.fixture
    def leases(self, database: PostgresDatabase, clock: ManualClock) -> Leases:
        return SqlLeases(database, clock)


class TestPostgresProofVault(ProofVaultContract):
    @pytest.fixture
    async def vault(self, database: PostgresDatabase) -> AsyncIterator[ProofVault]:
        clock = ManualClock()
        vault = SqlProofVault(database, clock, MemoryProofVault(clock, ProofLimits(entries=0)))
        await vault.start()
        yield vault
        await vault.aclose()


class TestPostgresKeys(KeyRingContract):
    @pytest.fixture
    async def keys(self, database: PostgresDatabase) -> AsyncIterator[Keys]:
        clock = SystemClock()
        ring = SqlKeyRing(database, clock, poll_s=0.02)
        await ring.start()
        yield Keys(ring, SqlKeyRegistry(database, clock))
        await ring.aclose()
