"""Databases that are full, locked, gone, or not what the configuration says."""

import asyncio
import os
import sqlite3
import time
import traceback
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection
from sqlalchemy.util.concurrency import await_

from modelmux.adapters.sql.database import Database
from modelmux.adapters.sql.leases import SqlLeases
from modelmux.adapters.sql.postgres import PostgresDatabase
from modelmux.adapters.sql.sqlite import SqliteDatabase
from modelmux.adapters.sql.state_store import SqlStateStore
from modelmux.adapters.system.clock import SystemClock
from modelmux.application.ports import Appended, LeaseKey
from modelmux.domain.errors import ConfigurationError, ModelmuxError, StoreError
from modelmux.domain.secret import Secret
from tests.support.databases import run_sql
from tests.support.servers import own_postgres
from tests.support.state_samples import conversation, kept, record


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "modelmux.db"


@pytest.fixture
async def sqlite(path: Path) -> AsyncIterator[SqliteDatabase]:
    database = SqliteDatabase(path, busy_timeout_s=0.3)
    await database.start()
    yield database
    await database.aclose()


def store_on(database: Database) -> SqlStateStore:
    return SqlStateStore(database, SystemClock())


async def test_on_a_full_disk_writes_fail_reads_go_on_and_room_mends_it(
    sqlite: SqliteDatabase,
) -> None:
    store = store_on(sqlite)
    await store.add_conversation(conversation("conv_1"), [])
    await store.add(record("resp_0"))
    pages = await sqlite.read(lambda it: it.exec_driver_sql("PRAGMA page_count").scalar_one())
    await run_sql(sqlite, f"PRAGMA max_page_count = {pages + 5}")
    added: list[str] = []

    async def fill() -> None:
        for number in range(1, 100):
            text = f"{number}" * 3000
            appended = Appended("conv_1", (kept(f"msg_{number}", text),))
            await store.add(record(f"resp_{number}", text=text), appended)
            added.append(f"resp_{number}")

    with pytest.raises(StoreError) as raised:
        await fill()
    assert "full" in (raised.value.detail or "")
    with pytest.raises(StoreError):
        await asyncio.gather(*(store.add(record(f"resp_x{n}", text="x" * 9000)) for n in range(5)))
    assert added
    for id_ in added:
        assert await store.find("acme", id_) is not None
    assert await store.find("acme", f"resp_{len(added) + 1}") is None
    assert len(await store.items("acme", "conv_1") or ()) == len(added)
    await run_sql(sqlite, f"PRAGMA max_page_count = {pages + 10_000}")
    await store.ping()
    await store.add(record("resp_after", text="x" * 50_000))
    assert await store.find("acme", "resp_after") is not None


async def test_without_any_room_a_ping_fails(sqlite: SqliteDatabase, path: Path) -> None:
    other = sqlite3.connect(path)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError):
        await store_on(sqlite).ping()
    other.rollback()
    other.close()
    await store_on(sqlite).ping()


async def test_while_another_process_writes_writers_give_up_in_time_and_readers_go_on(
    sqlite: SqliteDatabase, path: Path
) -> None:
    store, leases = store_on(sqlite), SqlLeases(sqlite, SystemClock())
    await store.add(record("resp_0"))
    other = sqlite3.connect(path)
    other.execute("BEGIN IMMEDIATE")
    started = time.monotonic()
    writes = asyncio.gather(
        *(store.add(record(f"resp_{n}")) for n in range(1, 20)),
        leases.take(LeaseKey("acme", "conv_1"), "one", 60.0),
        return_exceptions=True,
    )
    for _ in range(20):
        assert await store.find("acme", "resp_0") == record("resp_0")
    assert time.monotonic() - started < 0.3
    outcomes = await writes
    assert time.monotonic() - started < 2.0
    assert {type(one) for one in outcomes} == {StoreError}
    other.rollback()
    other.close()
    await store.add(record("resp_1"))
    assert await leases.take(LeaseKey("acme", "conv_1"), "one", 60.0)


async def test_a_database_file_that_was_damaged_is_a_store_error(path: Path) -> None:
    database = SqliteDatabase(path)
    await database.start()
    for number in range(200):
        await store_on(database).add(record(f"resp_{number}", text="x" * 500))
    await database.aclose()
    size = os.stat(path).st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))
    again = SqliteDatabase(path)
    with pytest.raises(StoreError, match="does not answer"):
        await again.start()
    with pytest.raises(StoreError, match="does not answer"):
        await store_on(again).find("acme", "resp_7")
    await again.aclose()


# Postgres


async def test_a_server_that_was_started_anew_is_found_again() -> None:
    with own_postgres() as server:
        database = PostgresDatabase(Secret(server.url))
        await database.start()
        store = store_on(database)
        await asyncio.gather(*(store.add(record(f"resp_{n}")) for n in range(20)))
        server.stop()
        for _ in range(3):
            with pytest.raises(StoreError):
                await store.add(record("resp_lost"))
            with pytest.raises(StoreError):
                await store.find("acme", "resp_1")
            with pytest.raises(StoreError):
                await store.ping()
        server.start()
        await store.ping()
        await asyncio.gather(*(store.add(record(f"resp_{n}")) for n in range(20, 40)))
        assert await store.find("acme", "resp_1") == record("resp_1")
        await database.aclose()


async def test_rows_locked_by_another_are_waited_for_no_longer_than_said(
    database: PostgresDatabase, postgres_url: str
) -> None:
    waiting = PostgresDatabase(Secret(postgres_url), busy_timeout_s=0.2)
    await waiting.start()
    store = store_on(waiting)
    await store.add_conversation(conversation("conv_1"), [])
    loop, locked, done = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        locked.set()
        await done.wait()

    def lock(connection: Connection) -> None:
        connection.exec_driver_sql("SELECT 1 FROM conversations FOR UPDATE")
        await_(hold())

    holding = asyncio.create_task(database.write(lock))
    await locked.wait()
    started = loop.time()
    with pytest.raises(StoreError):
        await store.append("acme", "conv_1", [kept("msg_1")])
    assert loop.time() - started < 2.0
    assert await store.items("acme", "conv_1") == []
    done.set()
    await holding
    assert await store.append("acme", "conv_1", [kept("msg_1")])
    await waiting.aclose()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:p4ss@word@/na@me",
        "postgresql://user:p4ss#word@localhost/name",
        "postgresql://user:1234#word@localhost/name",
        "postgresql://user:1234?word@localhost/name",
        "postgresql://user:1234/word@localhost/name",
        "postgresql://user:p4ss/word@localhost/name",
        "postgresql://[p4ss",
        "mysql://user:p4ss@localhost/name",
        "p4ss",
        "",
    ],
)
async def test_an_address_that_is_none_is_refused_without_being_told(url: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        PostgresDatabase(Secret(url))
    told = f"{raised.value!r} {raised.value.hint}"
    assert "p4ss" not in told
    assert "1234" not in told
    assert raised.value.__context__ is None


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (":9/nowhere", StoreError),
        ("/missing_database", StoreError),
        ("/postgres?sslmode=p4ssmode", ConfigurationError),
        ("/postgres?sslmode=require", StoreError),
    ],
)
async def test_who_cannot_be_reached_is_told_without_the_password(
    postgres_database: str, change: str, error: type[ModelmuxError]
) -> None:
    place = postgres_database.removeprefix("postgresql://").partition("@")[2].partition("/")[0]
    host = place.partition(":")[0] if change.startswith(":") else place
    database = PostgresDatabase(Secret(f"postgresql://user:p4ssword@{host}{change}"))
    with pytest.raises(error) as raised:
        await database.start()
    told = "".join(traceback.format_exception(raised.value)) + f"{raised.value.detail}"
    assert "p4ss" not in told
    assert host.partition(":")[0] in told
    await database.aclose()


async def test_values_of_a_row_that_was_refused_are_not_told(database: PostgresDatabase) -> None:
    store = store_on(database)
    await store.add(record("resp_1"))
    with pytest.raises(StoreError) as raised:
        await store.add(replace(record("resp_1"), settings=b"not-secret"))
    assert "duplicate key" in (raised.value.detail or "")
    assert "resp_1" not in (raised.value.detail or "")
    assert "not-secret" not in (raised.value.detail or "")
