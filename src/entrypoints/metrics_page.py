"""The page that Prometheus reads.

Open like the health routes, so that a scraper needs no key: it holds counts, and the names of
models and providers, never a caller's. Where those names are secret, block the path in front.
Whichever worker is asked answers for all.
"""

from collections.abc import Awaitable, Callable

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

_CONTENT_TYPE = "text/plain; version=0.0.4"


def metrics_route(metrics: Callable[[], Awaitable[bytes]]) -> HTTPRouteHandler:
    @get("/metrics", media_type=_CONTENT_TYPE)
    async def show_metrics() -> Response[bytes]:
        return Response(await metrics(), media_type=_CONTENT_TYPE)

    return show_metrics
