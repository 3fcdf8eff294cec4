"""HttpClient."""

from .reply import HttpCall, HttpReply
from .settings import TransportSettings

__all__ = ["HttpCall", "HttpClient", "HttpReply"]


class HttpClient:
    """Calls one provider's upstream over pooled connections."""

    def __init__(self, provider: str, settings: TransportSettings) -> None:
        self.provider = provider
        self.settings = settings

    async def send(self, call: HttpCall) -> HttpReply:
        """Return once status and headers are there."""
        raise ConnectionError(call.url)

    async def aclose(self) -> None:
        """Close all connections."""
