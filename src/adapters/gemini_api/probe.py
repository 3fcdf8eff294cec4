"""Asks the Developer API for its models: whether it takes our key, and what it serves."""

from typing import Final

import msgspec

from ...application.ports import ProbeReport, UpstreamProbe
from ..transport.fetching import MOST_LIST_BYTES, listed, report_within
from ..transport.url import Url
from .endpoints import bare
from .provider import GeminiApiProvider

_SERVED: Final = frozenset({"generateContent", "embedContent", "batchEmbedContents"})


class _Model(msgspec.Struct, frozen=True, rename="camel"):
    name: str = ""
    supported_generation_methods: tuple[str, ...] | None = None


class _Models(msgspec.Struct, frozen=True):
    models: tuple[_Model, ...]


_decode: Final = msgspec.json.Decoder(_Models).decode


class GeminiApiProbe(UpstreamProbe):
    """`GET /v1beta/models`, within `timeout_s`; those that answer or embed are told."""

    def __init__(self, provider: GeminiApiProvider, *, timeout_s: float = 10.0) -> None:
        self._provider = provider
        self._timeout_s = timeout_s

    async def probe(self) -> ProbeReport:
        url = self._provider.endpoints.models()
        return await report_within(self._timeout_s, url, self._ask(url))

    async def _ask(self, url: Url) -> ProbeReport:
        body = await self._provider.fetch(url, most_bytes=MOST_LIST_BYTES)
        models = _decode(body).models
        return listed(url, (bare(model.name) for model in models if _is_served(model)))


def _is_served(model: _Model) -> bool:
    methods = model.supported_generation_methods
    return methods is None or not _SERVED.isdisjoint(methods)
