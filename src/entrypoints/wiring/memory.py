"""The part of the container for what lives as long as the process."""

from collections.abc import Iterable

from ...adapters.memory.event_log import MemoryEventLog
from ...adapters.memory.keys import MemoryKeyRegistry, MemoryKeyRing
from ...adapters.memory.leases import MemoryLeases
from ...adapters.memory.media_fetcher import BlankImages
from ...adapters.memory.proof_vault import MemoryProofVault, ProofLimits
from ...adapters.memory.state import MemoryState
from ...adapters.memory.state_store import MemoryStateStore
from ...application.keys import HeldKey
from ...application.ports import Clock, StateLimits
from .parts import Store, TurnStores


def build(
    configured: Iterable[HeldKey], clock: Clock, proofs_kept_s: float, limits: StateLimits
) -> Store:
    ring = MemoryKeyRing(configured)
    vault = MemoryProofVault(clock, ProofLimits(ttl_s=proofs_kept_s))
    return Store(ring, MemoryKeyRegistry(clock, ring), vault, turns(clock, limits))


def turns(clock: Clock, limits: StateLimits) -> TurnStores:
    state = MemoryState(limits)
    return TurnStores(
        MemoryStateStore(state, clock), MemoryLeases(state, clock), MemoryEventLog(state)
    )


def no_images() -> BlankImages:
    """Return what stands in for images that are fetched."""
    return BlankImages()
