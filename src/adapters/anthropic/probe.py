"""Asks Anthropic for its models: whether it is there, takes our key, and what it serves."""

import asyncio
from urllib.parse import quote

import msgspec

from ...application.ports import ProbeReport, UpstreamProbe
from ...domain.errors import ModelmuxError, UpstreamModelNotFound
from .provider import AnthropicProvider

_MAX_LIST_BYTES = 8 * 2**20
_PAGE = 1000
_MAX_MODELS = 5000


class _Model(msgspec.Struct, frozen=True):
    id: str = ""


class _Models(msgspec.Struct, frozen=True):
    data: tuple[_Model, ...]
    has_more: bool = False
    last_id: str | None = None


_decode = msgspec.json.Decoder(_Models).decode


class AnthropicProbe(UpstreamProbe):
    """`GET /v1/models`, page after page, within `timeout_s`."""

    def __init__(self, provider: AnthropicProvider, *, timeout_s: float = 10.0) -> None:
        self._provider = provider
        self._timeout_s = timeout_s

    async def probe(self) -> ProbeReport:
        try:
            async with asyncio.timeout(self._timeout_s):
                models = await self._models()
        except TimeoutError:
            return ProbeReport(False, f"no answer within {self._timeout_s:g} s")
        except UpstreamModelNotFound:
            # It answers, and so far as can be told without generating it is well.
            return ProbeReport(True, "GET /v1/models answered 404: it lists no models")
        except msgspec.DecodeError:
            return ProbeReport(False, "GET /v1/models answered something that is no list of models")
        except ModelmuxError as error:
            return ProbeReport.failed(error)
        return ProbeReport(True, f"GET /v1/models lists {len(models)} models", tuple(models))

    async def _models(self) -> list[str]:
        provider = self._provider
        models: list[str] = []
        after = ""
        while len(models) < _MAX_MODELS:
            url = provider.base_url.join(f"/v1/models?limit={_PAGE}{after}")
            page = _decode(await provider.fetch(url, most_bytes=_MAX_LIST_BYTES))
            models += [model.id for model in page.data if model.id]
            if not (page.has_more and page.last_id and page.data):
                break
            after = f"&after_id={quote(page.last_id, safe='')}"
        return models[:_MAX_MODELS]
