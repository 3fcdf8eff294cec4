"""Credentials that are given, or refused, as a test wants it."""

from ...application.ports import Credentials
from ...domain.errors import UpstreamAuthFailed


class MemoryCredentials(Credentials):
    """Signs in with one header; with none it is refused. `asked` counts the calls."""

    def __init__(self, header: tuple[str, str] | None) -> None:
        self._header = header
        self.asked = 0

    async def header(self) -> tuple[str, str]:
        self.asked += 1
        if self._header is None:
            raise UpstreamAuthFailed("The gateway could not sign in.")
        return self._header
