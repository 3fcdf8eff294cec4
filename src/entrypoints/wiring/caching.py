"""The part of the container for kept answers: where they are, and who asks for them."""

from collections.abc import Callable
from dataclasses import dataclass

from ...adapters.memory.cache import MemoryCache
from ...adapters.stored.fingerprints import fingerprint
from ...application.check_health import off
from ...application.filters.caching import CachedRoutes, CacheRules, Caching
from ...application.ports import Cache, Clock, Gauge, GaugeSource, LlmProvider, Observer
from ...application.routing.router import Router
from ..settings.caching import RouteCacheSettings
from ..settings.sections import Settings
from .parts import Closing, GivePart, no_gauges


@dataclass(frozen=True, slots=True)
class Answers:
    """Where answers are kept; `closes` are in the order to be called."""

    cache: Cache
    gauges: GaugeSource = no_gauges
    closes: tuple[Closing, ...] = ()

    def status(self) -> str:
        """Return `down` where the server of the cache does not answer, else `up`."""
        down = any(one.gauge is Gauge.STORE_UP and not one.value for one in self.gauges())
        return "down" if down else "up"


def routes(settings: Settings) -> CachedRoutes | None:
    """Return which routes have a cache; None if there is none at all."""
    default = _rules(settings.routing.cache)
    named = {route.model: _rules(route.cache) for route in settings.routes}
    if default is None and not any(named.values()):
        return None
    return CachedRoutes(named, default)


def build(
    settings: Settings, clock: Clock, observer: Observer, part: GivePart, *, patient: bool = False
) -> Answers:
    """Return where answers are kept: in this process, or in Redis for all; `patient`: see there."""
    url = settings.storage.redis_url
    if settings.cache.backend == "memory" or url is None:
        return _in_memory(settings, clock, observer)
    most = settings.cache.max_answer_bytes
    redis = part("caching_redis", "redis")
    shared: Answers = redis.build(url, most, clock, observer, patient=patient)
    return shared


def _in_memory(settings: Settings, clock: Clock, observer: Observer) -> Answers:
    cache = MemoryCache(
        clock,
        observer,
        max_bytes=settings.cache.max_bytes,
        max_answer_bytes=settings.cache.max_answer_bytes,
        routes=frozenset(route.model for route in settings.routes),  # those that metrics name
    )
    return Answers(cache, cache.readings)


def status(settings: Settings, answers: Callable[[], Answers]) -> Callable[[], str]:
    """Return what tells whether the cache is `up` or `down`, or `off` where no route has one."""
    return off if routes(settings) is None else answers().status


def around(
    inner: LlmProvider,
    router: Router,
    answers: Callable[[], Answers],
    settings: Settings,
    clock: Clock,
    observer: Observer,
) -> LlmProvider:
    """Return `inner` behind the cache, or itself if no route has one."""
    cached = routes(settings)
    if cached is None:
        return inner
    most = settings.cache.max_answer_bytes
    return Caching(inner, router, cached, answers().cache, fingerprint, clock, observer, most)


def _rules(settings: RouteCacheSettings | None) -> CacheRules | None:
    if settings is None:
        return None
    return CacheRules(settings.ttl_s, settings.requests == "all", settings.tools)
