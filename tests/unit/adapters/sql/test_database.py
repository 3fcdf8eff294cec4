import asyncio
import stat
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select, update

from modelmux.adapters.sql import schema
from modelmux.adapters.sql.database import Database, upsert
from modelmux.domain.errors import ConfigurationError, StoreError


def row(call: bytes, value: bytes) -> dict[str, object]:
    return {"tenant": "acme", "call": call, "kept_at": 1.0, "value": value}


async def count_proofs(database: Database) -> int:
    async with database.transaction() as connection:
        return await connection.scalar(select(func.count()).select_from(schema.proofs)) or 0


async def test_only_the_owner_can_read_what_is_stored(
    database: Database, database_path: Path
) -> None:
    async with database.transaction() as connection:
        await connection.execute(upsert(schema.proofs), [row(b"a", b"1")])
        names = {path.name for path in database_path.parent.iterdir()}
        assert names == {"modelmux.db", "modelmux.db-wal", "modelmux.db-shm"}
        for path in database_path.parent.iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(database_path.parent.stat().st_mode) == 0o700


async def test_a_file_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    path.touch(0o644)
    database = Database(path)
    await database.start()
    await database.aclose()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_every_connection_waits_for_the_disk_and_for_other_writers(
    database: Database,
) -> None:
    async with database.transaction() as one, database.transaction() as two:
        for connection in (one, two):
            answers = [
                await connection.scalar(select(func.count()).select_from(schema.keys)),
                (await connection.exec_driver_sql("PRAGMA synchronous")).scalar(),
                (await connection.exec_driver_sql("PRAGMA journal_mode")).scalar(),
                (await connection.exec_driver_sql("PRAGMA busy_timeout")).scalar(),
                (await connection.exec_driver_sql("PRAGMA foreign_keys")).scalar(),
            ]
            assert answers == [0, 2, "wal", 5000, 1]


async def test_a_transaction_that_raises_leaves_nothing(database: Database) -> None:
    async def write_half() -> None:
        async with database.transaction() as connection:
            await connection.execute(upsert(schema.proofs), [row(b"a", b"1")])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await write_half()
    assert await count_proofs(database) == 0


async def test_upsert_replaces_the_row_of_the_same_key(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute(upsert(schema.proofs), [row(b"a", b"1"), row(b"a", b"2")])
    async with database.transaction() as connection:
        assert (await connection.scalars(select(schema.proofs.c.value))).all() == [b"2"]


async def test_what_was_stored_is_there_after_opening_again(
    database: Database, database_path: Path
) -> None:
    async with database.transaction() as connection:
        await connection.execute(upsert(schema.proofs), [row(b"a", b"1")])
    await database.aclose()
    again = Database(database_path)
    await again.start()
    assert await count_proofs(again) == 1
    await again.aclose()


async def test_many_can_open_a_new_file_at_once(tmp_path: Path) -> None:
    databases = [Database(tmp_path / "new.db") for _ in range(6)]
    await asyncio.gather(*(database.start() for database in databases))
    async with databases[0].transaction() as connection:
        versions = (await connection.scalars(select(schema.schema_version.c.version))).all()
    assert versions == [schema.VERSION]
    for database in databases:
        await database.aclose()


async def test_a_file_of_a_newer_version_is_refused_and_left_alone(
    database: Database, database_path: Path
) -> None:
    async with database.transaction() as connection:
        await connection.execute(update(schema.schema_version).values(version=99))
    again = Database(database_path)
    with pytest.raises(ConfigurationError, match="schema version 99"):
        await again.start()
    await again.aclose()


async def test_a_file_that_is_no_database_is_a_store_error(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("these are my notes, " * 100)
    database = Database(path)
    with pytest.raises(StoreError) as raised:
        await database.start()
    await database.aclose()
    assert raised.value.detail == f"{path}: file is not a database"
    assert path.read_text().startswith("these are my notes")


async def test_what_the_database_refuses_is_told_without_the_values(database: Database) -> None:
    with pytest.raises(StoreError) as raised:
        async with database.transaction() as connection:
            await connection.execute(insert(schema.proofs), [row(b"call", b"value-not-secret")] * 2)
    assert "UNIQUE constraint" in (raised.value.detail or "")
    assert "not-secret" not in (raised.value.detail or "")


async def test_a_path_that_cannot_be_made_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    database = Database(tmp_path / "file" / "modelmux.db")
    with pytest.raises(StoreError) as raised:
        await database.start()
    assert "file" in (raised.value.detail or "")
    assert "file" not in raised.value.message.removeprefix("The database file")
    await database.aclose()


async def test_a_cancelled_transaction_leaves_the_database_usable(database: Database) -> None:
    async def write(number: int) -> None:
        async with database.transaction() as connection:
            await connection.execute(upsert(schema.proofs), [row(b"%d" % number, b"x")])

    for steps in range(40):
        writing = asyncio.create_task(write(steps))
        await asyncio.sleep(steps * 0.0001)
        writing.cancel()
        await asyncio.wait([writing])
    await asyncio.wait_for(write(1000), 5)
    assert await count_proofs(database) >= 1
