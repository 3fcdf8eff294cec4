"""Asks Anthropic for its models: whether it is there, takes our key, and what it serves."""

from urllib.parse import quote

import msgspec

from ...application.ports import ProbeReport, UpstreamProbe
from ...domain.errors import UpstreamModelNotFound
from ..transport.fetching import MOST_LIST_BYTES, MOST_MODELS, asked, listed, report_within
from ..transport.url import Url
from .provider import AnthropicProvider

_PAGE = 1000


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
        url = self._provider.base_url.join("/v1/models")
        return await report_within(self._timeout_s, url, self._ask(url))

    async def _ask(self, url: Url) -> ProbeReport:
        try:
            return listed(url, await self._models(url))
        except UpstreamModelNotFound:
            # It answers, and so far as can be told without generating it is well.
            return ProbeReport(True, f"{asked(url)} answered 404: it lists no models")

    async def _models(self, url: Url) -> list[str]:
        models: list[str] = []
        after = ""
        while len(models) < MOST_MODELS:
            part = url.at(f"{url.target}?limit={_PAGE}{after}")
            page = _decode(await self._provider.fetch(part, most_bytes=MOST_LIST_BYTES))
            models += [model.id for model in page.data]
            if not (page.has_more and page.last_id and page.data):
                break
            after = f"&after_id={quote(page.last_id, safe='')}"
        return models
