import asyncio
import sqlite3
import stat
import threading
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select, update

from modelmux.adapters.sql import schema
from modelmux.adapters.sql.database import Database
from modelmux.adapters.sql.keys import SqlKeyRegistry
from modelmux.adapters.sql.sqlite import SqliteDatabase
from modelmux.adapters.system.clock import SystemClock
from modelmux.domain.errors import ConfigurationError, StoreError
from tests.support.databases import count_rows, execute, run_sql

VERSION_1 = """
CREATE TABLE schema_version (version INTEGER NOT NULL);
CREATE TABLE changes (
    subject VARCHAR(32) NOT NULL, counter INTEGER NOT NULL, PRIMARY KEY (subject));
CREATE TABLE keys (
    id VARCHAR(32) NOT NULL, name VARCHAR(200) NOT NULL, tenant VARCHAR(200) NOT NULL,
    digest BLOB NOT NULL, created_at DOUBLE NOT NULL, revoked_at DOUBLE,
    PRIMARY KEY (id), UNIQUE (digest));
CREATE TABLE proofs (
    tenant VARCHAR(200) NOT NULL, call BLOB NOT NULL, kept_at DOUBLE NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (tenant, call));
CREATE INDEX ix_proofs_kept_at ON proofs (kept_at);
INSERT INTO schema_version VALUES (1);
INSERT INTO keys VALUES ('key_1', 'laptop', 'acme', x'00', 1.0, NULL);
INSERT INTO proofs VALUES ('acme', x'61', 1.0, x'31');
"""


def row(call: bytes, value: bytes) -> dict[str, object]:
    return {"tenant": "acme", "call": call, "kept_at": 1.0, "value": value}


async def keep(database: Database, *rows: dict[str, object]) -> None:
    await execute(database, database.upsert(schema.proofs), rows)


async def test_only_the_owner_can_read_what_is_stored(
    database: Database, database_path: Path
) -> None:
    await keep(database, row(b"a", b"1"))
    names = {path.name for path in database_path.parent.iterdir()}
    assert names == {"modelmux.db", "modelmux.db-wal", "modelmux.db-shm"}
    for path in database_path.parent.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(database_path.parent.stat().st_mode) == 0o700


async def test_a_file_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    path.touch(0o644)
    database = SqliteDatabase(path)
    await database.start()
    await database.aclose()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_writers_wait_for_the_disk_and_for_other_writers_and_readers_do_not_write(
    database: Database,
) -> None:
    def look(connection: Connection) -> list[object]:
        pragmas = ("synchronous", "journal_mode", "busy_timeout", "foreign_keys", "query_only")
        return [connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() for pragma in pragmas]

    assert await database.write(look) == [2, "wal", 5000, 1, 0]
    assert await database.read(look) == [2, "wal", 5000, 1, 1]
    with pytest.raises(StoreError, match="does not answer"):
        await database.read(
            lambda connection: connection.execute(insert(schema.proofs), [row(b"a", b"1")])
        )


async def test_a_work_that_raises_leaves_nothing(database: Database) -> None:
    def write_half(connection: Connection) -> None:
        connection.execute(insert(schema.proofs), row(b"a", b"1"))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await database.write(write_half)
    assert await count_rows(database, schema.proofs) == 0
    await keep(database, row(b"a", b"1"))


async def test_upsert_replaces_the_row_of_the_same_key(database: Database) -> None:
    await keep(database, row(b"a", b"1"), row(b"a", b"2"))
    values = await database.read(lambda it: it.scalars(select(schema.proofs.c.value)).all())
    assert values == [b"2"]


async def test_what_was_stored_is_there_after_opening_again(
    database: Database, database_path: Path
) -> None:
    await keep(database, row(b"a", b"1"))
    await database.aclose()
    again = SqliteDatabase(database_path)
    await again.start()
    assert await count_rows(again, schema.proofs) == 1
    await again.aclose()


async def test_what_is_closed_says_so_and_closes_again(database: Database) -> None:
    await database.aclose()
    with pytest.raises(StoreError):
        await keep(database, row(b"a", b"1"))
    with pytest.raises(StoreError):
        await count_rows(database, schema.proofs)
    await database.aclose()


async def test_what_is_closed_leaves_no_thread(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    database = SqliteDatabase(tmp_path / "modelmux.db")
    await database.start()
    await asyncio.gather(*(count_rows(database, schema.proofs) for _ in range(30)))
    begun = [one for one in threading.enumerate() if one not in before and one.daemon]
    await database.aclose()
    assert begun
    for thread in begun:
        thread.join(5)
        assert not thread.is_alive()


async def test_many_can_open_a_new_file_at_once(tmp_path: Path) -> None:
    databases = [SqliteDatabase(tmp_path / "new.db") for _ in range(6)]
    await asyncio.gather(*(database.start() for database in databases))
    versions = await databases[0].read(
        lambda it: it.scalars(select(schema.schema_version.c.version)).all()
    )
    assert versions == [schema.VERSION]
    for database in databases:
        await database.aclose()


async def test_a_file_of_version_1_is_raised_with_all_that_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with sqlite3.connect(path) as old:
        old.executescript(VERSION_1)
    old.close()
    database = SqliteDatabase(path)
    await database.start()
    await database.aclose()
    await database.aclose()
    again = SqliteDatabase(path)
    await again.start()
    version = await again.read(lambda it: it.scalar(select(schema.schema_version.c.version)))
    assert version == schema.VERSION
    assert await again.read(lambda it: it.scalar(select(schema.keys.c.name))) == "laptop"
    assert await again.read(lambda it: it.scalar(select(schema.proofs.c.value))) == b"1"
    assert await count_rows(again, schema.responses) == 0
    registry = SqlKeyRegistry(again, SystemClock())
    tagged, _ = await registry.create(name="ci", tenant="acme", tags=("batch",))
    old_key, new_key = await registry.list()
    assert (old_key.name, old_key.tags) == ("laptop", ())
    assert new_key == tagged
    await again.aclose()


async def test_a_file_of_a_newer_version_is_refused_and_left_alone(
    database: Database, database_path: Path
) -> None:
    await execute(database, update(schema.schema_version).values(version=99))
    again = SqliteDatabase(database_path)
    with pytest.raises(ConfigurationError, match="schema version 99"):
        await again.start()
    await again.aclose()
    versions = await database.read(
        lambda it: it.scalars(select(schema.schema_version.c.version)).all()
    )
    assert versions == [99]


async def test_a_file_that_is_no_database_is_a_store_error(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("these are my notes, " * 100)
    database = SqliteDatabase(path)
    with pytest.raises(StoreError) as raised:
        await database.start()
    await database.aclose()
    assert raised.value.detail == f"{path}: file is not a database"
    assert path.read_text().startswith("these are my notes")


async def test_what_the_database_refuses_is_told_without_the_values(database: Database) -> None:
    with pytest.raises(StoreError) as raised:
        await execute(database, insert(schema.proofs), [row(b"call", b"value-not-secret")] * 2)
    assert "UNIQUE constraint" in (raised.value.detail or "")
    assert "not-secret" not in (raised.value.detail or "")


async def test_a_path_that_cannot_be_made_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    database = SqliteDatabase(tmp_path / "file" / "modelmux.db")
    with pytest.raises(StoreError) as raised:
        await database.start()
    assert "file" in (raised.value.detail or "")
    assert "file" not in raised.value.message.removeprefix("The database file")
    await database.aclose()


async def test_what_was_begun_is_written_though_the_caller_left(database: Database) -> None:
    for number in range(40):
        writing = asyncio.create_task(keep(database, row(b"%d" % number, b"x")))
        await asyncio.sleep(number * 0.0001)
        writing.cancel()
        await asyncio.wait([writing])
    await asyncio.wait_for(keep(database, row(b"last", b"x")), 5)
    assert await count_rows(database, schema.proofs) >= 40  # the first may not have begun


async def test_many_read_at_once_on_few_connections(database: Database) -> None:
    await keep(database, row(b"a", b"1"))
    counts = await asyncio.gather(*(count_rows(database, schema.proofs) for _ in range(300)))
    assert counts == [1] * 300


async def test_a_statement_that_fails_does_not_spoil_the_connection(database: Database) -> None:
    for _ in range(10):
        with pytest.raises(StoreError):
            await run_sql(database, "SELECT nothing FROM nowhere")
        with pytest.raises(StoreError):
            await database.read(lambda it: it.exec_driver_sql("SELECT nothing").scalar())
    await keep(database, row(b"a", b"1"))
    assert await count_rows(database, schema.proofs) == 1


async def test_a_connection_that_cannot_even_roll_back_is_replaced(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "modelmux.db")
    await database.start()

    def cut(connection: Connection) -> None:
        connection.execute(select(schema.proofs.c.call))
        raw = connection.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        raw.close()
        raise OSError("the disk is gone")

    try:
        for attempt in (database.read, database.write):
            with pytest.raises(StoreError, match="does not answer"):
                await attempt(cut)
            assert await count_rows(database, schema.proofs) == 0
        row = {"tenant": "acme", "call": b"a", "kept_at": 1.0, "value": b"1"}
        await database.insert(insert(schema.proofs), [row])
        assert await count_rows(database, schema.proofs) == 1
    finally:
        await database.aclose()
