"""How the gateway is, for people, load balancers and container platforms. No key is needed."""

from importlib.metadata import version
from typing import Literal

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from .services import Services
from .watcher import RunningCalls

VERSION = version("modelmux")


class ProviderShape(Struct, frozen=True):
    """`healthy` null: never asked. `last_check` is seconds since the epoch."""

    name: str
    type: str
    healthy: bool | None
    detail: str
    last_check: float | None


class HealthShape(Struct, frozen=True):
    status: str
    version: str
    uptime_seconds: float
    providers: list[ProviderShape]


class StatusShape(Struct, frozen=True):
    status: Literal["ok", "draining"]


class Greeting(Struct, frozen=True):
    name: str
    version: str
    links: dict[str, str]


_GREETING = Greeting(
    "modelmux",
    VERSION,
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
    clock = services.clock
    started_at = clock.monotonic()

    @get("/", sync_to_thread=False)
    def greet() -> Greeting:
        return _GREETING

    @get("/health", sync_to_thread=False)
    def health() -> HealthShape:
        report = services.check_health.report()
        return HealthShape(
            "draining" if calls.draining else report.status,
            VERSION,
            round(clock.monotonic() - started_at, 3),
            [
                ProviderShape(it.name, it.type, it.healthy, it.detail, it.last_check)
                for it in report.providers
            ],
        )

    @get("/health/live", sync_to_thread=False)
    def live() -> StatusShape:
        return _OK

    @get("/health/ready", sync_to_thread=False)
    def ready() -> Response[StatusShape]:
        if calls.draining:
            return Response(StatusShape("draining"), status_code=503)
        return Response(_OK)

    return [greet, health, live, ready]
