"""The part of the container for Redis: apart, because it needs the extra `redis`."""

from dataclasses import replace

from ...adapters.memory.proof_vault import MemoryProofVault
from ...adapters.redis.event_log import RedisEventLog
from ...adapters.redis.leases import RedisLeases
from ...adapters.redis.proof_vault import RedisProofLimits, RedisProofVault
from ...adapters.redis.server import RedisServer
from ...adapters.redis.state_store import RedisStateStore
from ...application.ports import Clock, Observer, StateLimits
from ...application.steady_vault import SteadyVault
from ...application.store_breaker import StoreBreaker
from ...domain.secret import Secret
from .parts import Store, TurnStores


def build(
    url: Secret,
    others: Store,
    clock: Clock,
    proofs_kept_s: float,
    limits: StateLimits,
    observer: Observer,
) -> Store:
    """Return a store whose proofs and turns are in Redis; callers' keys stay with `others`.

    Nothing is opened: a gateway that comes up while Redis is down serves what needs no turns.
    """
    breaker = StoreBreaker("redis", count=observer.count)
    server = RedisServer(url, breaker=breaker)
    vault = RedisProofVault(server, clock, RedisProofLimits(ttl_s=proofs_kept_s))
    state = RedisStateStore(server, clock, limits)
    return replace(
        others,
        vault=SteadyVault(vault, MemoryProofVault(clock)),
        turns=TurnStores(
            state, RedisLeases(server), RedisEventLog(server), is_up=lambda: breaker.is_up
        ),
        closes=(server.aclose, *others.closes),
        breakers=(breaker, *others.breakers),
    )
