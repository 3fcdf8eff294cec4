"""`python -m tests.chaos.driving`: many clients, as a process of their own.

It reads one job as JSON on standard input and prints one result as JSON. Every call is told apart:
answered whole, refused with a status, or failed in a way that no server should let happen.
"""

import asyncio
import gc
import json
import os
import random
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any, cast

import httptools
import uvloop

_DONE = b"data: [DONE]"
_TAIL = 64


@dataclass(frozen=True)
class Drive:
    """`calls` are made by `clients` at once, or as many as `seconds` allow, whichever is first.

    `keep_alive`: a client keeps its connection. `rate` is how many calls begin in a second, whoever
    is still busy; 0: each client asks again once it was answered. `leave_within_s`: clients go away
    at a random moment before that. `hold`: all calls run at the same time, and a client asks once.
    `pause_s` is how long a client waits between two calls. A file called `stop` ends it all once it
    is there.
    """

    port: int
    body: str
    calls: int
    clients: int
    seconds: float
    path: str = "/v1/chat/completions"
    keep_alive: bool = True
    rate: float = 0.0
    leave_within_s: float = 0.0
    hold: bool = False
    stream: bool = False
    seed: int = 1
    pause_s: float = 0.0
    stop: str = ""


@dataclass
class Driven:
    """`failed` are calls without a whole answer, by what went wrong; times are milliseconds.

    `refused` are whole answers of another status than 200. `cut` are streams that ended without
    their end mark and without an error event, `told` those that ended with an error event.
    `late_ms` is how much later than they were due calls were sent, where they have a `rate`.
    """

    answered: int = 0
    refused: dict[str, int] = field(default_factory=dict[str, int])
    failed: dict[str, int] = field(default_factory=dict[str, int])
    cut: int = 0
    told: int = 0
    left: int = 0
    without_retry_after: int = 0
    wall_s: float = 0.0
    latencies_ms: list[float] = field(default_factory=list[float])
    refusals_ms: list[float] = field(default_factory=list[float])
    late_ms: list[float] = field(default_factory=list[float])
    longest_gap_s: float = 0.0

    @property
    def asked(self) -> int:
        return self.answered + sum(self.refused.values()) + sum(self.failed.values()) + self.left


class _Client(asyncio.Protocol):
    """One connection, one call at a time."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._tail = b""
        self._whole: asyncio.Future[None] | None = None
        self.transport: asyncio.Transport | None = None
        self.status = 0
        self.retry_after = False
        self.close = False
        self.lost = False
        self.began = False
        self.error_told = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # cast: uvloop's transports do not inherit from asyncio's.
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        if self._whole is not None and not self._whole.done():
            told = "reset" if exc is not None else "closed"
            when = "within the answer" if self.began else "before the answer"
            self._whole.set_exception(ConnectionError(f"{told} {when}"))

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            if self._whole is not None and not self._whole.done():
                self._whole.set_exception(ConnectionError(f"not HTTP: {type(error).__name__}"))

    def on_message_begin(self) -> None:
        self.began = True

    def on_header(self, name: bytes, value: bytes) -> None:
        lower = name.lower()
        if lower == b"connection" and value.lower() == b"close":
            self.close = True
        elif lower == b"retry-after":
            self.retry_after = True

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        self._tail = (self._tail + body)[-_TAIL:]
        if b'data: {"error"' in body or b"event: error" in body:
            self.error_told = True

    def on_message_complete(self) -> None:
        if self._whole is not None and not self._whole.done():
            self._whole.set_result(None)

    async def ask(self, request: bytes) -> bytes:
        """Send, and return the end of the body once all of it is there."""
        self._whole = self.loop.create_future()
        self._tail = b""
        self.status, self.began, self.retry_after, self.error_told = 0, False, False, False
        assert self.transport is not None
        self.transport.write(request)
        await self._whole
        return self._tail


class _Crowd:
    def __init__(self, drive: Drive) -> None:
        self._drive = drive
        self._random = random.Random(drive.seed)
        body = drive.body.encode()
        kept = "keep-alive" if drive.keep_alive else "close"
        self._request = (
            f"POST {drive.path} HTTP/1.1\r\nhost: 127.0.0.1:{drive.port}\r\nconnection: {kept}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        ).encode() + body
        self._result = Driven()
        self._refused: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()
        self._begun = 0
        self._deadline = 0.0

    async def run(self) -> Driven:
        drive = self._drive
        start = time.perf_counter()
        self._deadline = start + drive.seconds
        if drive.rate:
            await self._paced(start)
        else:
            await asyncio.gather(*(self._client(number) for number in range(drive.clients)))
        self._result.wall_s = time.perf_counter() - start
        self._result.refused, self._result.failed = dict(self._refused), dict(self._failed)
        return self._result

    async def _client(self, number: int) -> None:
        if self._drive.hold:
            await asyncio.sleep(number * 0.0006)  # a backlog is not what is tested
        client: _Client | None = None
        while self._begun < self._drive.calls and not self._over():
            self._begun += 1
            client = await self._call(client, time.perf_counter())
            if self._drive.hold:
                break
            if self._drive.pause_s:
                await asyncio.sleep(self._drive.pause_s)
        if client is not None and client.transport is not None:
            client.transport.close()

    def _over(self) -> bool:
        stop = self._drive.stop
        return time.perf_counter() > self._deadline or (bool(stop) and os.path.exists(stop))

    async def _paced(self, start: float) -> None:
        running: set[asyncio.Task[None]] = set()
        free: list[_Client] = []

        async def one(due: float) -> None:
            client = free.pop() if free else None
            client = await self._call(client, due)
            if client is not None:
                free.append(client)

        while self._begun < self._drive.calls and time.perf_counter() < self._deadline:
            due = start + self._begun / self._drive.rate
            await asyncio.sleep(max(due - time.perf_counter(), 0))
            while self._begun < self._drive.calls:
                due = start + self._begun / self._drive.rate
                if due > time.perf_counter():
                    break
                self._begun += 1
                task = asyncio.create_task(one(due))
                running.add(task)
                task.add_done_callback(running.discard)
        if running:
            await asyncio.wait(running, timeout=30)
        for client in free:
            if client.transport is not None:
                client.transport.close()

    async def _call(self, client: _Client | None, due: float) -> _Client | None:
        """Make one call; return the connection if it may be used again."""
        drive, result = self._drive, self._result
        try:
            async with asyncio.timeout(max(drive.seconds, 10) + 30):
                if client is None or client.lost:
                    _, client = await asyncio.get_running_loop().create_connection(
                        _Client, "127.0.0.1", drive.port
                    )
                if drive.leave_within_s:
                    await self._leave(client)
                    return None
                if drive.rate:
                    result.late_ms.append(round((time.perf_counter() - due) * 1000, 2))
                tail = await client.ask(self._request)
        except (OSError, TimeoutError) as error:
            self._failed[f"{type(error).__name__}: {error}"[:80]] += 1
            return None
        taken_ms = round((time.perf_counter() - due) * 1000, 2)
        if client.status != 200:
            self._refused[str(client.status)] += 1
            result.refusals_ms.append(taken_ms)
            result.without_retry_after += not client.retry_after
        elif drive.stream and _DONE not in tail:
            result.told += client.error_told
            result.cut += not client.error_told
            self._failed["a stream without its end"] += 1
        else:
            result.answered += 1
            result.latencies_ms.append(taken_ms)
        if client.close or not drive.keep_alive:
            if client.transport is not None:
                client.transport.close()
            return None
        return client

    async def _leave(self, client: _Client) -> None:
        """Go away at some moment, politely or not."""
        asking = asyncio.ensure_future(client.ask(self._request))
        await asyncio.wait((asking,), timeout=self._random.uniform(0, self._drive.leave_within_s))
        assert client.transport is not None
        if self._random.random() < 0.5:
            client.transport.abort()
        else:
            client.transport.close()
        await asyncio.wait((asking,), timeout=1)
        if asking.done() and not asking.cancelled():
            asking.exception()
        else:
            asking.cancel()
        self._result.left += 1


async def main() -> None:
    job: dict[str, Any] = json.loads(sys.stdin.read())  # Any: checked by Drive's constructor
    crowd = _Crowd(Drive(**job))
    gc.freeze()
    sys.stdout.write(json.dumps(asdict(await crowd.run())))


if __name__ == "__main__":
    uvloop.run(main())
