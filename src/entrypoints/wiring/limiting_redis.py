"""The part of the container for limits that all machines share: it needs the extra `redis`."""

from ...adapters.redis.rate_limiter import RedisRateLimiter
from ...adapters.redis.server import RedisServer
from ...application.ports import Clock, IdSource, Observer
from ...domain.secret import Secret
from .limiting import Limiter


def shared(url: Secret, own: Limiter, clock: Clock, ids: IdSource, observer: Observer) -> Limiter:
    """Return who counts for all that use the Redis at `url`; `own` stands in while it is gone."""
    server = RedisServer(url, timeout_s=1.0)  # of a frozen one nobody waits to hear
    limiter = RedisRateLimiter(server, own.limiter, clock, observer, ids.new("gateway_"))

    return Limiter(
        limiter,
        (*own.begins, limiter.start),
        (limiter.aclose, server.aclose, *own.closes),
        limiter.readings,
    )
