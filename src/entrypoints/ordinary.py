"""What surrounds the ordinary routes: request id, settling, HEAD, errors in the caller's shape."""

import logging
from collections.abc import Callable
from typing import Any, TypeAlias

from litestar import Request, Response
from litestar.datastructures import State
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException

from ..application.ports import Exchange
from ..domain.errors import InvalidRequest, MethodNotAllowed, ModelmuxError, NotFound
from .asgi import Asgi, Event, Receive, Scope, Send
from .errors import UNEXPECTED, Refusal, describe
from .exchange import CLIENT_GONE_STATUS, request_id
from .messages.style import ANTHROPIC, style_of
from .services import Services
from .watcher import ClientGone

# Any: each handler takes its own kind of error; user, auth and state of a request are not used.
ErrorHandlers: TypeAlias = dict[
    int | type[Exception], Callable[["Request[Any, Any, Any]", Any], Response[bytes]]
]
_log = logging.getLogger("modelmux.http")


class Ordinary:
    """Runs an ASGI application and settles each exchange with it."""

    def __init__(self, services: Services, inner: Asgi) -> None:
        self._services = services
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        services = self._services
        started_at = services.clock.monotonic()
        headers: dict[bytes, bytes] = dict(scope["headers"])
        exchange = Exchange(request_id(headers, services.ids), scope["method"], "")
        id_ = exchange.request_id.encode("ascii")
        id_headers = [(b"x-request-id", id_)]
        if style_of(scope) is ANTHROPIC:
            id_headers.append((b"request-id", id_))
        without_body = scope["method"] == "HEAD"

        async def told(event: Event) -> None:
            if event["type"] == "http.response.start":
                exchange.status = event["status"]
                exchange.first_byte_s = services.clock.monotonic() - started_at
                event["headers"] = [*event["headers"], *id_headers]
            elif without_body and event.get("body"):
                event["body"] = b""
            await send(event)

        inside: dict[str, Any] = {**scope, "state": {**scope.get("state", {})}}  # Any: as Scope
        inside["state"]["exchange"] = exchange
        if without_body:
            inside["method"] = "GET"
        services.observer.exchange_started()
        try:
            await self._inner(inside, receive, told)
        finally:
            # The template, never the caller's text: it becomes a label.
            exchange.path = inside.get("path_template") or "unmatched"
            if exchange.status == 0:
                exchange.status, exchange.client_gone = CLIENT_GONE_STATUS, True
            exchange.duration_s = services.clock.monotonic() - started_at
            services.observer.exchange_settled(exchange)


def error_handlers(services: Services) -> ErrorHandlers:
    """Return Litestar's handlers for whatever an ordinary route raises."""

    # Any: user and auth of a request are not used here.
    def answer(
        request: "Request[Any, Any, State]", refusal: Refusal, detail: str | None
    ) -> Response[bytes]:
        exchange = request.scope["state"].get("exchange")
        if isinstance(exchange, Exchange):
            exchange.error, exchange.error_detail = refusal.code or refusal.type, detail
            id_ = exchange.request_id
        else:
            id_ = services.ids.new("req_")
        style = style_of(request.scope)
        return Response(
            style.encode_refusal(refusal, id_),
            status_code=style.status_of(refusal),
            media_type="application/json",
            headers={name.decode(): value.decode() for name, value in refusal.headers},
        )

    def known(request: "Request[Any, Any, State]", error: ModelmuxError) -> Response[bytes]:
        return answer(request, describe(error), error.detail)

    def foreign(request: "Request[Any, Any, State]", error: HTTPException) -> Response[bytes]:
        told = _told(request, error)
        # The log has no other word of what was asked for where no route's template stands for it.
        detail = told.message if isinstance(told, NotFound) else error.detail
        return answer(request, UNEXPECTED if told is None else describe(told), detail)

    def unexpected(request: "Request[Any, Any, State]", error: Exception) -> Response[bytes]:
        _log.error("unexpected_error", exc_info=error)
        return answer(request, UNEXPECTED, type(error).__name__)

    def gone(request: "Request[Any, Any, State]", error: ClientGone) -> Response[bytes]:
        del error
        exchange = request.scope["state"].get("exchange")
        if isinstance(exchange, Exchange):
            exchange.client_gone = True
        return Response(b"", status_code=CLIENT_GONE_STATUS)  # for the log: nobody reads it

    return {
        ModelmuxError: known,
        ClientGone: gone,
        HTTPException: foreign,
        Exception: unexpected,
    }


def _told(request: "Request[Any, Any, State]", error: HTTPException) -> ModelmuxError | None:
    method, path = request.scope["method"], request.scope["path"][:200]
    if isinstance(error, NotFoundException):
        return NotFound(f"There is nothing at {path}; see GET / for what is here.")
    if isinstance(error, MethodNotAllowedException):
        allowed = tuple((error.headers or {}).get("allow", "").split(", "))
        if "GET" in allowed:
            allowed = (*allowed, "HEAD")
        return MethodNotAllowed(f"{path} does not take {method}.", allowed=allowed)
    if error.status_code < 500:
        return InvalidRequest(error.detail)
    return None
