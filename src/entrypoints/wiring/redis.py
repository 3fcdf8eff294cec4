"""The part of the container for Redis: apart, because it needs the extra `redis`."""

import logging
from dataclasses import replace

from ...adapters.redis.event_log import RedisEventLog
from ...adapters.redis.leases import RedisLeases
from ...adapters.redis.proof_vault import RedisProofLimits, RedisProofVault
from ...adapters.redis.server import RedisServer
from ...adapters.redis.state_store import RedisStateStore
from ...application.ports import Clock, StateLimits
from ...domain.errors import StoreError
from ...domain.secret import Secret
from .parts import Store, TurnStores

_log = logging.getLogger(__name__)


def build(
    url: Secret, others: Store, clock: Clock, proofs_kept_s: float, limits: StateLimits
) -> Store:
    """Return a store whose proofs and turns are in Redis; callers' keys stay with `others`."""
    server = RedisServer(url)
    state = RedisStateStore(server, clock, limits)

    async def greet() -> None:
        # A gateway that comes up while Redis is down serves what needs no turns meanwhile.
        try:
            await state.ping()
        except StoreError as error:
            _log.warning("redis_unreachable", extra={"detail": error.detail})

    return replace(
        others,
        vault=RedisProofVault(server, clock, RedisProofLimits(ttl_s=proofs_kept_s)),
        turns=TurnStores(state, RedisLeases(server), RedisEventLog(server)),
        opens=(*others.opens, greet),
        closes=(server.aclose, *others.closes),
    )
