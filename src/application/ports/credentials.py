"""What we show upstreams."""

from abc import abstractmethod
from typing import Protocol


class Credentials(Protocol):
    """Signs us in at one upstream; refreshing what expires is its own business."""

    @abstractmethod
    async def header(self) -> tuple[str, str]:
        """Return the name and value of the header that signs us in; from memory while it is valid.

        Raises:
            UpstreamAuthFailed: no token can be had.
        """
        ...
