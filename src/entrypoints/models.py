"""The models a client may name, as OpenAI lists them, or Anthropic where its clients ask."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

from litestar import Request, get
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from msgspec import Struct

from ..application.planning import ModelEntry
from ..domain.errors import InvalidRequest, ModelNotFound
from .messages.style import ANTHROPIC, style_of
from .services import Services
from .state.asking import Query, admitted, query_of, whole_number

Asking: TypeAlias = Request[Any, Any, State]  # Any: user and auth are not used
_DEFAULT_PAGE = 20
_MAX_PAGE = 1000
_MAX_ID = 512


class ModelShape(Struct, frozen=True):
    id: str
    created: int
    owned_by: str
    object: Literal["model"] = "model"


class ModelList(Struct, frozen=True):
    data: list[ModelShape]
    object: Literal["list"] = "list"


class ModelInfo(Struct, frozen=True, tag_field="type", tag="model"):
    """Anthropic's shape; `created_at` is RFC 3339. What a model can take is not told here."""

    id: str
    created_at: str
    display_name: str
    lifecycle: Literal["active"] = "active"


class ModelPage(Struct, frozen=True):
    data: list[ModelInfo]
    has_more: bool
    first_id: str | None
    last_id: str | None


def model_routes(services: Services) -> list[HTTPRouteHandler]:
    """Return the routes under /v1/models. `created` is when the gateway came to know them."""
    started_at = int(services.clock.now())
    since = datetime.fromtimestamp(started_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def shape(entry: ModelEntry) -> ModelShape:
        return ModelShape(entry.id, started_at, entry.owned_by)

    def info(entry: ModelEntry) -> ModelInfo:
        return ModelInfo(entry.id, since, entry.id)

    @get("/v1/models", sync_to_thread=False)
    def list_models(request: Asking) -> ModelList | ModelPage:
        admitted(request, services)
        entries = services.list_models.list()
        if style_of(request.scope) is not ANTHROPIC:
            return ModelList([shape(entry) for entry in entries])
        page, has_more = _page(entries, query_of(request))
        infos = [info(entry) for entry in page]
        return ModelPage(
            infos, has_more, infos[0].id if infos else None, infos[-1].id if infos else None
        )

    @get("/v1/models/{model_id:path}", sync_to_thread=False)
    def show_model(request: Asking, model_id: FromPath[str]) -> ModelShape | ModelInfo:
        admitted(request, services)
        wanted = model_id.removeprefix("/")
        for entry in services.list_models.list():
            if entry.id == wanted:
                return info(entry) if style_of(request.scope) is ANTHROPIC else shape(entry)
        raise ModelNotFound(wanted)

    return [list_models, show_model]


def _page(entries: Sequence[ModelEntry], query: Query) -> tuple[Sequence[ModelEntry], bool]:
    """Return the page that is asked for, and whether there is more in its direction.

    Raises:
        InvalidRequest: it begins or ends at a model that is not in the list.
    """
    limit = whole_number(query, "limit", _DEFAULT_PAGE, 1, _MAX_PAGE)
    after, before = query.get("after_id", [""])[-1], query.get("before_id", [""])[-1]
    if after and before:
        raise InvalidRequest("give 'after_id' or 'before_id', not both", param="before_id")
    if before:
        end = _place(entries, before, "before_id")
        start = max(0, end - limit)
        return entries[start:end], start > 0
    start = _place(entries, after, "after_id") + 1 if after else 0
    return entries[start : start + limit], start + limit < len(entries)


def _place(entries: Sequence[ModelEntry], id_: str, param: str) -> int:
    for place, entry in enumerate(entries):
        if entry.id == id_:
            return place
    raise InvalidRequest(f"there is no model {id_[:_MAX_ID]!r} in the list", param=param)
