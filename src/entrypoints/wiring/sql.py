"""The part of the container for what is kept in SQLite."""

from collections.abc import Iterable
from pathlib import Path

from ...adapters.memory.proof_vault import MemoryProofVault
from ...adapters.sql.database import Database
from ...adapters.sql.keys import SqlKeyRegistry, SqlKeyRing
from ...adapters.sql.proof_sweeper import RowLimits
from ...adapters.sql.proofs import SqlProofVault
from ...application.keys import HeldKey
from ...application.ports import Clock
from .parts import Store


def build(path: Path, configured: Iterable[HeldKey], clock: Clock, proofs_kept_s: float) -> Store:
    database = Database(path)
    ring = SqlKeyRing(database, clock, configured)
    limits = RowLimits(ttl_s=proofs_kept_s)
    proofs = SqlProofVault(database, clock, MemoryProofVault(clock), limits)
    return Store(
        ring,
        SqlKeyRegistry(database, clock),
        proofs,
        (database.start, ring.start, proofs.start),
        (proofs.aclose, ring.aclose, database.aclose),
    )
