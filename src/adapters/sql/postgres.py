"""A Postgres database: how it is reached, and the only place that knows it is Postgres."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar
from urllib.parse import SplitResult, urlsplit

from sqlalchemy import ColumnElement, Connection, Executable, Table, create_engine
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.util import greenlet_spawn

from ...application.store_breaker import StoreBreaker
from ...domain.errors import ConfigurationError, StoreError
from ...domain.secret import Secret
from .database import Database, Work
from .schema import raise_schema

T = TypeVar("T")
_SCHEMA_LOCK = 0x6D6D_7801  # any number that nobody else takes: "mmx", 1
_CONNECT_TIMEOUT_S = 5.0
_COMMAND_TIMEOUT_S = 15.0
_LEAVE_S = 1.0
_READ_S = 3.0
_PATIENCE_S = 0.5
_SESSION = {
    "application_name": "modelmux",
    # The server's own default may lose the last commits with the power.
    "synchronous_commit": "on",
    # A process that was stopped in the middle keeps its rows locked no longer than this.
    "idle_in_transaction_session_timeout": "30s",
}


class PostgresDatabase(Database):
    """A database by its URL, `postgresql://user:password@host:port/name`, and a few connections.

    What else the URL may say (`sslmode`, socket folders, several hosts) is as libpq has it.
    With a `breaker`, which it then owns, nobody waits while the server is known to be gone.
    `busy_timeout_s` is how long it waits for another process that writes, `longest_s` how long a
    work may take in all.

    Raises:
        ConfigurationError: the URL is none; it is not told, for it holds a password.
    """

    def __init__(
        self,
        url: Secret,
        *,
        busy_timeout_s: float = 5.0,
        longest_s: float = 10.0,
        breaker: StoreBreaker | None = None,
    ) -> None:
        super().__init__(_place(url))
        self._breaker = breaker
        if breaker is not None:
            breaker.probe = self._ping
            self.patience_s = _PATIENCE_S
        self._longest_s = longest_s
        self._engine = create_engine(
            "postgresql+asyncpg://",
            connect_args={
                "dsn": url.reveal(),
                "timeout": _CONNECT_TIMEOUT_S,
                "command_timeout": _COMMAND_TIMEOUT_S,
                "server_settings": {
                    **_SESSION,
                    "lock_timeout": f"{round(busy_timeout_s * 1000)}ms",
                },
            },
            pool_size=6,
            max_overflow=6,
            pool_timeout=5.0,
            # A server that was started anew, or a proxy in between, has closed what is pooled.
            pool_pre_ping=True,
            hide_parameters=True,
        )
        # Reads need no transaction: two round trips less for each.
        self._reading = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        self._running: set[asyncio.Task[Any]] = set()  # Any: as many kinds as there are works
        self._closed = False

    async def start(self) -> None:
        try:
            await self._transact(_raise_schema_alone)
        except (SQLAlchemyError, OSError, ValueError) as error:
            if not _is_about_url(error):
                raise self._told(error) from error
        else:
            self._commits.start()
            return
        # Not from its cause: the driver quotes what it could not read, which may be a password.
        raise ConfigurationError(
            f"the database URL for {self._where} has an option that cannot be used",
            hint="its options, such as sslmode, are those of libpq's connection URIs",
        )

    async def aclose(self) -> None:
        await self._commits.aclose()
        self._closed = True
        if self._breaker is not None:
            await self._breaker.aclose()
        while self._running:
            await asyncio.wait(self._running)
        await greenlet_spawn(self._engine.dispose)

    # The size is nobody's concern: works wait for locks and answers, so each has a transaction of
    # its own, and Postgres groups commits itself.
    async def write(self, work: Work[T], size_bytes: int = 0) -> T:  # noqa: ARG002
        try:
            return await self._transact(work)
        except (SQLAlchemyError, OSError) as error:
            raise self._told(error) from error

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

    async def _look(self, work: Work[T], within_s: float | None) -> T:
        def whole() -> T:
            with self._reading.connect() as connection:
                return work(connection)

        breaker = self._breaker
        if breaker is None:
            async with asyncio.timeout(within_s):
                return await self._carry(greenlet_spawn(whole))
        try:
            async with breaker.asking(within_s or _READ_S):
                return await self._carry(greenlet_spawn(whole))
        except (SQLAlchemyError, OSError) as error:
            self._note(error)
            raise

    async def _transact(self, work: Work[T]) -> T:
        def whole() -> T:
            with self._engine.begin() as connection:
                return work(connection)

        if self._breaker is None:
            return await self._carry(greenlet_spawn(whole))
        try:
            # A write may wait for a lock, so it has all its time, unless nobody answers at all.
            async with self._breaker.asking(self._longest_s + _LEAVE_S):
                return await self._carry(greenlet_spawn(whole))
        except (SQLAlchemyError, OSError) as error:
            self._note(error)
            raise

    def _concerns_all(self, error: BaseException) -> bool:
        return isinstance(error, OperationalError | InterfaceError | OSError)

    def _note(self, error: BaseException) -> None:
        """Tell the breaker, if nobody else would reach the server either."""
        if self._breaker is None:
            return
        if isinstance(error, DBAPIError):
            if error.connection_invalidated or isinstance(error, InterfaceError):
                self._breaker.failed(OSError(f"{self._where}: {type(error).__name__}"))
        elif isinstance(error, PoolTimeout):
            self._breaker.failed(TimeoutError(f"{self._where}: no connection was free"))
        elif isinstance(error, OSError):
            self._breaker.failed(error)

    async def _ping(self) -> None:
        def select_one() -> None:
            with self._reading.connect() as connection:
                connection.exec_driver_sql("SELECT 1")

        try:
            await self._carry(greenlet_spawn(select_one))
        except SQLAlchemyError as error:
            raise StoreError("The database does not answer.", detail=str(type(error))) from error

    async def _carry(self, running: Coroutine[Any, Any, T]) -> T:
        """Run to the end, even if the caller is cancelled: a connection is never left halfway.

        What takes too long is given up, and its connection with it: the driver's own time limits
        wait for a server that was cut off.
        """
        if self._closed:
            running.close()
            raise OSError("it was closed")
        task = asyncio.ensure_future(running)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        loop = asyncio.get_running_loop()
        deadline = loop.call_later(self._longest_s, _give_up, task, loop)
        task.add_done_callback(lambda _: deadline.cancel())
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if not task.cancelled() or caller is None or caller.cancelling():
                raise
            raise TimeoutError("it did not answer in time") from None


# Any: as in `_running`
def _give_up(task: asyncio.Task[Any], loop: asyncio.AbstractEventLoop) -> None:
    """Cancel until it ends: the first time the driver asks the server's leave, and waits for it."""
    if not task.done():
        task.cancel()
        loop.call_later(_LEAVE_S, _give_up, task, loop)


def _raise_schema_alone(connection: Connection) -> None:
    # Two processes that start at once create the tables one after the other.
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_SCHEMA_LOCK})")
    raise_schema(connection)


def _place(url: Secret) -> str:
    """Return where the database is, without what nobody may read."""
    try:
        parts = urlsplit(url.reveal())
        if _is_whole(parts):
            return f"{parts.hostname or 'localhost'}:{parts.port or 5432}{parts.path}"
    except ValueError:
        pass
    raise ConfigurationError(
        "the database URL cannot be read",
        hint="write postgresql://user:password@host:5432/name; "
        "in user and password write %40 for @, %2F for /, %3A for :, %23 for #, %3F for ?",
    )


def _is_about_url(error: BaseException) -> bool:
    """Say whether the driver, before it dialled, could not make sense of what it was given."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return isinstance(cause, ValueError) or (
        cause is not None and isinstance(cause.__cause__, ValueError)
    )


def _is_whole(parts: SplitResult) -> bool:
    # An @ after the host was meant to end a password, which then would be shown as a host.
    beyond = parts.path + parts.query + parts.fragment
    return parts.scheme in ("postgresql", "postgres") and "@" not in beyond and not parts.fragment
