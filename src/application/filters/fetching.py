"""Fetching: gets the images that a caller gave by address for a target that wants bytes."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from ...domain.adjustments import Adjustment
from ...domain.capabilities import ImageInput
from ...domain.conversation import ImageData, ImageUrl, Item, Message, Part, ToolResult
from ...domain.deferred import Deferred
from ...domain.errors import InvalidRequest
from ...domain.request import Generation, GenerationRequest
from ..lanes import passes_unread
from ..ports import Answer, LlmProvider, MediaFetcher
from ..reporting import record
from ..spelling import spelled

_MOST_IMAGES = 32


@dataclass(frozen=True, slots=True)
class Fetching(LlmProvider):
    inner: LlmProvider
    fetcher: MediaFetcher

    async def open(self, request: GenerationRequest) -> Answer:
        if request.capabilities.image_input is not ImageInput.BYTES or passes_unread(request):
            return await self.inner.open(request)
        content = request.content.get()
        urls = tuple(dict.fromkeys(part.url for part in _images(content)))
        if not urls:
            return await self.inner.open(request)
        if len(urls) > _MOST_IMAGES:
            raise InvalidRequest(
                f"At most {_MOST_IMAGES} images by URL can be fetched for this model.",
                param=spelled("messages", request.dialect),
            )
        record(
            request,
            [Adjustment("messages.image_url", "fetched", f"{len(urls)} fetched for the model")],
        )
        fetched = await self._fetch_all(urls, spelled("messages", request.dialect))
        content = replace(content, items=tuple(_with(item, fetched) for item in content.items))
        return await self.inner.open(replace(request, content=Deferred.of(content), verbatim=None))

    async def _fetch_all(self, urls: Iterable[str], param: str) -> dict[str, ImageData]:
        try:
            async with asyncio.TaskGroup() as group:
                tasks = {url: group.create_task(self._fetch(url, param)) for url in urls}
        except* InvalidRequest as failed:
            raise failed.exceptions[0] from None
        return {url: task.result() for url, task in tasks.items()}

    async def _fetch(self, url: str, param: str) -> ImageData:
        try:
            return await self.fetcher.fetch_image(url)
        except InvalidRequest as error:
            # Which message it stood in is not known here; the fetcher knows nothing of messages.
            raise InvalidRequest(error.message, param=param, reason="invalid_image_url") from error


def _images(content: Generation) -> list[ImageUrl]:
    return [
        part
        for item in content.items
        if isinstance(item, Message | ToolResult)
        for part in item.parts
        if isinstance(part, ImageUrl) and _is_web(part)
    ]


def _is_web(image: ImageUrl) -> bool:
    """Other schemes (`gs:`) name stores that the provider itself may read."""
    return image.url[:8].lower().startswith(("http://", "https://"))


def _with(item: Item, fetched: Mapping[str, ImageData]) -> Item:
    if not isinstance(item, Message | ToolResult):
        return item
    parts: tuple[Part, ...] = tuple(
        replace(fetched[part.url], detail=part.detail)
        if isinstance(part, ImageUrl) and part.url in fetched
        else part
        for part in item.parts
    )
    return replace(item, parts=parts)
