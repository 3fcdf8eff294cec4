"""The part of the container for answers that machines share: it needs the extra `redis`."""

from ...adapters.redis.cache import RedisCache, cache_server
from ...adapters.redis.server import RedisServer
from ...application.ports import Clock, Observer
from ...domain.secret import Secret
from .caching import Answers


def build(
    url: Secret, max_answer_bytes: int, clock: Clock, observer: Observer, *, patient: bool
) -> Answers:
    """Return the cache in the Redis at `url`; `patient` waits for it, as a person would."""
    server = RedisServer(url) if patient else cache_server(url)
    cache = RedisCache(server, clock, observer, max_answer_bytes=max_answer_bytes)
    return Answers(cache, cache.readings, closes=(cache.aclose, server.aclose))
