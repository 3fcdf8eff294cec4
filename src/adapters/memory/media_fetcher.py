"""Images that were there all along, or that never were."""

from collections.abc import Mapping

from ...application.ports import MediaFetcher
from ...domain.conversation import ImageData
from ...domain.errors import InvalidRequest

# A PNG of one pixel.
_DOT = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mP4DwABAQEAHLCMmQAAAABJRU5ErkJggg=="
)


class MemoryMediaFetcher(MediaFetcher):
    """Serves `images` by address; `fetched` keeps what was asked for."""

    def __init__(self, images: Mapping[str, ImageData]) -> None:
        self._images = images
        self.fetched: list[str] = []

    async def fetch_image(self, url: str) -> ImageData:
        self.fetched.append(url)
        image = self._images.get(url)
        if image is None:
            raise InvalidRequest("The image could not be fetched from its address.")
        return image


class BlankImages(MediaFetcher):
    """Gives a white dot for any address, and asks nobody: for dry runs."""

    async def fetch_image(self, url: str) -> ImageData:
        del url
        return ImageData("image/png", _DOT)

    async def aclose(self) -> None:
        """Do nothing: nothing is open."""
