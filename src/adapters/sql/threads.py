"""Threads that do whole works on connections of their own.

Going to a thread and back costs some 40 us of CPU, ten times what SQLite needs for a row. A driver
that goes there for each statement, commit and reset, as the asynchronous ones do, goes six times.
"""

import asyncio
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeAlias, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")
# Any: what a job returns is its caller's business.
_Job: TypeAlias = tuple[Callable[[Connection], Any], asyncio.Future[Any], asyncio.AbstractEventLoop]


class ConnectionThreads:
    """Up to `count` threads, begun when there is work for them. Used from one event loop.

    Each connects for its first job, and anew after a job that broke its connection.
    """

    def __init__(self, connect: Callable[[], Connection], count: int, name: str) -> None:
        self._connect = connect
        self._count = count
        self._name = name
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._threads: list[Thread] = []
        self._in_flight = 0
        self._closed = False

    async def run(self, job: Callable[[Connection], T]) -> T:
        """Return what `job` returns; it is carried to its end even if the caller is cancelled."""
        if self._closed:
            raise OSError("it was closed")
        self._in_flight += 1
        if self._in_flight > len(self._threads) < self._count:
            self._begin_thread()
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        self._jobs.put((job, done, loop))
        return await done

    async def aclose(self) -> None:
        """Finish what was asked for, close the connections, end the threads. Idempotent."""
        self._closed = True
        threads, self._threads = self._threads, []
        for _ in threads:
            self._jobs.put(None)
        for thread in threads:
            await asyncio.to_thread(thread.join)

    def _begin_thread(self) -> None:
        number = len(self._threads) + 1
        thread = Thread(target=self._work, name=f"{self._name}-{number}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        connection: Connection | None = None
        while (job := self._jobs.get()) is not None:
            work, done, loop = job
            try:
                if connection is None:
                    connection = self._connect()
                result = work(connection)
            # Whatever it is, it is for who asked: this thread stands between, and goes on.
            except BaseException as error:  # noqa: BLE001
                connection = _mended(connection)
                loop.call_soon_threadsafe(self._fail, done, error)
            else:
                loop.call_soon_threadsafe(self._finish, done, result)
            # Nothing of the last caller's is held while this thread waits for the next.
            del job, work, done, loop
            result = None
        if connection is not None:
            connection.close()

    def _finish(self, done: asyncio.Future[Any], result: Any) -> None:  # Any: see _Job
        self._in_flight -= 1
        if not done.done():
            done.set_result(result)

    def _fail(self, done: asyncio.Future[Any], error: BaseException) -> None:  # Any: see _Job
        self._in_flight -= 1
        if not done.done():
            done.set_exception(error)


def _mended(connection: Connection | None) -> Connection | None:
    """Return the connection without the transaction that failed, None if it is of no more use."""
    if connection is None:
        return None
    try:
        connection.rollback()
    # A connection that cannot even roll back is left to the next one's making.
    except Exception:  # noqa: BLE001
        connection.invalidate()
        connection.close()
        return None
    return connection
