"""Asks an HTTP proxy for a way through (CONNECT).

Source: RFC 9110, 9.3.6.
"""

import asyncio

from ...domain.errors import UpstreamUnreachable
from .proxies import Proxy

_MAX_HEAD_BYTES = 16 * 1024


class _Asking(asyncio.Protocol):
    """Collects the proxy's reply; `done` gets its head, or the error."""

    def __init__(self, done: asyncio.Future[bytes]) -> None:
        self._done = done
        self._head = b""

    def data_received(self, data: bytes) -> None:
        self._head += data
        if b"\r\n\r\n" in self._head or len(self._head) > _MAX_HEAD_BYTES:
            self._end()

    def eof_received(self) -> None:
        self._end()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._end()

    def _end(self) -> None:
        if not self._done.done():
            self._done.set_result(self._head)


async def open_tunnel(proxy: Proxy, host: str, port: int) -> asyncio.Transport:
    """Return a transport at whose far end is `host`; the caller gives it a new protocol.

    Raises:
        UpstreamUnreachable: the proxy refused.
        OSError: the proxy cannot be reached.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[bytes] = loop.create_future()
    transport, _ = await loop.create_connection(lambda: _Asking(done), proxy.host, proxy.port)
    try:
        authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        lines = [f"CONNECT {authority} HTTP/1.1", f"host: {authority}"]
        if proxy.authorization is not None:
            lines.append(f"proxy-authorization: {proxy.authorization}")
        transport.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
        head, _, rest = (await done).partition(b"\r\n\r\n")
        words = head.split(b"\r\n")[0].split(b" ", 2)
        # Before TLS has begun nobody may have said more than the head.
        if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or words[1] != b"200" or rest:
            status = words[1][:3].decode("latin-1") if len(words) > 1 else "nothing"
            raise UpstreamUnreachable(
                "The proxy before the upstream refused the connection.",
                detail=f"CONNECT was answered with {status}",
            )
    except BaseException:
        transport.abort()
        raise
    return transport
