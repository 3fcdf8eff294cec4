"""The load generator: a process of its own that drives connections and counts.

It reads one job as JSON on standard input and prints one result as JSON. It samples the CPU time
and memory of the process tree under test itself, at the edges of its own measured window.
"""

import asyncio
import gc
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, cast

import httptools
import uvloop

from .processes import cpu_s, rss_bytes, tree

_OWN_DELAY_S = 0.003


@dataclass(frozen=True)
class Job:
    """`kind` is `closed` (as fast as it goes), `paced` (`rate` a second) or `streams`.

    `headers` are whole lines, each with its end.
    """

    kind: str
    port: int
    path: str
    body: str
    key: str
    watch_pid: int
    connections: int
    seconds: float
    requests: int = 0
    rate: float = 0.0
    method: str = "POST"
    headers: str = ""


@dataclass
class Result:
    """What was seen; figures a kind does not measure stay 0 or empty."""

    requests: int = 0
    errors: int = 0
    chunks: int = 0
    wall_s: float = 0.0
    cpu_s: float = 0.0
    rss_growth: int = 0
    streams: int = 0
    latencies_us: list[int] = field(default_factory=list[int])
    note: str = ""


class Connection(asyncio.Protocol):
    """One kept-alive connection; `on_done` is called after each whole answer."""

    def __init__(self, on_done: Callable[["Connection"], None]) -> None:
        self._on_done = on_done
        self._parser = httptools.HttpResponseParser(self)
        self.chunks = 0
        self.failed = ""
        self.started = 0.0
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # cast: uvloop's transports do not inherit from asyncio's.
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        self.lost = True
        del self._parser

    def send(self, request: bytes) -> None:
        self.started = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_headers_complete(self) -> None:
        if self._parser.get_status_code() != 200:
            self.failed = f"status {self._parser.get_status_code()}"

    def on_body(self, body: bytes) -> None:
        if self.failed:
            self.failed = f"{self.failed}: {body[:300]!r}"
        self.chunks += body.count(b"data: {")

    def on_message_complete(self) -> None:
        self._on_done(self)


class Load:
    """Runs one job."""

    def __init__(self, job: Job) -> None:
        self._job = job
        body = job.body.encode()
        self._request = (
            f"{job.method} {job.path} HTTP/1.1\r\nhost: 127.0.0.1:{job.port}\r\n"
            f"authorization: Bearer {job.key}\r\ncontent-type: application/json\r\n"
            f"{job.headers}content-length: {len(body)}\r\n\r\n"
        ).encode() + body
        self._result = Result()
        self._pids = tree(job.watch_pid)
        self._loop = asyncio.get_running_loop()

    async def run(self) -> Result:
        kinds = {"closed": self._closed, "paced": self._paced, "streams": self._streams}
        await kinds[self._job.kind]()
        return self._result

    async def _connect(self, on_done: Callable[[Connection], None]) -> Connection:
        _, connection = await self._loop.create_connection(
            lambda: Connection(on_done), "127.0.0.1", self._job.port
        )
        return connection

    def _count(self, connection: Connection) -> None:
        self._result.requests += 1
        if connection.failed:
            self._result.errors += 1
            self._result.note = connection.failed
            connection.failed = ""

    async def _closed(self) -> None:
        """Keep every connection busy until the requests or the seconds are used up."""
        done = self._loop.create_future()
        idle = 0

        def next_request(connection: Connection) -> None:
            nonlocal idle
            self._count(connection)
            over = time.perf_counter() > deadline
            if self._result.requests + self._job.connections <= self._job.requests and not over:
                connection.send(self._request)
                return
            idle += 1
            if idle == len(connections):
                done.set_result(None)

        connections = [await self._connect(next_request) for _ in range(self._job.connections)]
        cpu, start = cpu_s(self._pids), time.perf_counter()
        deadline = start + self._job.seconds
        for connection in connections:
            connection.send(self._request)
        async with asyncio.timeout(self._job.seconds + 10):
            await done
        self._result.wall_s = time.perf_counter() - start
        self._result.cpu_s = cpu_s(self._pids) - cpu
        for connection in connections:
            connection.transport.abort()

    async def _paced(self) -> None:
        """Send at a steady rate whatever comes back; note how long each answer took."""
        free: list[Connection] = []

        def settle(connection: Connection) -> None:
            self._count(connection)
            self._result.latencies_us.append(
                round((time.perf_counter() - connection.started) * 1e6)
            )
            free.append(connection)

        free += [await self._connect(settle) for _ in range(self._job.connections)]
        start, sent = time.perf_counter(), 0
        cpu = cpu_s(self._pids)
        total = int(self._job.rate * self._job.seconds)
        while sent < total:
            due = start + sent / self._job.rate
            await asyncio.sleep(max(due - time.perf_counter(), 0))
            while sent < total and free:
                due, now = start + sent / self._job.rate, time.perf_counter()
                if due > now:
                    break
                connection = free.pop()
                connection.send(self._request)
                # The loop wakes by the millisecond, which is our own doing; but a request that
                # waited longer waited for a connection, and that is latency.
                connection.started = now if now - due < _OWN_DELAY_S else due
                sent += 1
            if time.perf_counter() - start > self._job.seconds + 5:
                self._result.note = "could not keep the rate"
                break
        for _ in range(500):
            if self._result.requests == sent:
                break
            await asyncio.sleep(0.01)
        self._result.errors += sent - self._result.requests
        self._result.wall_s = time.perf_counter() - start
        self._result.cpu_s = cpu_s(self._pids) - cpu

    async def _streams(self) -> None:
        """Open all streams, wait until each has begun, then count chunks for a while."""
        self._pids = tree(self._job.watch_pid)
        before = rss_bytes(self._pids)
        connections: list[Connection] = []
        for number in range(self._job.connections):
            connection = await self._connect(self._count)
            connection.send(self._request)
            connections.append(connection)
            if number % 20 == 19:
                await asyncio.sleep(0.02)
        ends = time.perf_counter() + 20
        while any(not connection.chunks for connection in connections):
            if time.perf_counter() > ends:
                break
            await asyncio.sleep(0.05)
        await asyncio.sleep(1)
        chunks = sum(connection.chunks for connection in connections)
        cpu, start = cpu_s(self._pids), time.perf_counter()
        await asyncio.sleep(self._job.seconds)
        self._result.chunks = sum(connection.chunks for connection in connections) - chunks
        self._result.cpu_s = cpu_s(self._pids) - cpu
        self._result.wall_s = time.perf_counter() - start
        self._result.rss_growth = rss_bytes(self._pids) - before
        self._result.streams = sum(
            1 for connection in connections if connection.chunks and not connection.lost
        )
        # A stream that ended or failed inside the window spoils the figure.
        self._result.errors += self._job.connections - self._result.streams
        self._result.errors += self._result.requests
        for connection in connections:
            connection.transport.abort()
        await asyncio.sleep(0.2)


async def main() -> None:
    job: dict[str, Any] = json.loads(sys.stdin.read())  # Any: checked by Job's constructor
    load = Load(Job(**job))
    gc.disable()
    result = await load.run()
    print(json.dumps(asdict(result)))


if __name__ == "__main__":
    uvloop.run(main())
