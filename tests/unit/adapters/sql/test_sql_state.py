import asyncio
from pathlib import Path

import pytest
from sqlalchemy import Connection, select, update

from modelmux.adapters.memory.clock import ManualClock
from modelmux.adapters.sql import responses, schema
from modelmux.adapters.sql.database import Database
from modelmux.adapters.sql.event_log import SqlEventLog
from modelmux.adapters.sql.leases import SqlLeases
from modelmux.adapters.sql.state_store import SqlStateStore
from modelmux.application.ports import LeaseKey, Leases
from modelmux.domain.errors import StoreError
from tests.contracts.event_log import EventLogContract
from tests.contracts.leases import LeasesContract
from tests.contracts.state_store import StateStoreContract
from tests.support.databases import execute, run_sql
from tests.support.state_samples import LIMITS, StateKit, record, running


def kit_on(database: Database) -> StateKit:
    clock = ManualClock()
    return StateKit(
        SqlStateStore(database, clock, LIMITS),
        SqlLeases(database, clock),
        SqlEventLog(database),
        clock,
    )


class TestSqlStateStore(StateStoreContract):
    @pytest.fixture
    def kit(self, database: Database) -> StateKit:
        return kit_on(database)


class TestSqlEventLog(EventLogContract):
    @pytest.fixture
    def kit(self, database: Database) -> StateKit:
        return kit_on(database)


class TestSqlLeases(LeasesContract):
    @pytest.fixture
    def leases(self, database: Database, clock: ManualClock) -> Leases:
        return SqlLeases(database, clock)


async def used_at(database: Database) -> dict[str, float]:
    columns = schema.responses.c

    def read(connection: Connection) -> dict[str, float]:
        rows = connection.execute(select(columns.id, columns.used_at))
        return {row.id: row.used_at for row in rows}

    return await database.read(read)


async def test_a_use_is_written_down_only_when_the_last_is_some_time_ago(
    database: Database,
) -> None:
    kit = kit_on(database)
    store = SqlStateStore(database, kit.clock, LIMITS)
    added_at = kit.clock.now()
    await store.add(record("resp_0"))
    kit.clock.advance(LIMITS.in_use_s * 0.15)
    await store.add(record("resp_1", previous="resp_0"))
    assert len(await store.chain("acme", "resp_1")) == 2
    await store.aclose()  # waits for what is being noted
    assert (await used_at(database))["resp_0"] == added_at
    kit.clock.advance(LIMITS.in_use_s * 0.1)
    assert len(await store.chain("acme", "resp_1")) == 2
    await store.aclose()
    noted = await used_at(database)
    assert noted["resp_0"] == kit.clock.now()
    assert noted["resp_1"] < kit.clock.now()


async def test_a_use_that_cannot_be_written_down_fails_nobody(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    kit = kit_on(database)
    store = SqlStateStore(database, kit.clock, LIMITS)
    await store.add(record("resp_0"))
    kit.clock.advance(LIMITS.in_use_s)
    await run_sql(
        database,
        "CREATE TRIGGER full BEFORE UPDATE ON responses BEGIN SELECT RAISE(ABORT, 'no'); END",
    )
    assert len(await store.chain("acme", "resp_0")) == 1
    await store.aclose()
    assert "use_not_noted" in caplog.messages


async def test_a_store_sweeps_by_itself(database: Database) -> None:
    kit = kit_on(database)
    store = SqlStateStore(database, kit.clock, LIMITS)
    await store.add(record("resp_0"))
    kit.clock.advance(LIMITS.ttl_s + LIMITS.in_use_s)
    await store.start()
    for _ in range(500):
        if not await used_at(database):
            break
        await asyncio.sleep(0.01)
    assert not await used_at(database)
    await store.aclose()
    await store.aclose()


async def test_leases_of_holders_that_crashed_are_swept(database: Database) -> None:
    kit = kit_on(database)
    assert await kit.leases.take(LeaseKey("acme", "conv_over"), "one", 6.0)
    kit.clock.advance(LIMITS.in_use_s)
    assert await kit.leases.take(LeaseKey("acme", "conv_held"), "one", 600.0)
    kit.clock.advance(6.0)
    await kit.store.sweep()
    subjects = await database.read(lambda it: it.scalars(select(schema.leases.c.subject)).all())
    assert subjects == ["conv_held"]


async def test_erasing_a_tenant_leaves_no_leases_of_it(database: Database) -> None:
    kit = kit_on(database)
    for tenant in ("acme", "other"):
        assert await kit.leases.take(LeaseKey(tenant, "conv_1"), "one", 6.0)
    await kit.store.erase("acme")
    tenants = await database.read(lambda it: it.scalars(select(schema.leases.c.tenant)).all())
    assert tenants == ["other"]


def files_of(database_path: Path) -> list[Path]:
    return list(database_path.parent.iterdir())


async def test_what_was_deleted_is_no_longer_in_the_file(
    database: Database, database_path: Path
) -> None:
    store = kit_on(database).store
    secret = "Nobody may read this again. " * 400
    await store.add(record("resp_0", text=secret))
    await store.add(record("resp_1"))
    assert await store.forget("acme", "resp_0")
    await database.aclose()  # with the last connection the log of changes goes too
    content = b"".join(
        [await asyncio.to_thread(file.read_bytes) for file in files_of(database_path)]
    )
    assert b"resp_1" in content
    assert b"Nobody may read" not in content


async def test_what_a_later_release_wrote_is_a_store_error(database: Database) -> None:
    store = kit_on(database).store
    await store.add(record("resp_0"))
    await execute(database, update(schema.responses).values(value=b"\xff\x00"))
    with pytest.raises(StoreError, match="this release"):
        await store.find("acme", "resp_0")
    with pytest.raises(StoreError, match="this release"):
        await store.chain("acme", "resp_0")


async def test_jobs_of_a_later_release_keep_nobody_from_finding_ours(database: Database) -> None:
    store = kit_on(database).store
    await store.add(running("resp_new"))
    await execute(database, update(schema.responses).values(value=b"\xff\x00"))
    await store.add(running("resp_ours"))
    assert [one.id for one in await store.abandoned()] == ["resp_ours"]


async def test_large_exports_are_read_a_few_megabytes_at_a_time() -> None:
    keys = [(1.0, f"resp_{n}", 3 * 2**20) for n in range(5)] + [(1.0, "resp_big", 16 * 2**20)]
    groups = [list(group) for group in responses.export_groups(keys)]
    assert groups == [["resp_0", "resp_1"], ["resp_2", "resp_3"], ["resp_4"], ["resp_big"]]
    assert list(responses.export_groups([])) == []
