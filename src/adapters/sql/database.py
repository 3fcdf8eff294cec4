"""A database as the stores see it: works in, values out, and errors told without their values.

What differs between SQLite and Postgres is in `sqlite.py` and `postgres.py`, and nowhere else.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias, TypeVar

from sqlalchemy import ColumnElement, Connection, Executable, Table
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ...domain.errors import StoreError
from .group_commit import GroupCommit, Rows

T = TypeVar("T")
Work: TypeAlias = Callable[[Connection], T]
"""Uses the connection it is lent and waits for nothing else. What it returns holds no cursor.

It may be run again after its transaction was rolled back, so it changes nothing outside.
"""


class Database(ABC):
    """Construction touches nothing; whoever starts it closes it.

    Whatever was begun is carried to its end, even if nobody waits for it any longer.
    """

    # How long a call waits for what it would rather keep than not; None: until it is kept.
    patience_s: float | None = None

    def __init__(self, where: str) -> None:
        self._where = where
        self._commits = GroupCommit(self._transact, self._told, self._concerns_all)

    @abstractmethod
    async def start(self) -> None:
        """Create the tables where they are missing.

        Raises:
            StoreError: the database cannot be opened or written.
            ConfigurationError: a newer modelmux has written it.
        """
        ...

    @abstractmethod
    async def aclose(self) -> None:
        """Write what waits, then stop. Idempotent."""
        ...

    async def read(self, work: Work[T], *, within_s: float | None = None) -> T:
        """Return what `work` reads; each of its statements sees all that is committed by then.

        Nobody waits longer than `within_s` for a server, where it is given.

        Raises:
            StoreError: whatever the database says no to.
        """
        try:
            return await self._look(work, within_s)
        except (SQLAlchemyError, OSError) as error:
            raise self._told(error) from error

    @abstractmethod
    async def write(self, work: Work[T], size_bytes: int = 0) -> T:
        """Return what `work` returns once what it wrote is on disk; nothing is if it raises.

        Raises:
            StoreError: whatever the database says no to.
        """
        ...

    async def insert(
        self, statement: Executable, rows: Sequence[Mapping[str, object]], size_bytes: int = 0
    ) -> None:
        """Return once `rows` are on disk, all of them; other callers' rows share the commit.

        Raises:
            StoreError: they could not be written, or too many wait already.
        """
        await self._commits.write(Rows(statement, rows), len(rows), size_bytes)

    @abstractmethod
    def upsert(self, table: Table, *, where: ColumnElement[bool] | None = None) -> Executable:
        """Return the statement that inserts a row, or replaces the one of the same primary key.

        A row that is there is replaced only `where` it satisfies the condition.
        """
        ...

    @abstractmethod
    async def _look(self, work: Work[T], within_s: float | None) -> T:
        """Run `work`, or raise TimeoutError; other errors are the library's."""
        ...

    @abstractmethod
    async def _transact(self, work: Work[T]) -> T:
        """Run `work` in a transaction of its own; errors are the library's."""
        ...

    @abstractmethod
    def _concerns_all(self, error: BaseException) -> bool:
        """Say whether the database is locked, full or gone, so that any write would fail."""
        ...

    def _told(self, error: BaseException) -> BaseException:
        """Return the error as callers may see it: the library's become StoreError."""
        if not isinstance(error, SQLAlchemyError | OSError):
            return error
        # The driver's words alone, and of those the first line: SQLAlchemy adds the statement with
        # its values, Postgres the values of the row.
        cause = error.orig if isinstance(error, DBAPIError) else error
        words = str(cause).partition("\n")[0] or type(cause).__name__
        return StoreError("The database does not answer.", detail=f"{self._where}: {words}")
