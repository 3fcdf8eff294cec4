"""The database file: how it is opened, and the only place that knows it is SQLite."""

import asyncio
import os
import sqlite3
import time
from pathlib import Path
from typing import TypeVar

from sqlalchemy import ColumnElement, Connection, Executable, Table
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from ...domain.errors import StoreError
from .database import Database, Work
from .lanes import Lanes
from .schema import raise_schema

T = TypeVar("T")
_READERS = 3


class SqliteDatabase(Database):
    """One SQLite file, for its owner's eyes only: several connections read, one writes.

    `busy_timeout_s` is how long it waits for another process that writes.
    """

    def __init__(self, path: Path, *, busy_timeout_s: float = 5.0) -> None:
        super().__init__(str(path))
        self._path = path
        self._busy_timeout_ms = round(busy_timeout_s * 1000)
        self._readers = Lanes(self._open_reader, _READERS)
        self._writer = Lanes(self._open, 1)

    async def start(self) -> None:
        try:
            await asyncio.to_thread(_prepare_file, self._path)
        except OSError as error:
            raise StoreError(
                "The database file cannot be opened.", detail=f"{self._path}: {error}"
            ) from error
        try:
            await self._writer.do(self._log_ahead)
            # Two processes that start at once create the tables one after the other.
            await self._transact(raise_schema)
        except (SQLAlchemyError, OSError) as error:
            raise self._told(error) from error
        self._commits.start()

    async def aclose(self) -> None:
        await self._commits.aclose()
        await self._writer.aclose()
        await self._readers.aclose()

    async def write(self, work: Work[T], size_bytes: int = 0) -> T:
        written: T = await self._commits.write(work, size_bytes=size_bytes)
        return written

    def upsert(self, table: Table, *, where: ColumnElement[bool] | None = None) -> Executable:
        statement = insert(table)
        values = {
            column.name: statement.excluded[column.name]
            for column in table.columns
            if not column.primary_key
        }
        return statement.on_conflict_do_update(
            index_elements=table.primary_key.columns, set_=values, where=where
        )

    # A file is on this machine: it is as busy as the caller, not somewhere else and silent.
    async def _look(self, work: Work[T], within_s: float | None) -> T:  # noqa: ARG002
        return await self._readers.do(work)

    async def _transact(self, work: Work[T]) -> T:
        def whole(connection: Connection) -> T:
            # At once, not with the first write: a transaction that read before somebody else
            # wrote could not write any more.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            result = work(connection)
            connection.commit()
            return result

        return await self._writer.do(whole)

    def _concerns_all(self, error: BaseException) -> bool:
        if isinstance(error, OperationalError) and isinstance(error.orig, sqlite3.Error):
            # The plain SQLITE_ERROR is about the statement: no such table.
            return error.orig.sqlite_errorcode != sqlite3.SQLITE_ERROR
        return isinstance(error, OSError)

    def _log_ahead(self, connection: Connection) -> None:
        """Have readers never wait for the writer: a lasting property of the file.

        SQLite's own patience does not hold for this change, which others may be about as well.
        """
        ends_at = time.monotonic() + self._busy_timeout_ms / 1000
        while True:
            try:
                connection.exec_driver_sql("PRAGMA journal_mode = WAL")
                connection.commit()
                return
            except OperationalError:
                connection.rollback()
                if time.monotonic() >= ends_at:
                    raise
            time.sleep(0.02)  # in the connection's own thread

    def _open_reader(self) -> sqlite3.Connection:
        connection = self._open()
        connection.execute("PRAGMA query_only = ON")
        return connection

    def _open(self) -> sqlite3.Connection:
        # No isolation level: transactions begin where `_transact` says so.
        connection = sqlite3.connect(
            self._path, timeout=self._busy_timeout_ms / 1000, isolation_level=None
        )
        connection.execute("PRAGMA synchronous = FULL")  # NORMAL may lose commits with the power
        connection.execute("PRAGMA foreign_keys = ON")
        # What was deleted is overwritten with zeros: 7 µs a response, and nothing for new ones.
        connection.execute("PRAGMA secure_delete = ON")
        return connection


def _prepare_file(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        # SQLite gives its journal files the mode of this one.
        os.chmod(path, 0o600)
    finally:
        os.close(descriptor)
