"""Fetches an image that a target wants by value."""

from abc import abstractmethod
from typing import Protocol

from ...domain.conversation import ImageData


class MediaFetcher(Protocol):
    """Reaches public addresses only; whoever made it closes it."""

    @abstractmethod
    async def fetch_image(self, url: str) -> ImageData:
        """Return the image at a public http or https address.

        Raises:
            InvalidRequest: the address is not public, not there, too large, or no image.
        """
        ...
