"""Asks the Developer API for its models: whether it takes our key, and what it serves."""

import asyncio
from typing import Final

import msgspec

from ...application.ports import ProbeReport, UpstreamProbe
from ...domain.errors import ModelmuxError
from .endpoints import bare
from .provider import GeminiApiProvider

_MAX_MODELS: Final = 5000
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
        where = f"GET {url.target.partition('?')[0]}"
        try:
            async with asyncio.timeout(self._timeout_s):
                listed = _decode(await self._provider.fetch(url)).models
        except TimeoutError:
            return ProbeReport(False, f"no answer within {self._timeout_s:g} s")
        except ModelmuxError as error:
            return ProbeReport.failed(error)
        except msgspec.DecodeError:
            return ProbeReport(False, f"{where} answered something that is no list of models")
        models = tuple(bare(model.name) for model in listed[:_MAX_MODELS] if _is_served(model))
        return ProbeReport(True, f"{where} lists {len(models)} models", models)


def _is_served(model: _Model) -> bool:
    methods = model.supported_generation_methods
    return bool(model.name) and (methods is None or not _SERVED.isdisjoint(methods))
