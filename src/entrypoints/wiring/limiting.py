"""The part of the container for limits: who counts, and what counts against them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...adapters.memory.rate_limiter import MemoryRateLimiter
from ...adapters.shared_memory.limits import SharedMemoryRateLimiter
from ...application.admission import Admission
from ...application.filters.limiting import Limiting, LimitingProvider
from ...application.limit_rules import LimitRules, Rates, applied
from ...application.planning import Planner
from ...application.ports import (
    Clock,
    GaugeSource,
    IdSource,
    LlmProvider,
    Observer,
    RateLimiter,
)
from ...application.targets import TargetStates
from ..output_bound import most_output
from ..settings.file import Loaded
from ..settings.limits import RateSettings
from ..settings.sections import Settings
from ..supervisor.lines import RUN_FOLDER_VARIABLE
from .parts import Closing, GivePart, no_gauges


@dataclass(frozen=True, slots=True)
class Limiter:
    """Who counts; `begins` and `closes` are in the order to be called, in a running loop."""

    limiter: RateLimiter
    begins: tuple[Closing, ...] = ()
    closes: tuple[Closing, ...] = ()
    gauges: GaugeSource = no_gauges


def build(
    loaded: Loaded, clock: Clock, ids: IdSource, observer: Observer, tells: bool, part: GivePart
) -> Limiter:
    """Return who counts what is limited; who only asks, or serves alone, counts for itself."""
    folder = loaded.environ.get(RUN_FOLDER_VARIABLE)
    own = _of_this_machine(Path(folder) if folder and tells else None, clock)
    url = loaded.settings.storage.redis_url
    if loaded.settings.limits.shared != "redis" or url is None:
        return own
    redis = part("limiting_redis", "redis")
    shared: Limiter = redis.shared(url, own, clock, ids, observer)
    return shared


def _of_this_machine(folder: Path | None, clock: Clock) -> Limiter:
    """Return who counts for all processes that share `folder`, or None: for this one alone.

    Raises:
        ConfigurationError: the folder cannot be written.
    """
    if folder is None:
        return Limiter(MemoryRateLimiter(clock))
    shared = SharedMemoryRateLimiter(folder, clock)

    async def close() -> None:
        shared.close()

    return Limiter(shared, closes=(close,))


def rules(settings: Settings) -> LimitRules:
    limits = settings.limits
    return LimitRules(
        _rates(limits.key),
        _rates(limits.tenant),
        {name: _rates(rates) for name, rates in limits.keys.items()},
        {name: _rates(rates) for name, rates in limits.tenants.items()},
        {
            route.model: _rates(route.limits)
            for route in settings.routes
            if _rates(route.limits).limits_anything
        },
    )


def are_there(settings: Settings) -> bool:
    """Return whether anything is limited at all."""
    return rules(settings).limit_anything or any(
        _rates(provider.limits).limits_anything for _, _, provider in settings.named_providers()
    )


def around_all(
    inner: LlmProvider,
    limits: LimitRules,
    admission: Callable[[], Admission],
    planner: Planner,
    clock: Clock,
    observer: Observer,
) -> LlmProvider:
    """Return `inner` within the limits of callers and routes, or itself if there are none."""
    if not limits.limit_anything:
        return inner

    def route_of(model: str) -> str:
        return planner.plan(model).route

    return Limiting(inner, limits, admission(), route_of, most_output, clock, observer)


def around_provider(
    inner: LlmProvider,
    name: str,
    settings: RateSettings,
    admission: Callable[[], Admission],
    clock: Clock,
    observer: Observer,
    states: TargetStates,
) -> LlmProvider:
    """Return `inner` within the provider's limits, or itself if it has none."""
    limits = applied([(_rates(settings), "", "provider", name)])
    if limits is None:
        return inner
    return LimitingProvider(inner, name, limits, admission(), most_output, clock, observer, states)


def _rates(settings: RateSettings) -> Rates:
    return Rates(
        settings.requests_per_minute,
        settings.tokens_per_minute,
        settings.concurrent,
        settings.burst_s,
        settings.wait_s,
    )
