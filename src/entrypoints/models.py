"""The models a client may name, as OpenAI lists them."""

from collections.abc import Mapping
from typing import Any, Literal

from litestar import Request, get
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from msgspec import Struct

from ..application.planning import ModelEntry
from ..application.ports import Exchange
from ..domain.errors import ModelNotFound
from .authentication import admit
from .services import Services


class ModelShape(Struct, frozen=True):
    id: str
    created: int
    owned_by: str
    object: Literal["model"] = "model"


class ModelList(Struct, frozen=True):
    data: list[ModelShape]
    object: Literal["list"] = "list"


def model_routes(services: Services) -> list[HTTPRouteHandler]:
    """Return the routes under /v1/models. `created` is when the gateway came to know them."""
    started_at = int(services.clock.now())

    def shape(entry: ModelEntry) -> ModelShape:
        return ModelShape(entry.id, started_at, entry.owned_by)

    def check(request: "Request[Any, Any, State]") -> None:  # Any: user and auth are not used
        headers: Mapping[bytes, bytes] = dict(request.scope["headers"])
        caller = admit(headers, services.keys, open_access=services.open_access)
        exchange = request.scope["state"].get("exchange")
        if isinstance(exchange, Exchange):
            exchange.tenant, exchange.key_id = caller.tenant, caller.key_id

    @get("/v1/models", sync_to_thread=False)
    def list_models(request: "Request[Any, Any, State]") -> ModelList:
        check(request)
        return ModelList([shape(entry) for entry in services.list_models.list()])

    @get("/v1/models/{model_id:path}", sync_to_thread=False)
    def show_model(request: "Request[Any, Any, State]", model_id: FromPath[str]) -> ModelShape:
        check(request)
        wanted = model_id.removeprefix("/")
        for entry in services.list_models.list():
            if entry.id == wanted:
                return shape(entry)
        raise ModelNotFound(wanted)

    return [list_models, show_model]
