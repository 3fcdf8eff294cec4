from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select

from modelmux.adapters.memory.clock import ManualClock
from modelmux.adapters.sql import schema
from modelmux.adapters.sql.database import Database
from modelmux.adapters.sql.keys import SqlKeyRegistry, SqlKeyRing
from modelmux.adapters.sql.sqlite import SqliteDatabase
from modelmux.adapters.system.clock import SystemClock
from modelmux.application.keys import configured_key, digest_of
from modelmux.domain.errors import StoreError
from modelmux.domain.secret import Secret
from tests.contracts.key_ring import KeyRingContract, Keys, within_a_second
from tests.support.databases import run_sql


class TestSqlKeys(KeyRingContract):
    @pytest.fixture
    async def keys(self, database: Database) -> AsyncIterator[Keys]:
        clock = SystemClock()
        ring = SqlKeyRing(database, clock, poll_s=0.02)
        await ring.start()
        yield Keys(ring, SqlKeyRegistry(database, clock))
        await ring.aclose()


async def test_a_key_made_and_ended_by_another_process_is_noticed(
    database: Database, database_path: Path
) -> None:
    ring = SqlKeyRing(database, SystemClock())
    await ring.start()
    other = SqliteDatabase(database_path)
    await other.start()
    registry = SqlKeyRegistry(other, SystemClock())
    record, text = await registry.create(name="cli", tenant="default")
    assert await within_a_second(lambda: ring.find(text) is not None)
    await registry.revoke(record.id)
    assert await within_a_second(lambda: ring.find(text) is None)
    await ring.aclose()
    await other.aclose()


async def test_a_ring_knows_from_its_start_what_was_made_before(database: Database) -> None:
    _, text = await SqlKeyRegistry(database, SystemClock()).create(name="x", tenant="default")
    ring = SqlKeyRing(database, ManualClock())
    await ring.start()
    assert ring.find(text) is not None
    await ring.aclose()


async def test_the_text_of_a_key_is_nowhere_in_the_file(
    database: Database, database_path: Path
) -> None:
    _, text = await SqlKeyRegistry(database, SystemClock()).create(name="x", tenant="default")
    digests = await database.read(lambda it: it.scalars(select(schema.keys.c.digest)).all())
    assert digests == [digest_of(text)]
    secret = text.split("_", 2)[2].encode()
    for path in database_path.parent.iterdir():
        assert secret not in path.read_bytes()


async def test_the_ring_goes_on_from_memory_while_the_database_is_gone(
    database: Database, database_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _, text = await SqlKeyRegistry(database, SystemClock()).create(name="x", tenant="default")
    ring = SqlKeyRing(database, SystemClock(), poll_s=0.01)
    await ring.start()
    await run_sql(database, "ALTER TABLE keys RENAME TO hidden")
    await run_sql(database, "ALTER TABLE changes RENAME TO hidden_too")
    assert await within_a_second(lambda: "keys_not_refreshed" in caplog.messages)
    assert ring.find(text) is not None
    with caplog.at_level("INFO"):
        await run_sql(database, "ALTER TABLE hidden RENAME TO keys")
        await run_sql(database, "ALTER TABLE hidden_too RENAME TO changes")
        assert await within_a_second(lambda: "keys_refreshed_again" in caplog.messages)
    assert caplog.messages.count("keys_not_refreshed") == 1
    await ring.aclose()


async def test_a_ring_that_cannot_read_its_keys_does_not_start_empty(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "never-started.db")
    ring = SqlKeyRing(database, SystemClock())
    with pytest.raises(StoreError):
        await ring.start()
    await ring.aclose()
    await database.aclose()


async def test_configured_keys_are_merged_in(database: Database) -> None:
    hashed = "sha256:" + digest_of("test-key-hashed").hex()
    ring = SqlKeyRing(
        database,
        ManualClock(),
        [
            configured_key(Secret("test-key-plain"), name="plain", tenant="default"),
            configured_key(Secret(hashed), name="hashed", tenant="acme"),
        ],
    )
    assert not ring.is_empty()
    await ring.start()
    plain, by_hash = ring.find("test-key-plain"), ring.find("test-key-hashed")
    assert plain is not None
    assert by_hash is not None
    assert (plain.name, plain.tenant) == ("plain", "default")
    assert (by_hash.name, by_hash.tenant) == ("hashed", "acme")
    assert ring.find(hashed) is None
    await ring.aclose()
    await ring.aclose()
