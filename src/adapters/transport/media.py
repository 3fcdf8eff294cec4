"""Fetches images from addresses that callers wrote, and so from anywhere.

What is checked is the address that is dialled: the name is resolved once, and that very address is
connected to. So a name that resolves to something else a moment later gains nothing. Everything is
done again at each redirect.
"""

import asyncio
import base64
import ipaddress
import socket
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urljoin

from ...application.ports import MediaFetcher
from ...domain.conversation import ImageData
from ...domain.errors import ConfigurationError, InvalidRequest, ProviderError
from .client import HttpClient
from .reply import HttpCall
from .settings import TransportSettings
from .url import Url

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS = 3
_LOOKUPS_AT_ONCE = 8
_INLINE_BASE64_BYTES = 256 * 1024
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_NAT64_LOCAL = ipaddress.ip_network("64:ff9b:1::/48")
_COMPATIBLE = ipaddress.ip_network("::/96")


class PublicMediaFetcher(MediaFetcher):
    """Fetches from public addresses only, and from `allow_addresses`."""

    def __init__(
        self,
        *,
        max_bytes: int = 10 * 2**20,
        timeout_s: float = 10.0,
        ports: Iterable[int] = (80, 443),
        allow_addresses: Sequence[Network] = (),
        ca_file: str | None = None,
    ) -> None:
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s
        self._ports = frozenset(ports)
        self._allow = tuple(allow_addresses)
        # Strangers' names may take long to resolve, and upstreams' must not wait behind them.
        self._resolver = ThreadPoolExecutor(_LOOKUPS_AT_ONCE, "media-names")
        # Nothing is kept alive: these are strangers, met once. A proxy would resolve names anew.
        self._client = HttpClient(
            "media",
            TransportSettings(
                max_connections=64, max_waiting=256, keep_alive_s=0.0, ca_file=ca_file
            ),
            resolve=self._resolve,
        )

    async def fetch_image(self, url: str) -> ImageData:
        try:
            async with asyncio.timeout(self._timeout_s):
                body = await self._fetch(url)
        except TimeoutError as error:
            raise InvalidRequest("The image could not be fetched in time.") from error
        media_type = image_type(body)
        if media_type is None:
            raise InvalidRequest("What is at the image's address is no JPEG, PNG, GIF or WebP.")
        if len(body) > _INLINE_BASE64_BYTES:
            text = await asyncio.to_thread(base64.b64encode, body)
        else:
            text = base64.b64encode(body)
        return ImageData(media_type, text.decode("ascii"))

    async def aclose(self) -> None:
        self._resolver.shutdown(wait=False, cancel_futures=True)
        await self._client.aclose()

    async def _fetch(self, text: str) -> bytes:
        for _ in range(_MAX_REDIRECTS + 1):
            url = self._parse(text)
            location, body = await self._fetch_once(url)
            if location is None:
                return body
            text = urljoin(str(url), location)
        raise InvalidRequest("The image's address redirects too often.")

    async def _fetch_once(self, url: Url) -> tuple[str | None, bytes]:
        """Return where it leads on to, or what is there."""
        try:
            reply = await self._client.send(HttpCall(url, (("accept", "image/*"),), method="GET"))
            try:
                if reply.status in _REDIRECTS and "location" in reply.headers:
                    return reply.headers["location"], b""
                if reply.status != 200:
                    raise InvalidRequest(
                        f"The image could not be fetched: its server answered {reply.status}."
                    )
                return None, await reply.read_all(self._max_bytes)
            finally:
                await reply.aclose()
        except ProviderError as error:
            # Told in one form whatever happened, so that nobody maps a network by our errors.
            raise InvalidRequest(
                "The image could not be fetched from its address, or has more than "
                f"{self._max_bytes} bytes."
            ) from error

    def _parse(self, text: str) -> Url:
        try:
            url = Url.parse(text.partition("#")[0])
        except ConfigurationError as error:
            raise InvalidRequest(
                "The image's address is no http or https address, or holds a user name."
            ) from error
        if url.port not in self._ports:
            raise InvalidRequest("The image's address names a port that is not allowed.")
        return url

    async def _resolve(self, host: str, port: int, /) -> Sequence[str]:
        """Return the addresses to dial; refuse a name that has any which is not allowed."""
        found = await asyncio.get_running_loop().run_in_executor(
            self._resolver, _look_up, host, port
        )
        addresses = [ipaddress.ip_address(address) for address in found]
        if not addresses or not all(self._is_allowed(address) for address in addresses):
            raise InvalidRequest("The image's address is not a public one.")
        return [str(address) for address in addresses]

    def _is_allowed(self, address: Address) -> bool:
        if any(address in network for network in self._allow):
            return True
        return is_public(address)


def _look_up(host: str, port: int) -> list[str]:
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def is_public(address: Address) -> bool:
    """Return whether an address, and any that it carries inside, is one of the open internet."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.is_site_local or address in _NAT64_LOCAL:
            return False
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64 or address in _COMPATIBLE:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast


def image_type(data: bytes) -> str | None:
    """Return the media type of an image by its first bytes; the server's word counts nothing."""
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    return None
