"""What the routes of kept state read of a request: who asks, the query, the body."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeAlias
from urllib.parse import parse_qs

import msgspec
from litestar import Request
from litestar.datastructures import State

from ...application.paging import PageRequest
from ...application.ports import Exchange
from ...domain.errors import InvalidRequest, NotFound
from ...domain.request import Caller
from ..authentication import admit
from ..body import check_body_headers, read_body
from ..members import LARGE_BODY_BYTES, Members, decode_member, decode_members
from ..messages.style import style_of
from ..services import Services
from ..watcher import RunningCall, RunningCalls

Asking: TypeAlias = Request[Any, Any, State]  # Any: user and auth are not used
Query: TypeAlias = Mapping[str, list[str]]

_MAX_FIELDS = 64
_MAX_ID = 200
_DEFAULT_PAGE = 20
_MAX_PAGE = 100
_MAX_PAIRS = 16
_MAX_KEY = 64
_MAX_VALUE = 512
_METADATA: "msgspec.json.Decoder[dict[str, str] | None]" = msgspec.json.Decoder(
    dict[str, str] | None
)


def admitted(request: Asking, services: Services) -> Caller:
    """Return who asks, and note it for the log.

    Raises:
        AuthenticationError: nobody we know.
    """
    headers: Mapping[bytes, bytes] = dict(request.scope["headers"])
    caller = admit(
        headers,
        services.keys,
        open_access=services.open_access,
        named_first=style_of(request.scope).named_key_first,
    )
    exchange = request.scope["state"].get("exchange")
    if isinstance(exchange, Exchange):
        exchange.tenant, exchange.key_id = caller.tenant, caller.key_id
    return caller


def known_form(id_: str, what: str) -> str:
    """Return an id of the path if one of ours could look like it.

    Raises:
        NotFound: none could; it is told as if it had been looked for.
    """
    if len(id_) > _MAX_ID or not id_.isascii() or not id_.isprintable():
        raise NotFound(f"{what} with id {id_[:_MAX_ID]!a} not found.")
    return id_


def query_of(request: Asking) -> Query:
    """Return the query; a list may be spelled `name=a&name=b` or `name[]=a&name[]=b`.

    Raises:
        InvalidRequest: it has too many members.
    """
    text = request.scope["query_string"]
    if not text:
        return _NOTHING
    try:
        pairs = parse_qs(text.decode("latin-1"), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        raise InvalidRequest("The query has too many members.") from None
    query: dict[str, list[str]] = {}
    for name, values in pairs.items():
        query.setdefault(name.removesuffix("[]"), []).extend(values)
    return query


_NOTHING: Query = {}


def flag(query: Query, name: str) -> bool:
    """Return whether a switch of the query is on."""
    match query.get(name, ["false"])[-1].lower():
        case "true" | "1":
            return True
        case "false" | "0" | "":
            return False
        case other:
            raise InvalidRequest(f"'{name}' is true or false, not {other[:50]!r}.", param=name)


def whole_number(query: Query, name: str, default: int, lowest: int, highest: int) -> int:
    """Return a number of the query."""
    if name not in query:
        return default
    text = query[name][-1]
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 12 else lowest - 1
    if not lowest <= number <= highest:
        raise InvalidRequest(
            f"'{name}' is a whole number from {lowest} to {highest}, not {text[:50]!r}.", param=name
        )
    return number


def page_asked(query: Query) -> PageRequest:
    """Return the page that is wanted; newest first unless the query says `order=asc`."""
    order = query.get("order", ["desc"])[-1]
    if order not in ("asc", "desc"):
        raise InvalidRequest(f"'order' is asc or desc, not {order[:50]!r}.", param="order")
    limit = whole_number(query, "limit", _DEFAULT_PAGE, 1, _MAX_PAGE)
    after = query.get("after", [""])[-1]
    return PageRequest(after or None, limit, order == "desc")


@asynccontextmanager
async def under_watch(
    request: Asking, services: Services, calls: RunningCalls
) -> AsyncGenerator[RunningCall]:
    """End what runs inside when the client leaves, its body crawls, or the server stops.

    Raises:
        ClientGone, ModelmuxError: why it was ended.
    """
    # Any: Litestar's types of ASGI and ours differ in name only
    receive: Any = request.receive
    send: Any = request.send
    call = calls.enter(receive, send, services.limits.body_timeout_s)
    try:
        yield call
    except asyncio.CancelledError:
        ending, task = call.ended_by, asyncio.current_task()
        if ending is None or task is None or task.uncancel() > 0:
            raise
        raise ending from None
    finally:
        calls.leave(call)


async def read_object(request: Asking, services: Services, calls: RunningCalls) -> Members:
    """Return the members of the body, which may be missing altogether.

    Raises:
        RequestError: it is too large, too slow, or no JSON object.
        ClientGone: the client left in the middle.
    """
    limit = services.limits.max_body_bytes
    check_body_headers(dict(request.scope["headers"]), limit)
    async with under_watch(request, services, calls) as call:
        body = await read_body(call.receive, call, limit)
    if not body.strip():
        return {}
    if len(body) < LARGE_BODY_BYTES:
        return decode_members(body)
    return await asyncio.to_thread(decode_members, body)


def metadata_of(members: Members) -> Mapping[str, str]:
    """Return the labels a caller gives; none if they are left out or null."""
    raw = members.get("metadata")
    told = None if raw is None else decode_member(_METADATA, raw, "metadata")
    metadata = told or dict[str, str]()
    if len(metadata) > _MAX_PAIRS:
        raise InvalidRequest(f"'metadata' has at most {_MAX_PAIRS} pairs.", param="metadata")
    for key, value in metadata.items():
        if len(key) > _MAX_KEY or len(value) > _MAX_VALUE:
            raise InvalidRequest(
                f"A key of 'metadata' has at most {_MAX_KEY} letters, a value {_MAX_VALUE}.",
                param="metadata",
            )
    return metadata
