"""The database file: how it is opened, and the only place that knows it is SQLite."""

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Executable, Table, create_engine, event
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.util import greenlet_spawn

from ...domain.errors import StoreError
from .connection import StoreConnection, begin
from .schema import raise_schema

_BUSY_TIMEOUT_MS = 5000


class Database:
    """One SQLite file, for its owner's eyes only. Construction touches nothing; `start` does."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._engine = create_engine(
            f"sqlite+aiosqlite:///{path}", pool_size=4, max_overflow=4, pool_timeout=5.0
        )
        event.listen(self._engine, "connect", _set_up_connection)

    async def start(self) -> None:
        """Create the file and its tables where they are missing.

        Raises:
            StoreError: the file cannot be opened or written.
            ConfigurationError: a newer modelmux has written it.
        """
        try:
            await asyncio.to_thread(_prepare_file, self._path)
        except OSError as error:
            raise StoreError(
                "The database file cannot be opened.", detail=f"{self._path}: {error}"
            ) from error
        async with self.transaction() as connection:
            # A lasting property of the file; readers then never wait for the writer.
            await connection.exec_driver_sql("PRAGMA journal_mode = WAL")
            # Two processes that start at once create the tables one after the other.
            await connection.exec_driver_sql("BEGIN IMMEDIATE")
            await connection.run(raise_schema)

    async def aclose(self) -> None:
        await greenlet_spawn(self._engine.dispose)

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[StoreConnection, None]:
        """Lend a connection; commit at the end, roll back on an exception.

        Raises:
            StoreError: whatever the database says no to.
        """
        try:
            async with begin(self._engine) as connection:
                yield connection
        except (SQLAlchemyError, OSError) as error:
            # The driver's words alone: SQLAlchemy adds the statement with its values.
            cause = error.orig if isinstance(error, DBAPIError) else error
            raise StoreError(
                "The database does not answer.", detail=f"{self._path}: {cause}"
            ) from error


def upsert(table: Table) -> Executable:
    """Return the statement that inserts a row, or replaces the one of the same primary key."""
    statement = insert(table)
    values = {
        column.name: statement.excluded[column.name]
        for column in table.columns
        if not column.primary_key
    }
    return statement.on_conflict_do_update(index_elements=table.primary_key.columns, set_=values)


def _set_up_connection(connection: Any, _record: object) -> None:  # Any: SQLAlchemy's own wrapper
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA synchronous = FULL")  # NORMAL may lose the last commits with the power
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _prepare_file(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        # SQLite gives its journal files the mode of this one.
        os.chmod(path, 0o600)
    finally:
        os.close(descriptor)
