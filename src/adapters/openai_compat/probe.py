"""Asks an upstream for its models: whether it is there, takes our key, and what it serves."""

import asyncio

import msgspec

from ...application.ports import ProbeReport, UpstreamProbe
from ...domain.errors import ModelmuxError
from ..openai_errors.decode import decode_error
from ..transport.answers import ErrorReply
from ..transport.client import HttpCall, HttpClient
from ..transport.url import Url
from .provider import OpenAICompatProvider

_MAX_LIST_BYTES = 8 * 2**20
_MAX_MODELS = 5000


class _Model(msgspec.Struct, frozen=True):
    id: str = ""


class _Models(msgspec.Struct, frozen=True):
    data: tuple[_Model, ...] | None = None


class OpenAICompatProbe(UpstreamProbe):
    """`GET /models`, within `timeout_s`."""

    def __init__(self, provider: OpenAICompatProvider, *, timeout_s: float = 10.0) -> None:
        self._provider = provider
        self._timeout_s = timeout_s

    async def probe(self) -> ProbeReport:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._ask()
        except TimeoutError:
            return ProbeReport(False, f"no answer within {self._timeout_s:g} s")
        except ModelmuxError as error:
            return ProbeReport.failed(error)

    async def _ask(self) -> ProbeReport:
        url = self._provider.endpoints.models_url()
        status, body = await fetch(self._provider, url)
        where = f"GET {url.target.partition('?')[0]}"
        if status in (404, 405):
            # It answers, and so far as can be told without generating it is well.
            return ProbeReport(True, f"{where} answered {status}: it lists no models")
        try:
            listed = _decode_models(body)
        except msgspec.DecodeError:
            return ProbeReport(False, f"{where} answered something that is no list of models")
        models = tuple(model.id for model in listed[:_MAX_MODELS] if model.id)
        return ProbeReport(True, f"{where} lists {len(models)} models", models)


async def fetch(
    provider: OpenAICompatProvider, url: Url, said: bytes | None = None
) -> tuple[int, bytes]:
    """Return status and body of a GET, or of a POST of what is `said`.

    A status of 404 or 405 is an answer like another: there is no such path.

    Raises:
        ProviderError: no answer, or any other status that is none of success.
    """
    client: HttpClient = provider.client
    headers = await provider.headers()
    call = HttpCall(url, headers, method="GET") if said is None else HttpCall(url, headers, said)
    reply = await client.send(call)
    try:
        body = await reply.read_all(_MAX_LIST_BYTES)
    finally:
        await reply.aclose()
    if not 200 <= reply.status < 300 and reply.status not in (404, 405):
        raise decode_error(ErrorReply(reply.status, reply.headers, body))
    return reply.status, body


def _decode_models(body: bytes) -> tuple[_Model, ...]:
    """Read OpenAI's list, or the bare one of Together."""
    if body.lstrip().startswith(b"["):
        return msgspec.json.decode(body, type=tuple[_Model, ...])
    return msgspec.json.decode(body, type=_Models).data or ()
