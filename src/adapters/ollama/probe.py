"""Asks an Ollama server for its models: whether it is there, and what it has pulled."""

import msgspec

from ...application.ports import ProbeReport, UpstreamProbe
from ..ollama_native.errors import decode_error
from ..transport.client import HttpCall
from ..transport.fetching import MOST_LIST_BYTES, fetch, listed, report_within
from ..transport.url import Url
from .provider import OllamaProvider


class _Model(msgspec.Struct, frozen=True):
    name: str = ""


class _Models(msgspec.Struct, frozen=True):
    models: tuple[_Model, ...] | None


_decode = msgspec.json.Decoder(_Models).decode


class OllamaProbe(UpstreamProbe):
    """`GET /api/tags`, within `timeout_s`."""

    def __init__(self, provider: OllamaProvider, *, timeout_s: float = 10.0) -> None:
        self._provider = provider
        self._timeout_s = timeout_s

    async def probe(self) -> ProbeReport:
        url = self._provider.url("/api/tags")
        return await report_within(self._timeout_s, url, self._ask(url))

    async def _ask(self, url: Url) -> ProbeReport:
        provider = self._provider
        call = HttpCall(url, provider.headers, method="GET")
        body = await fetch(provider.client, call, decode_error, most_bytes=MOST_LIST_BYTES)
        return listed(url, (model.name for model in _decode(body).models or ()))
