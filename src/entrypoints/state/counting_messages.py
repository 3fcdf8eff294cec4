"""POST /v1/messages/count_tokens: the exact count where the target has a counter, else ours."""

import msgspec
from litestar import Response, post
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from ..messages.handler import counting_dialect
from ..services import Services
from ..watcher import RunningCalls
from .asking import Asking, under_watch
from .reading import AskedReader

_JSON = "application/json"
_encode = msgspec.json.Encoder().encode


class CountShape(Struct, frozen=True):
    """Clients read no more than this; the documentation says where it is an estimate."""

    input_tokens: int


def message_counting_routes(services: Services, calls: RunningCalls) -> list[HTTPRouteHandler]:
    """Return the route beside the dialect's own."""
    dialect = counting_dialect(services.state.sealer)
    reader = AskedReader(services, calls, dialect)

    @post(f"{dialect.path}/count_tokens", status_code=200, operation_id="count_message_tokens")
    async def count_tokens(request: Asking) -> Response[bytes]:
        asked = await reader.read(request)
        async with under_watch(request, services, calls) as call:
            call.body_complete()
            counted = await services.state.count_tokens.count(asked.request)
        return Response(_encode(CountShape(counted.tokens)), media_type=_JSON)

    return [count_tokens]
