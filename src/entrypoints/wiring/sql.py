"""The part of the container for what is kept in SQLite or Postgres."""

from collections.abc import Iterable
from pathlib import Path

from ...adapters.memory.proof_vault import MemoryProofVault
from ...adapters.sql.database import Database
from ...adapters.sql.event_log import SqlEventLog
from ...adapters.sql.keys import SqlKeyRegistry, SqlKeyRing
from ...adapters.sql.leases import SqlLeases
from ...adapters.sql.proofs import RowLimits, SqlProofVault
from ...adapters.sql.sqlite import SqliteDatabase
from ...adapters.sql.state_store import SqlStateStore
from ...application.keys import HeldKey
from ...application.ports import Clock, StateLimits
from .parts import Store, TurnStores


def build(
    path: Path,
    configured: Iterable[HeldKey],
    clock: Clock,
    proofs_kept_s: float,
    limits: StateLimits,
) -> Store:
    return build_on(SqliteDatabase(path), configured, clock, proofs_kept_s, limits)


def build_on(
    database: Database,
    configured: Iterable[HeldKey],
    clock: Clock,
    proofs_kept_s: float,
    limits: StateLimits,
) -> Store:
    ring = SqlKeyRing(database, clock, configured)
    proofs = SqlProofVault(database, clock, MemoryProofVault(clock), RowLimits(ttl_s=proofs_kept_s))
    state = SqlStateStore(database, clock, limits)
    turns = TurnStores(state, SqlLeases(database, clock), SqlEventLog(database), sweeps_itself=True)
    return Store(
        ring,
        SqlKeyRegistry(database, clock),
        proofs,
        turns,
        (database.start, ring.start),
        (proofs.start, state.start),
        (state.aclose, proofs.aclose, ring.aclose, database.aclose),
    )
