"""A connection of SQLAlchemy's core, awaited.

`sqlalchemy.ext.asyncio` has the same, and imports the whole ORM for it: 10 MB and a tenth of a
second that nobody here uses.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

from sqlalchemy import Connection, CursorResult, Engine, Executable, ScalarResult
from sqlalchemy.util import greenlet_spawn

# Any: what columns hold; whoever asks knows.
Rows: TypeAlias = CursorResult[*tuple[Any, ...]]
Parameters: TypeAlias = Mapping[str, Any] | Sequence[Mapping[str, Any]]


class StoreConnection:
    """Lent by `begin`. Results are whole: reading them does not wait."""

    __slots__ = ("_inner",)

    def __init__(self, inner: Connection) -> None:
        self._inner = inner

    async def execute(self, statement: Executable, parameters: Parameters | None = None) -> Rows:
        return await greenlet_spawn(self._inner.execute, statement, parameters)

    async def scalar(self, statement: Executable) -> Any:  # Any: as Rows
        return await greenlet_spawn(self._inner.scalar, statement)

    async def scalars(self, statement: Executable) -> ScalarResult[Any]:  # Any: as Rows
        return await greenlet_spawn(self._inner.scalars, statement)

    async def exec_driver_sql(self, statement: str) -> Rows:
        return await greenlet_spawn(self._inner.exec_driver_sql, statement)

    async def run(self, work: Callable[[Connection], None]) -> None:
        """Call `work`, which waits for nothing but the connection it is given."""
        await greenlet_spawn(work, self._inner)


@asynccontextmanager
async def begin(engine: Engine) -> AsyncGenerator[StoreConnection, None]:
    """Lend a connection; commit at the end, roll back on an exception."""
    inner = await greenlet_spawn(engine.connect)
    try:
        yield StoreConnection(inner)
        await greenlet_spawn(inner.commit)
    finally:
        await _give_back(inner)


async def _give_back(inner: Connection) -> None:
    """Roll back what was not committed, and return only then, even if cancelled meanwhile.

    Otherwise the connection could come back to a pool that was closed before it.
    """
    closing = asyncio.create_task(greenlet_spawn(inner.close))
    cancelled: asyncio.CancelledError | None = None
    while not closing.done():
        try:
            await asyncio.shield(closing)
        except asyncio.CancelledError as error:
            cancelled = error
    closing.result()
    if cancelled is not None:
        raise cancelled
