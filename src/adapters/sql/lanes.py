"""Connections of aiosqlite that do whole works, each in one trip to its thread.

A trip costs 15 to 20 us of CPU, and several times that where two cores contend for the
interpreter: more than SQLite needs for a row. Statement by statement a work takes four and more.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from typing import TypeVar

import aiosqlite
from sqlalchemy import Connection, StaticPool, create_engine

T = TypeVar("T")
Open = Callable[[], sqlite3.Connection]


class _Lane(aiosqlite.Connection):
    """A connection, its thread, and SQLAlchemy's view of it, which lives in that thread."""

    def __init__(self, connect: Open) -> None:
        super().__init__(connect, iter_chunk_size=64)
        self._thread.daemon = True  # it must not keep a process alive that is on its way out
        self._engine = create_engine(
            "sqlite://", creator=lambda: self._conn, poolclass=StaticPool, hide_parameters=True
        )
        self._view: Connection | None = None
        self.in_flight = 0
        self.broken = False

    async def do(self, work: Callable[[Connection], T]) -> T:
        """Return what `work` returns; it is carried to its end even if the caller is cancelled."""
        self.in_flight += 1
        try:
            # The method that all others of the class go through; aiosqlite leaves it untyped.
            result: T = await self._execute(self._whole, work)  # type: ignore[no-untyped-call]
        finally:
            self.in_flight -= 1
        return result

    async def ended(self) -> None:
        """Return once the thread of a connection that was not made is gone."""
        await asyncio.to_thread(self._thread.join)

    def _whole(self, work: Callable[[Connection], T]) -> T:
        if self._view is None:
            self._view = self._engine.connect()
        try:
            return work(self._view)
        except BaseException:
            self._undo(self._view)
            raise

    def _undo(self, view: Connection) -> None:
        try:
            view.rollback()
        # Whatever it is: what the work failed with is told, and this connection is used no more.
        except Exception:  # noqa: BLE001
            self.broken = True


class Lanes:
    """Up to `count` connections, opened when there is work for them. Used from one event loop."""

    def __init__(self, connect: Open, count: int) -> None:
        self._connect = connect
        self._count = count
        self._lanes: list[_Lane] = []
        self._opening = asyncio.Lock()
        self._closed = False

    async def do(self, work: Callable[[Connection], T]) -> T:
        """Return what `work` returns, on the connection that has least to do."""
        if self._closed:
            raise OSError("it was closed")
        lane = min(self._lanes, key=lambda one: one.in_flight, default=None)
        if lane is None or (lane.in_flight and len(self._lanes) < self._count):
            lane = await self._another()
        try:
            return await lane.do(work)
        finally:
            if lane.broken:
                await self._give_up(lane)

    async def aclose(self) -> None:
        """Finish what was asked for, then close. Idempotent."""
        self._closed = True
        async with self._opening:
            lanes, self._lanes = self._lanes, []
            for lane in lanes:
                await lane.close()

    async def _give_up(self, lane: _Lane) -> None:
        if lane in self._lanes:
            self._lanes.remove(lane)
            await lane.close()

    async def _another(self) -> _Lane:
        async with self._opening:
            if self._closed:
                raise OSError("it was closed")
            if len(self._lanes) < self._count:
                try:
                    self._lanes.append(await _opened(self._connect))
                except sqlite3.Error as error:
                    raise OSError(str(error)) from error
            return min(self._lanes, key=lambda one: one.in_flight)


async def _opened(connect: Open) -> _Lane:
    lane = _Lane(connect)
    try:
        await lane
    except sqlite3.Error:
        await lane.ended()
        raise
    return lane
