"""The part of the container for Redis: apart, because it needs the extra `redis`."""

from dataclasses import replace

from ...adapters.redis.event_log import RedisEventLog
from ...adapters.redis.leases import RedisLeases
from ...adapters.redis.proof_vault import RedisProofLimits, RedisProofVault
from ...adapters.redis.server import RedisServer
from ...adapters.redis.state_store import RedisStateStore
from ...application.ports import Clock, StateLimits
from ...domain.secret import Secret
from .parts import Store, TurnStores


def build(
    url: Secret, others: Store, clock: Clock, proofs_kept_s: float, limits: StateLimits
) -> Store:
    """Return a store whose proofs and turns are in Redis; callers' keys stay with `others`.

    Nothing is opened: a gateway that comes up while Redis is down serves what needs no turns.
    """
    server = RedisServer(url)
    state = RedisStateStore(server, clock, limits)
    return replace(
        others,
        vault=RedisProofVault(server, clock, RedisProofLimits(ttl_s=proofs_kept_s)),
        turns=TurnStores(state, RedisLeases(server), RedisEventLog(server)),
        closes=(server.aclose, *others.closes),
    )
