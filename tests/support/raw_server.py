"""A server whose every byte a test writes: what real upstreams do when they misbehave.

    async def script(peer: RawPeer) -> None:        # once per connection
        await peer.request()
        await peer.send(response(b"{}"))

    async with raw_server(script) as server:
        ... server.base_url, server.requests, server.connections ...

When the script returns, the connection is closed; `peer.reset()` resets it, `peer.closed()` waits
until the other side has closed. `raw_server_in_thread` is for blocking clients.
"""

import asyncio
import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RawRequest:
    """`head` is all up to the blank line, as sent; header names are in lower case."""

    head: bytes
    headers: dict[str, str]
    body: bytes

    @property
    def method(self) -> str:
        return self.head.split(b" ", 1)[0].decode()

    @property
    def target(self) -> str:
        return self.head.split(b" ", 2)[1].decode()


class PeerGone(Exception):
    """The client closed before the whole request was there, or the whole answer."""


@dataclass(slots=True)
class RawPeer:
    """The server's end of one connection; `number` counts connections from 0."""

    number: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    server: "RawServer"

    async def request(self) -> RawRequest:
        """Read one request.

        Raises:
            PeerGone: the client closed instead of asking.
        """
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
            headers: dict[str, str] = {}
            for line in head.decode("latin-1").split("\r\n")[1:-2]:
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise PeerGone from error
        request = RawRequest(head, headers, body)
        self.server.requests.append(request)
        return request

    async def send(self, data: bytes) -> None:
        """Send now: two calls are two packets, as far as a test can have it."""
        if self.writer.is_closing():
            raise PeerGone
        self.writer.write(data)
        await self.writer.drain()

    async def closed(self) -> None:
        """Wait until the client has closed its end, reading and dropping what it sends."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(65536):
                pass

    async def start_tls(self, context: ssl.SSLContext) -> None:
        """Go on under TLS, as an upstream behind a proxy's tunnel."""
        await self.writer.start_tls(context)

    def reset(self) -> None:
        """End the connection with a reset, not a goodbye."""
        handle: socket.socket = self.writer.get_extra_info("socket")
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Script = Callable[[RawPeer], Awaitable[None]]


@dataclass(slots=True)
class RawServer:
    """What happened: `connections` accepted, `ended` of them over, `requests` in order."""

    port: int = 0
    scheme: str = "http"
    connections: int = 0
    ended: int = 0
    requests: list[RawRequest] = field(default_factory=list[RawRequest])
    failures: list[BaseException] = field(default_factory=list[BaseException])

    @property
    def base_url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def open_connections(self) -> int:
        return self.connections - self.ended

    async def until_asked(self, count: int, timeout_s: float = 2.0) -> None:
        """Wait until `count` requests have been read; fails in time."""
        async with asyncio.timeout(timeout_s):
            while len(self.requests) < count:  # noqa: ASYNC110 - as below
                await asyncio.sleep(0.005)

    async def until_ended(self, count: int, timeout_s: float = 2.0) -> None:
        """Wait until `count` connections are over; fails in time."""
        async with asyncio.timeout(timeout_s):
            while self.ended < count:  # noqa: ASYNC110 - counted from another thread, too
                await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def raw_server(
    script: Script, *, context: ssl.SSLContext | None = None
) -> AsyncGenerator[RawServer, None]:
    """Serve in this loop; an exception in the script (but a vanished client) fails the test."""
    state = RawServer(scheme="http" if context is None else "https")
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = RawPeer(state.connections, reader, writer, state)
        state.connections += 1
        try:
            await script(peer)
        except (PeerGone, ConnectionError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError, TimeoutError):
                await writer.wait_closed()
            state.ended += 1

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(settle)

    def settle(task: asyncio.Task[None]) -> None:
        tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            state.failures.append(error)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context, limit=2**20)
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        server.close()
        running = tuple(tasks)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        # The transports of cancelled scripts close in the next turns of the loop.
        await asyncio.sleep(0)
    if state.failures:
        raise state.failures[0]


@contextlib.contextmanager
def raw_server_in_thread(script: Script) -> Generator[RawServer, None, None]:
    """Serve from a thread with a loop of its own."""
    ready = threading.Event()
    states: list[RawServer] = []
    stops: list[Callable[[], object]] = []

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        async with raw_server(script) as state:
            states.append(state)
            stops.append(lambda: loop.call_soon_threadsafe(stop.set))
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="raw-server")
    thread.start()
    try:
        if not ready.wait(10):
            raise TimeoutError("the server did not start")
        yield states[0]
    finally:
        for stop in stops:
            stop()
        thread.join(10)


def closed_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def response(
    body: bytes = b"{}",
    *,
    status: int = 200,
    content_type: str | None = "application/json",
    headers: tuple[tuple[str, str], ...] = (),
) -> bytes:
    """Return a whole, well-formed response with a content-length."""
    lines = [f"HTTP/1.1 {status} Whatever", f"content-length: {len(body)}"]
    if content_type is not None:
        lines.append(f"content-type: {content_type}")
    lines.extend(f"{name}: {value}" for name, value in headers)
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)
LAST_CHUNK = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """Return one chunk of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def stream(*events: bytes) -> bytes:
    """Return a whole chunked stream, a chunk for each `data:` event."""
    return STREAM_HEAD + b"".join(chunk(b"data: %s\n\n" % one) for one in events) + LAST_CHUNK
