"""What a call to an upstream is, and what comes back."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...domain.errors import ProviderProtocolBroken
from .url import Url


@dataclass(frozen=True, slots=True)
class HttpCall:
    """One request; host, content-length, accept-encoding and connection are the client's own."""

    url: Url
    headers: Sequence[tuple[str, str]]
    body: bytes = b""
    method: str = "POST"


class HttpReply(ABC):
    """A reply whose head is there. Whoever got it closes it; header names are in lower case."""

    __slots__ = ("headers", "status")

    def __init__(self, status: int, headers: Mapping[str, str]) -> None:
        self.status = status
        self.headers = headers

    async def read(self) -> bytes:
        """Return all that has arrived of the body, at least a byte; `b""` at its end.

        Raises:
            StreamCut: the connection broke off before the end.
            UpstreamTimeout: nothing came in time.
            ProviderProtocolBroken: what came is not HTTP.
        """
        return await self.read_before(None)

    @abstractmethod
    async def read_before(self, deadline: float | None) -> bytes:
        """`read`, waiting until `deadline` of the loop's clock, or the idle time from now."""
        ...

    async def read_all(self, limit_bytes: int) -> bytes:
        """Return the rest of the body; closes the connection if that is more than `limit_bytes`.

        Raises:
            ProviderProtocolBroken: more than the limit, or not HTTP.
            StreamCut, UpstreamTimeout: as in `read`.
        """
        data = self.take_whole()
        if data is not None and len(data) <= limit_bytes:
            return data
        if data is None:
            data = await self.read()
        parts: list[bytes] = []
        size_bytes = 0
        while data:
            size_bytes += len(data)
            if size_bytes > limit_bytes:
                await self.aclose()
                raise ProviderProtocolBroken(
                    f"The upstream's answer is larger than {limit_bytes} bytes."
                )
            parts.append(data)
            data = await self.read()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def take_whole(self) -> bytes | None:
        """Return the body if all of it is there and nothing was read yet, without waiting."""
        return None

    @abstractmethod
    async def aclose(self) -> None:
        """At the body's end: pool the connection; before it: close. Idempotent."""
        ...

    @abstractmethod
    def let_end(self) -> None:
        """Nothing more is wanted: pool the connection if the body's end comes within a moment.

        The end marker of a chunked body may follow the last event in another packet.
        """
        ...
