"""The ASGI application: a table of hot routes in front, Litestar behind.

The table is a shortcut: the same callables are registered in Litestar, so that whoever mounts
that alone, and its OpenAPI document, sees the whole API.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeAlias

from litestar import Litestar, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.types import ASGIApp

from .asgi import Asgi, Receive, Scope, Send
from .chat_completions.handler import CHAT_COMPLETIONS
from .client_dialect import ClientDialect
from .generation import GenerationHandler
from .health import VERSION, health_routes
from .metrics_page import metrics_route
from .models import model_routes
from .ordinary import Ordinary, error_handlers
from .relayed import COMPLETIONS, EMBEDDINGS
from .services import HttpLimits, Services
from .watcher import RunningCalls

# Any: the envelope, which only the dialect itself looks into
DIALECTS: tuple[ClientDialect[Any], ...] = (CHAT_COMPLETIONS, COMPLETIONS, EMBEDDINGS)
Lifespan: TypeAlias = Callable[[], AbstractAsyncContextManager[None]]


class App:
    """The application; `calls` are those that run, `limits` what the server must hold too."""

    def __init__(
        self, hot: dict[tuple[str, str], Asgi], litestar: Litestar, services: Services,
        calls: RunningCalls,
    ) -> None:  # fmt: skip
        self._hot = hot
        self._ordinary = Ordinary(services, _plain(litestar))
        self.litestar = litestar
        self.calls = calls
        self.limits: HttpLimits = services.limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            handler = self._hot.get((scope["method"], scope["path"]), self._ordinary)
            await handler(scope, receive, send)
        else:
            await _plain(self.litestar)(scope, receive, send)


@asynccontextmanager
async def _no_lifespan() -> AsyncGenerator[None, None]:
    yield


def create_app(services: Services, lifespan: Lifespan = _no_lifespan) -> App:
    """Return the application; `lifespan` is entered when the server starts and left at its end."""
    calls = RunningCalls(services.limits.stream_keepalive_s)
    handlers = [GenerationHandler(services, calls, dialect) for dialect in DIALECTS]
    litestar = Litestar(
        route_handlers=[
            *map(_registered, DIALECTS, handlers),
            *model_routes(services),
            *health_routes(services, calls),
            metrics_route(services.metrics),
        ],
        exception_handlers=error_handlers(services),
        lifespan=[lambda _: lifespan()],
        openapi_config=OpenAPIConfig(
            title="modelmux", version=VERSION, path="/docs", render_plugins=[JsonRenderPlugin()]
        ),
        logging_config=None,
    )
    hot: dict[tuple[str, str], Asgi] = {
        ("POST", dialect.path): handler for dialect, handler in zip(DIALECTS, handlers, strict=True)
    }
    return App(hot, litestar, services, calls)


def _registered(dialect: ClientDialect[Any], handler: GenerationHandler[Any]) -> HTTPRouteHandler:
    hot: ASGIApp = _plain(handler)

    @post(dialect.path, status_code=200, operation_id=dialect.dialect.value)
    async def generation() -> ASGIApp:
        return hot

    return generation


def _plain(app: Any) -> Any:  # Any: Litestar's types of ASGI and ours differ in name only
    return app
