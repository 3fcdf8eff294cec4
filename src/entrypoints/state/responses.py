"""The routes of kept responses: read, follow, delete, cancel, list the input."""

from typing import Any

from litestar import Response, delete, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.types import ASGIApp

from ..asgi import Receive, Scope, Send
from ..exchange import JSON, send_whole
from ..responses.settings import SEALED_THOUGHTS
from ..services import Services
from ..watcher import RunningCalls
from .asking import Asking, Query, admitted, flag, known_form, page_asked, query_of, whole_number
from .following import Following
from .shapes import encode_deleted, encode_page

_JSON = "application/json"
_FROM_THE_START = -1
_MAX_NUMBER = 2**31


def response_routes(services: Services, calls: RunningCalls) -> list[HTTPRouteHandler]:
    """Return the routes under /v1/responses/{id}."""
    state = services.state

    @get("/v1/responses/{response_id:str}", operation_id="get_response")
    async def retrieve(request: Asking, response_id: FromPath[str]) -> ASGIApp:
        tenant = admitted(request, services).tenant
        id_ = known_form(response_id, "Response")
        query = query_of(request)
        if not query or not flag(query, "stream"):
            record = await state.recall.find(tenant, id_)
            body = state.wire.body(record, query.get("include", ()))
            whole: ASGIApp = _plain(_Whole(body))
            return whole
        # What is asked for is the event after N: from the start the first, which is 0.
        after = whole_number(query, "starting_after", _FROM_THE_START, 0, _MAX_NUMBER)
        app: ASGIApp = _plain(
            Following(services, calls, lambda: state.jobs.follow(tenant, id_, after))
        )
        return app

    @delete("/v1/responses/{response_id:str}", status_code=200, operation_id="delete_response")
    async def forget(request: Asking, response_id: FromPath[str]) -> Response[bytes]:
        tenant = admitted(request, services).tenant
        id_ = known_form(response_id, "Response")
        await state.recall.forget(tenant, id_)
        return Response(encode_deleted(id_, "response"), media_type=_JSON)

    @post("/v1/responses/{response_id:str}/cancel", status_code=200, operation_id="cancel_response")
    async def cancel(request: Asking, response_id: FromPath[str]) -> Response[bytes]:
        tenant = admitted(request, services).tenant
        record = await state.jobs.cancel(tenant, known_form(response_id, "Response"))
        return Response(state.wire.body(record), media_type=_JSON)

    @get("/v1/responses/{response_id:str}/input_items", operation_id="list_input_items")
    async def input_items(request: Asking, response_id: FromPath[str]) -> Response[bytes]:
        tenant = admitted(request, services).tenant
        query = query_of(request)
        id_ = known_form(response_id, "Response")
        page = await state.recall.input_items(tenant, id_, page_asked(query))
        body = encode_page(state.wire, tenant, page, sealed=sealed_asked(query))
        return Response(body, media_type=_JSON)

    return [retrieve, forget, cancel, input_items]


class _Whole:
    """An ASGI application that sends a body."""

    __slots__ = ("_body",)

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        await send_whole(send, 200, [JSON], self._body)


def sealed_asked(query: Query) -> bool:
    """Return whether thoughts shall come in a form that can be sent back."""
    return SEALED_THOUGHTS in query.get("include", ())


def _plain(app: Any) -> Any:  # Any: Litestar's types of ASGI and ours differ in name only
    return app
