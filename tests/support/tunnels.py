"""An HTTP proxy that makes tunnels."""

import asyncio
import contextlib

from tests.support.raw_server import RawPeer


class Tunnels:
    """A proxy's script: whatever host is asked for, the way leads to `port`."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def __call__(self, peer: RawPeer) -> None:
        request = await peer.request()
        assert request.method == "CONNECT"
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        await peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(_pipe(peer.reader, writer), _pipe(reader, peer.writer))


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
    finally:
        # Also when the proxy is ended in the middle: an open writer outlives its loop.
        writer.close()
