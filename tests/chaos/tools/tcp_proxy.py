"""A TCP proxy that behaves badly when told to: between the gateway and whatever it calls.

    with tcp_proxy(upstream_port) as proxy:
        ... proxy.port ...
        proxy.freeze()          # accepts and says nothing; open connections fall silent
        proxy.thaw()            # what was held back goes on
        proxy.cut(reset=True)   # every open connection, now
        proxy.refuse()          # nobody listens any more
        proxy.listen()
        proxy.delay_s = 0.1     # for each piece, either way
        proxy.bytes_per_s = 1e4
        proxy.halve()           # the next piece of each answer is cut in its middle

It runs in a thread with a loop of its own; each of these may be called at any time.
"""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from typing import Any

_PIECE_BYTES = 65536


class TcpProxy:
    """`accepted` connections in all, and `open` ones now."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.port = 0
        self.accepted = 0
        self.delay_s = 0.0
        self.bytes_per_s = 0.0
        self._to = (host, port)
        self._halving = False
        self._pairs: set[_Pair] = set()
        self._loop = asyncio.new_event_loop()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._server: asyncio.Server | None = None

    @property
    def open(self) -> int:
        return len(self._pairs)

    def freeze(self) -> None:
        """Accept and say nothing; what is on its way is held back."""
        self._now(self._flowing.clear)

    def thaw(self) -> None:
        self._now(self._flowing.set)

    def cut(self, *, reset: bool = False) -> None:
        """End every open connection: with a reset, or with a goodbye."""

        def end() -> None:
            for pair in tuple(self._pairs):
                pair.end(reset=reset)

        self._now(end)

    def halve(self) -> None:
        """Pass on one half of the next piece of each answer, and then hang up."""
        self._halving = True

    def heal(self) -> None:
        """Undo all that was switched on, but `refuse`."""
        self._halving = False
        self.delay_s = self.bytes_per_s = 0.0
        self.thaw()

    def refuse(self) -> None:
        """Close the port: who calls is refused. Open connections stay."""
        self._wait_for(self._close())

    def listen(self) -> None:
        """Open the port, the same as before."""
        self._wait_for(self._listen())

    def run(self) -> None:
        """Run the loop, in the thread that is its own, until `stop`."""
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.run_until_complete(self._end())
        self._loop.close()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _now(self, do: Callable[[], object]) -> None:
        async def done() -> None:
            do()

        self._wait_for(done())

    def _wait_for(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _end(self) -> None:
        await self._close()
        for pair in tuple(self._pairs):
            pair.end(reset=False)
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        pair = _Pair(writer)
        self._pairs.add(pair)
        try:
            await self._flowing.wait()
            there, back = await asyncio.open_connection(*self._to)
            pair.writers.append(back)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, back, answers=False))
                group.create_task(self._pump(there, writer, answers=True))
        except* (ConnectionError, OSError):
            pass
        finally:
            pair.end(reset=False)
            self._pairs.discard(pair)

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, answers: bool
    ) -> None:
        while data := await source.read(_PIECE_BYTES):
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            if self.bytes_per_s:
                await asyncio.sleep(len(data) / self.bytes_per_s)
            await self._flowing.wait()
            if answers and self._halving:
                sink.write(data[: len(data) // 2])
                await sink.drain()
                raise ConnectionResetError
            sink.write(data)
            await sink.drain()
        await self._flowing.wait()
        # Either side's end is the end of both: nobody here keeps half a connection.
        raise ConnectionResetError


class _Pair:
    """The two ends of one connection, or its first."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writers = [writer]

    def end(self, *, reset: bool) -> None:
        for writer in self.writers:
            if reset:
                handle: socket.socket = writer.get_extra_info("socket")
                with contextlib.suppress(OSError):
                    handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
            else:
                writer.close()


@contextmanager
def tcp_proxy(port: int, host: str = "127.0.0.1") -> Generator[TcpProxy]:
    """Stand before what listens there until the block ends."""
    proxy = TcpProxy(port, host)
    thread = threading.Thread(target=proxy.run, name="tcp-proxy")
    thread.start()
    try:
        proxy.listen()
        yield proxy
    finally:
        proxy.stop()
        thread.join(10)
