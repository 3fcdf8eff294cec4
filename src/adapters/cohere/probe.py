"""Asks Cohere for its models: whether it is there, takes our key, and what it serves."""

from typing import Final

import msgspec

from ...application.ports import ProbeReport, UpstreamProbe
from ..cohere_v2.errors import decode_error
from ..transport.client import HttpCall
from ..transport.fetching import MOST_LIST_BYTES, fetch, listed, report_within
from ..transport.url import Url
from .provider import CohereProvider

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
        url = self._provider.models_url()
        return await report_within(self._timeout_s, url, self._ask(url))

    async def _ask(self, url: Url) -> ProbeReport:
        provider = self._provider
        call = HttpCall(url.at(url.target + _QUERY), provider.headers, method="GET")
        body = await fetch(provider.client, call, decode_error, most_bytes=MOST_LIST_BYTES)
        return listed(url, (model.name for model in _decode(body).models if _is_served(model)))


def _is_served(model: _Model) -> bool:
    return model.endpoints is None or not _SERVED.isdisjoint(model.endpoints)
