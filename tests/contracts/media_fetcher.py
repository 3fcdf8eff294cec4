"""The laws of `MediaFetcher`."""

import asyncio
from abc import ABC, abstractmethod
from dataclasses import dataclass

import pytest

from modelmux.application.ports import MediaFetcher
from modelmux.domain.conversation import ImageData
from modelmux.domain.errors import InvalidRequest
from tests.support.images import PNG_BASE64


@dataclass(frozen=True, slots=True)
class Fetching:
    """A fetcher, the address of the picture of `tests.support.images`, and one of nothing."""

    fetcher: MediaFetcher
    picture: str
    nothing: str


class MediaFetcherContract(ABC):
    """Inherit, give `fetching`."""

    @pytest.fixture
    @abstractmethod
    def fetching(self) -> Fetching: ...

    async def test_an_image_comes_by_value(self, fetching: Fetching) -> None:
        fetched = await fetching.fetcher.fetch_image(fetching.picture)
        assert fetched == ImageData("image/png", PNG_BASE64)

    async def test_many_are_fetched_at_once(self, fetching: Fetching) -> None:
        fetch = fetching.fetcher.fetch_image
        fetched = await asyncio.gather(*(fetch(fetching.picture) for _ in range(10)))
        assert fetched == [ImageData("image/png", PNG_BASE64)] * 10

    async def test_what_is_not_there_is_the_callers_mistake(self, fetching: Fetching) -> None:
        with pytest.raises(InvalidRequest) as caught:
            await fetching.fetcher.fetch_image(fetching.nothing)
        assert fetching.nothing not in caught.value.message
