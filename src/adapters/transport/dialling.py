"""Makes connections: directly, through a proxy, through a proxy's tunnel; with TLS or without."""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Sequence
from typing import Protocol

from ...domain.errors import UpstreamTimeout, UpstreamUnreachable
from .proxies import Proxy
from .settings import TransportSettings
from .tls import tls_context
from .tunnel import open_tunnel
from .url import Url


class Resolve(Protocol):
    """Chooses the addresses that are dialled for a host, best first; may refuse by raising."""

    def __call__(self, host: str, port: int, /) -> Awaitable[Sequence[str]]: ...


class Dialler:
    """`resolve` None is the loop's own resolver."""

    __slots__ = ("_resolve", "_settings")

    def __init__(self, settings: TransportSettings, resolve: Resolve | None) -> None:
        self._settings = settings
        self._resolve = resolve

    def proxy_for(self, url: Url) -> Proxy | None:
        """Return the proxy through which `url` is reached, if any."""
        return self._settings.proxies.proxy_for(url)

    async def dial(self, url: Url, proxy: Proxy | None, protocol: asyncio.Protocol) -> None:
        """Return once `protocol` is connected to `url`.

        Raises:
            UpstreamUnreachable: there is nobody, or nobody we trust.
            UpstreamTimeout: not within the time to connect.
        """
        try:
            async with asyncio.timeout(self._settings.connect_timeout_s):
                context: ssl.SSLContext | None = None
                if url.scheme == "https":
                    context = tls_context(self._settings.ca_file, self._settings.verify_tls)
                if proxy is None:
                    await self._dial_directly(url, context, protocol)
                elif context is None:
                    loop = asyncio.get_running_loop()
                    await loop.create_connection(lambda: protocol, proxy.host, proxy.port)
                else:
                    await _dial_through(proxy, url, context, protocol)
        except TimeoutError as error:
            raise UpstreamTimeout(
                "No connection to the upstream in time.", phase="connect"
            ) from error
        except ssl.SSLCertVerificationError as error:
            raise UpstreamUnreachable(
                "The upstream's certificate is not trusted.", detail=error.verify_message
            ) from error
        except (OSError, UnicodeError) as error:
            raise UpstreamUnreachable(
                "The upstream cannot be reached.",
                detail=f"{url.host}:{url.port}: {type(error).__name__}: {error}",
            ) from error

    async def _dial_directly(
        self, url: Url, context: ssl.SSLContext | None, protocol: asyncio.Protocol
    ) -> None:
        addresses: Sequence[str] = (url.host,)
        if self._resolve is not None:
            addresses = await self._resolve(url.host, url.port)
        for address in addresses[:-1]:
            with contextlib.suppress(OSError):
                await _dial_address(address, url, context, protocol)
                return
        await _dial_address(addresses[-1], url, context, protocol)


async def _dial_address(
    address: str, url: Url, context: ssl.SSLContext | None, protocol: asyncio.Protocol
) -> None:
    await asyncio.get_running_loop().create_connection(
        lambda: protocol,
        address,
        url.port,
        ssl=context,
        server_hostname=url.host if context is not None else None,
    )


async def _dial_through(
    proxy: Proxy, url: Url, context: ssl.SSLContext, protocol: asyncio.Protocol
) -> None:
    tunnel = await open_tunnel(proxy, url.host, url.port)
    try:
        transport = await asyncio.get_running_loop().start_tls(
            tunnel, protocol, context, server_hostname=url.host
        )
    except BaseException:
        tunnel.abort()
        raise
    if transport is None:
        raise ConnectionResetError("lost during the TLS handshake")
    # The protocol was not there when the tunnel was made; start_tls does not tell it.
    protocol.connection_made(transport)
