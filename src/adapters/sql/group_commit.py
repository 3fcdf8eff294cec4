"""Group commit: what many callers write in one transaction, so that they share its cost.

A commit waits for the disk (half a millisecond and more); while one runs, the next gathers.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, TypeVar

from sqlalchemy import Connection, Executable

from ...domain.errors import StoreError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows for one statement, which neither fails nor tells anything because of other rows."""

    statement: Executable
    rows: Sequence[Mapping[str, object]]


# Any: what a work returns is its caller's business.
Unit: TypeAlias = Rows | Callable[[Connection], Any]


class Transact(Protocol):
    def __call__(self, work: Callable[[Connection], T], /) -> Coroutine[Any, Any, T]: ...


@dataclass(frozen=True, slots=True)
class _Waiting:
    unit: Unit
    rows: int
    size_bytes: int
    done: asyncio.Future[Any]


class GroupCommit:
    """Owns the writing task: start it, close it.

    `transact` runs a function in a transaction of its own; `told` makes of its error what callers
    are to see; `concerns_all` says of an error whether it would be the same for any unit. If not,
    the unit fails alone: its neighbours are then committed one by one.
    """

    def __init__(
        self,
        transact: Transact,
        told: Callable[[BaseException], BaseException],
        concerns_all: Callable[[BaseException], bool],
        *,
        max_batch: int = 256,
        max_batch_bytes: int = 8 * 2**20,
        max_waiting: int = 20_000,
        max_waiting_bytes: int = 128 * 2**20,
    ) -> None:
        self._transact = transact
        self._told = told
        self._concerns_all = concerns_all
        self._max_batch = max_batch
        self._max_batch_bytes = max_batch_bytes
        self._max_waiting = max_waiting
        self._max_waiting_bytes = max_waiting_bytes
        self._queue: deque[_Waiting] = deque()
        self._rows_waiting = 0
        self._bytes_waiting = 0
        self._wake = asyncio.Event()
        self._open = False
        self._writer: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._open = True
        self._writer = asyncio.create_task(self._write_all(), name="group-commit")

    async def aclose(self) -> None:
        """Write what waits, then stop. Idempotent."""
        self._open = False
        self._wake.set()
        writer, self._writer = self._writer, None
        if writer is not None:
            await writer

    async def write(self, unit: Unit, rows: int = 1, size_bytes: int = 0) -> Any:  # Any: see Unit
        """Return once `unit` is on disk, what it returned if it is a function.

        Raises:
            StoreError: it could not be written, or too much waits already.
        """
        if not self._open:
            raise StoreError("The store is closed.")
        if (
            self._rows_waiting + rows > self._max_waiting
            or self._bytes_waiting + size_bytes > self._max_waiting_bytes
        ):
            raise StoreError(
                "The store cannot keep up.",
                detail=f"{self._rows_waiting} rows wait, {self._bytes_waiting} bytes",
            )
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(unit, rows, size_bytes, done))
        self._rows_waiting += rows
        self._bytes_waiting += size_bytes
        self._wake.set()
        return await done

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
            for waiting in self._queue:
                _fail(waiting, StoreError("The store is closed."))

    def _next_batch(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        rows = size = 0
        while self._queue:
            waiting = self._queue[0]
            rows += waiting.rows
            size += waiting.size_bytes
            if batch and (rows > self._max_batch or size > self._max_batch_bytes):
                break
            batch.append(self._queue.popleft())
            self._rows_waiting -= waiting.rows
            self._bytes_waiting -= waiting.size_bytes
        return batch

    async def _write_batch(self, batch: Sequence[_Waiting]) -> None:
        units = [waiting.unit for waiting in batch]
        # A task of its own holds whatever was raised, without anything being caught here.
        writing = asyncio.create_task(self._transact(lambda connection: _run(connection, units)))
        try:
            await asyncio.wait((writing,))
        finally:
            if not writing.done():
                for waiting in batch:
                    _fail(waiting, StoreError("The store is closed."))
        error = writing.exception()
        if error is None:
            for waiting, result in zip(batch, writing.result(), strict=True):
                if not waiting.done.done():
                    waiting.done.set_result(result)
        elif len(batch) > 1 and not self._concerns_all(error):
            for waiting in batch:
                await self._write_batch((waiting,))
        else:
            for waiting in batch:
                _fail(waiting, self._told(error))


def _run(connection: Connection, units: Sequence[Unit]) -> list[Any]:
    """Execute each statement once, with everybody's rows; then what has to look first, in turn."""
    gathered: dict[int, tuple[Executable, list[Mapping[str, object]]]] = {}
    for unit in units:
        if isinstance(unit, Rows):
            _, rows = gathered.setdefault(id(unit.statement), (unit.statement, []))
            rows.extend(unit.rows)
    for statement, rows in gathered.values():
        connection.execute(statement, rows)
    return [None if isinstance(unit, Rows) else unit(connection) for unit in units]


def _fail(waiting: _Waiting, error: BaseException) -> None:
    if not waiting.done.done():
        waiting.done.set_exception(error)
