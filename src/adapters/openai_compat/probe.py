"""Asks an upstream for its models: whether it is there, takes our key, and what it serves."""

import msgspec

from ...application.ports import ProbeReport, UpstreamProbe
from ..openai_errors.decode import decode_error
from ..transport.client import HttpCall, HttpClient
from ..transport.fetching import MOST_LIST_BYTES, asked, listed, report_within
from ..transport.languages import ErrorReply
from ..transport.url import Url
from .provider import OpenAICompatProvider


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
        url = self._provider.endpoints.models_url()
        return await report_within(self._timeout_s, url, self._ask(url))

    async def _ask(self, url: Url) -> ProbeReport:
        status, body = await fetch(self._provider, url)
        if status in (404, 405):
            # It answers, and so far as can be told without generating it is well.
            return ProbeReport(True, f"{asked(url)} answered {status}: it lists no models")
        return listed(url, (model.id for model in _decode_models(body)))


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
        body = await reply.read_all(MOST_LIST_BYTES)
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
