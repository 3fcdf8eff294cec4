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

from .. import __version__
from .asgi import Asgi, Receive, Scope, Send
from .capabilities import capability_routes
from .client_dialect import ClientDialect
from .dialects import client_dialects
from .generation import GenerationHandler
from .health import health_routes
from .metrics_page import metrics_route
from .models import model_routes
from .ordinary import Ordinary, error_handlers
from .responses.handler import responses_dialect
from .responses_socket import ResponsesSocket
from .services import HttpLimits, Services
from .state.conversations import conversation_routes
from .state.counting import counting_routes
from .state.counting_messages import message_counting_routes
from .state.responses import response_routes
from .watcher import RunningCalls

Lifespan: TypeAlias = Callable[[], AbstractAsyncContextManager[None]]


class App:
    """The application; `calls` and `jobs` are what runs, `limits` what the server must hold too."""

    def __init__(
        self, hot: dict[tuple[str, str], Asgi], litestar: Litestar, services: Services,
        socket: Asgi, calls: RunningCalls,
    ) -> None:  # fmt: skip
        self._hot = hot
        self._socket = socket
        self._ordinary = Ordinary(services, _plain(litestar))
        self.litestar = litestar
        self.calls = calls
        self.jobs = services.state.jobs
        self.limits: HttpLimits = services.limits
        self.shedding = services.shedding
        if self.shedding is not None:
            self.shedding.running = calls.__len__

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            handler = self._hot.get((scope["method"], scope["path"]), self._ordinary)
            await handler(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._socket(scope, receive, send)  # the server lets no other path through
        else:
            await _plain(self.litestar)(scope, receive, send)


@asynccontextmanager
async def _no_lifespan() -> AsyncGenerator[None, None]:
    yield


def create_app(services: Services, lifespan: Lifespan = _no_lifespan) -> App:
    """Return the application; `lifespan` is entered when the server starts and left at its end."""
    calls = RunningCalls(services.limits.stream_keepalive_s)
    services.watch(calls.readings)
    responses = responses_dialect(services.state.sealer)
    dialects = client_dialects(services.state.sealer)
    handlers: list[GenerationHandler[Any]] = [  # Any: the envelope, as there
        GenerationHandler(services, calls, dialect) for dialect in dialects
    ]
    litestar = Litestar(
        route_handlers=[
            *map(_registered, dialects, handlers),
            *response_routes(services, calls),
            *counting_routes(services, calls, responses),
            *message_counting_routes(services, calls),
            *conversation_routes(services, calls),
            *model_routes(services),
            *capability_routes(services),
            *health_routes(services, calls),
            metrics_route(services.metrics),
        ],
        exception_handlers=error_handlers(services),
        lifespan=[lambda _: lifespan()],
        openapi_config=OpenAPIConfig(
            title="modelmux", version=__version__, path="/docs", render_plugins=[JsonRenderPlugin()]
        ),
        logging_config=None,
    )
    hot: dict[tuple[str, str], Asgi] = {
        ("POST", dialect.path): handler for dialect, handler in zip(dialects, handlers, strict=True)
    }
    return App(hot, litestar, services, ResponsesSocket(services, responses), calls)


def _registered(dialect: ClientDialect[Any], handler: GenerationHandler[Any]) -> HTTPRouteHandler:
    hot: ASGIApp = _plain(handler)

    @post(dialect.path, status_code=200, operation_id=dialect.dialect.value)
    async def generation() -> ASGIApp:
        return hot

    return generation


def _plain(app: Any) -> Any:  # Any: Litestar's types of ASGI and ours differ in name only
    return app
