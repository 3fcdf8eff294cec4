"""Group commit: rows of many callers in one transaction, so that they share its cost.

A commit waits for the disk (half a millisecond and more); while one runs, the next gathers.
"""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sqlalchemy import Executable

from ...domain.errors import StoreError
from .database import Database

StoredRow: TypeAlias = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class _Waiting:
    rows: Sequence[StoredRow]
    done: asyncio.Future[None]


class GroupCommit:
    """Executes one statement with everybody's rows. Owns the writing task: start it, close it."""

    def __init__(
        self,
        database: Database,
        statement: Executable,
        *,
        max_batch: int = 256,
        max_waiting: int = 20_000,
    ) -> None:
        self._database = database
        self._statement = statement
        self._max_batch = max_batch
        self._max_waiting = max_waiting
        self._queue: deque[_Waiting] = deque()
        self._rows_waiting = 0
        self._wake = asyncio.Event()
        self._open = False
        self._writer: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._open = True
        self._writer = asyncio.create_task(self._write_all(), name="group-commit")

    async def aclose(self) -> None:
        """Write what waits, then stop. Idempotent."""
        self._open = False
        self._wake.set()
        writer, self._writer = self._writer, None
        if writer is not None:
            await writer

    async def write(self, rows: Sequence[StoredRow]) -> None:
        """Return once `rows` are on disk.

        Raises:
            StoreError: they could not be written, or too many wait already.
        """
        if not self._open:
            raise StoreError("The store is closed.")
        if self._rows_waiting + len(rows) > self._max_waiting:
            raise StoreError("The store cannot keep up.", detail=f"{self._rows_waiting} rows wait")
        done = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(rows, done))
        self._rows_waiting += len(rows)
        self._wake.set()
        await done

    async def _write_all(self) -> None:
        try:
            while self._open or self._queue:
                if not self._queue:
                    self._wake.clear()
                    await self._wake.wait()
                    continue
                await self._write_batch(self._next_batch())
        finally:
            # Only after a bug or a cancellation is anything left; nobody may wait for ever.
            self._open = False
            _fail(self._queue, StoreError("The store is closed."))

    def _next_batch(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        size = 0
        while self._queue and (not batch or size + len(self._queue[0].rows) <= self._max_batch):
            waiting = self._queue.popleft()
            self._rows_waiting -= len(waiting.rows)
            size += len(waiting.rows)
            batch.append(waiting)
        return batch

    async def _write_batch(self, batch: Sequence[_Waiting]) -> None:
        error: StoreError | None = StoreError("The store is closed.")
        try:
            async with self._database.transaction() as connection:
                await connection.execute(
                    self._statement, [row for waiting in batch for row in waiting.rows]
                )
            error = None
        except StoreError as failure:
            error = failure
        finally:
            if error is None:
                for waiting in batch:
                    if not waiting.done.done():
                        waiting.done.set_result(None)
            else:
                _fail(batch, error)


def _fail(batch: Sequence[_Waiting] | deque[_Waiting], error: StoreError) -> None:
    for waiting in batch:
        if not waiting.done.done():
            # One exception each: raising writes the traceback into it.
            waiting.done.set_exception(StoreError(error.message, detail=error.detail))
