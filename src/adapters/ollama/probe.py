"""Asks an Ollama server for its models: whether it is there, and what it has pulled."""

import asyncio
from typing import Final

import msgspec

from ...application.ports import ProbeReport, UpstreamProbe
from ...domain.errors import ModelmuxError
from ..ollama_native.errors import decode_error
from ..transport.answers import ErrorReply
from ..transport.client import HttpCall
from .provider import OllamaProvider

_MAX_LIST_BYTES: Final = 8 * 2**20
_MAX_MODELS: Final = 5000


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
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._ask()
        except TimeoutError:
            return ProbeReport(False, f"no answer within {self._timeout_s:g} s")
        except ModelmuxError as error:
            return ProbeReport.failed(error)

    async def _ask(self) -> ProbeReport:
        provider = self._provider
        url = provider.url("/api/tags")
        where = f"GET {url.target.partition('?')[0]}"
        reply = await provider.client.send(HttpCall(url, provider.headers, method="GET"))
        try:
            body = await reply.read_all(_MAX_LIST_BYTES)
        finally:
            await reply.aclose()
        if not 200 <= reply.status < 300:
            raise decode_error(ErrorReply(reply.status, reply.headers, body))
        try:
            listed = _decode(body).models or ()
        except msgspec.DecodeError:
            return ProbeReport(False, f"{where} answered something that is no list of models")
        models = tuple(model.name for model in listed[:_MAX_MODELS] if model.name)
        return ProbeReport(True, f"{where} lists {len(models)} models", models)
