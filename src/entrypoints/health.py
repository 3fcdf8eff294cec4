"""How the gateway is, for people, load balancers and container platforms. No key is needed.

So nothing is told that a caller could not find out: names of providers and models, no addresses,
no accounts, no callers. How targets are is what the worker that answers has seen of them; how many
requests there were is counted over all workers.
"""

from typing import Literal

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from msgspec import UNSET, Struct, UnsetType

from .. import __version__
from ..application.check_health import HealthReport, ProviderHealth, TargetHealth
from ..application.ports import Totals
from .services import Services
from .watcher import RunningCalls


class TargetShape(Struct, frozen=True):
    """`first_event_ms` null: it has not answered yet."""

    model: str
    breaker: str
    resting_s: float
    first_event_ms: float | None
    error_rate: float
    in_flight: int


class ProviderShape(Struct, frozen=True):
    """`healthy` null: never asked. `last_check` is seconds since the epoch.

    `avg_latency_ms` is to the first piece of an answer, null before any.
    """

    name: str
    type: str
    healthy: bool | None
    detail: str
    last_check: float | None
    breaker: str
    error_rate: float
    avg_latency_ms: float | None
    targets: list[TargetShape]


class MetricsShape(Struct, frozen=True):
    """Over all workers; null before any request."""

    total_requests: int
    success_rate: float | None
    avg_latency_ms: float | None


class HealthShape(Struct, frozen=True):
    """`provider` is there when there is exactly one."""

    status: str
    version: str
    uptime_seconds: float
    providers: list[ProviderShape]
    metrics: MetricsShape
    state_store: str
    cache: str
    provider: ProviderShape | UnsetType = UNSET


class StatusShape(Struct, frozen=True):
    status: Literal["ok"]


class ReadyShape(Struct, frozen=True):
    """`state_store`, where there is one: a lost one counts only where that is configured."""

    status: Literal["ok", "draining", "no_usable_target", "store_down"]
    state_store: str


class Greeting(Struct, frozen=True):
    name: str
    version: str
    links: dict[str, str]


_GREETING = Greeting(
    "modelmux",
    __version__,
    {
        "chat": "/v1/chat/completions",
        "responses": "/v1/responses",
        "messages": "/v1/messages",
        "models": "/v1/models",
        "health": "/health",
        "metrics": "/metrics",
        "openapi": "/docs/openapi.json",
    },
)
_OK = StatusShape("ok")


def health_routes(services: Services, calls: RunningCalls) -> list[HTTPRouteHandler]:
    """Return `/` and the routes under /health."""
    clock, check = services.clock, services.check_health
    started_at = clock.monotonic()

    @get("/", sync_to_thread=False)
    def greet() -> Greeting:
        return _GREETING

    @get("/health", sync_to_thread=False)
    def health() -> HealthShape:
        uptime_s = clock.monotonic() - started_at
        return _health(check.report(), uptime_s, draining=calls.draining)

    @get("/health/live", sync_to_thread=False)
    def live() -> StatusShape:
        return _OK

    @get("/health/ready", sync_to_thread=False)
    def ready() -> Response[ReadyShape]:
        state_store = check.state_store()
        if calls.draining:
            return Response(ReadyShape("draining", state_store), status_code=503)
        if services.store_counts and state_store == "down":
            return Response(ReadyShape("store_down", state_store), status_code=503)
        if not check.is_any_usable():
            return Response(ReadyShape("no_usable_target", state_store), status_code=503)
        return Response(ReadyShape("ok", state_store))

    return [greet, health, live, ready]


def _health(report: HealthReport, uptime_s: float, *, draining: bool) -> HealthShape:
    providers = [_provider(one) for one in report.providers]
    return HealthShape(
        "draining" if draining else report.status,
        __version__,
        round(uptime_s, 3),
        providers,
        _metrics(report.totals),
        report.state_store,
        report.cache,
        providers[0] if len(providers) == 1 else UNSET,
    )


def _provider(health: ProviderHealth) -> ProviderShape:
    return ProviderShape(
        health.name,
        health.type,
        health.healthy,
        health.detail,
        health.last_check,
        health.breaker.value,
        round(health.error_rate, 4),
        _milliseconds(health.latency_s),
        [_target(target) for target in health.targets],
    )


def _target(target: TargetHealth) -> TargetShape:
    return TargetShape(
        target.model,
        target.breaker.value,
        round(target.resting_s, 3),
        _milliseconds(target.first_event_s),
        round(target.error_rate, 4),
        target.in_flight,
    )


def _metrics(totals: Totals) -> MetricsShape:
    if not totals.requests:
        return MetricsShape(0, None, None)
    failed = totals.failed / totals.requests
    latency_s = totals.duration_s / totals.requests
    return MetricsShape(totals.requests, round(1.0 - failed, 4), _milliseconds(latency_s))


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 2)
