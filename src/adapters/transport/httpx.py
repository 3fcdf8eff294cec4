"""Our client under httpx: for token endpoints, key sets, admin calls and tests.

httpx is the interface only; its own pool, which hands left-over bytes to the next caller, is not
used.
"""

from collections.abc import AsyncIterator

import httpx

from ...domain.errors import (
    ConfigurationError,
    ModelmuxError,
    OverloadError,
    ProviderProtocolBroken,
    StreamCut,
    UpstreamTimeout,
)
from .client import HttpClient
from .reply import HttpCall, HttpReply
from .url import Url

_OURS = frozenset(
    {
        "host",
        "content-length",
        "transfer-encoding",
        "accept-encoding",
        "connection",
        "user-agent",
    }
)


class PooledTransport(httpx.AsyncBaseTransport):
    """Sends httpx's requests through `client`, which stays its owner's to close."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            call = HttpCall(
                Url.parse(str(request.url)),
                [
                    (name, value)
                    for name, value in request.headers.multi_items()
                    if name.lower() not in _OURS
                ],
                await request.aread(),
                request.method,
            )
            reply = await self._client.send(call)
        except ModelmuxError as error:
            raise _translate(error, request) from error
        if reply.headers.get("content-encoding", "identity").lower() != "identity":
            # httpx would inflate it, without a bound.
            await reply.aclose()
            raise httpx.DecodingError("a compressed answer, unasked", request=request)
        return httpx.Response(
            reply.status,
            headers=list(reply.headers.items()),
            stream=_ReplyStream(reply, request),
        )


class _ReplyStream(httpx.AsyncByteStream):
    def __init__(self, reply: HttpReply, request: httpx.Request) -> None:
        self._reply = reply
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            while data := await self._reply.read():
                yield data
        except ModelmuxError as error:
            raise _translate(error, self._request) from error

    async def aclose(self) -> None:
        await self._reply.aclose()


def _translate(error: ModelmuxError, request: httpx.Request) -> httpx.TransportError:
    """Return the same failure in httpx's words."""
    if isinstance(error, UpstreamTimeout):
        if error.phase == "connect":
            return httpx.ConnectTimeout(error.message, request=request)
        return httpx.ReadTimeout(error.message, request=request)
    if isinstance(error, OverloadError):
        return httpx.PoolTimeout(error.message, request=request)
    if isinstance(error, StreamCut | ProviderProtocolBroken):
        return httpx.RemoteProtocolError(error.message, request=request)
    if isinstance(error, ConfigurationError):
        return httpx.UnsupportedProtocol(error.message, request=request)
    return httpx.ConnectError(error.message, request=request)
