"""Asks Cohere for its models: whether it is there, takes our key, and what it serves."""

import asyncio
from typing import Final

import msgspec

from ...application.ports import ProbeReport, UpstreamProbe
from ...domain.errors import ModelmuxError
from ..cohere_v2.errors import decode_error
from ..transport.answers import ErrorReply
from ..transport.client import HttpCall
from .provider import CohereProvider

_MAX_LIST_BYTES: Final = 8 * 2**20
_MAX_MODELS: Final = 5000
# A page may hold a thousand; that is more than there are.
_QUERY: Final = "?page_size=1000"
_SERVED: Final = frozenset({"chat", "embed"})


class _Model(msgspec.Struct, frozen=True):
    name: str = ""
    endpoints: tuple[str, ...] | None = None


class _Models(msgspec.Struct, frozen=True):
    models: tuple[_Model, ...]


_decode = msgspec.json.Decoder(_Models).decode


class CohereProbe(UpstreamProbe):
    """`GET /v1/models`, within `timeout_s`; of its models those that chat or embed are told."""

    def __init__(self, provider: CohereProvider, *, timeout_s: float = 10.0) -> None:
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
        provider = self._provider
        url = provider.models_url()
        call = HttpCall(url.at(url.target + _QUERY), provider.headers, method="GET")
        reply = await provider.client.send(call)
        try:
            body = await reply.read_all(_MAX_LIST_BYTES)
        finally:
            await reply.aclose()
        if not 200 <= reply.status < 300:
            raise decode_error(ErrorReply(reply.status, reply.headers, body))
        try:
            listed = _decode(body).models
        except msgspec.DecodeError:
            return ProbeReport(False, f"GET {url.target} answered something that is no list")
        models = tuple(model.name for model in listed[:_MAX_MODELS] if _is_served(model))
        return ProbeReport(True, f"GET {url.target} lists {len(models)} models", models)


def _is_served(model: _Model) -> bool:
    return bool(model.name) and (model.endpoints is None or not _SERVED.isdisjoint(model.endpoints))
