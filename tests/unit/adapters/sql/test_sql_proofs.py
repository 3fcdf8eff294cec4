import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from modelmux.adapters.memory.clock import ManualClock
from modelmux.adapters.memory.proof_vault import MemoryProofVault, ProofLimits
from modelmux.adapters.sql import schema
from modelmux.adapters.sql.database import Database
from modelmux.adapters.sql.proofs import RowLimits, SqlProofVault
from modelmux.adapters.sql.sqlite import SqliteDatabase
from modelmux.application.ports import KeptProof, ProofVault
from modelmux.domain.conversation import Reasoning
from modelmux.domain.errors import StoreError
from tests.contracts.proof_vault import ProofVaultContract, kept, key
from tests.support.databases import count_rows, execute, run_sql

NO_MEMORY = ProofLimits(entries=0)


def vault_on(
    database: Database, clock: ManualClock, front: ProofLimits = NO_MEMORY
) -> SqlProofVault:
    return SqlProofVault(database, clock, MemoryProofVault(clock, front))


class TestSqlProofVaultFromDisk(ProofVaultContract):
    @pytest.fixture
    async def vault(self, database: Database) -> AsyncIterator[ProofVault]:
        vault = vault_on(database, ManualClock())
        await vault.start()
        yield vault
        await vault.aclose()


class TestSqlProofVaultWithMemory(ProofVaultContract):
    @pytest.fixture
    async def vault(self, database: Database) -> AsyncIterator[ProofVault]:
        vault = vault_on(database, ManualClock(), ProofLimits())
        await vault.start()
        yield vault
        await vault.aclose()


async def test_proofs_survive_the_process(database: Database, database_path: Path) -> None:
    clock = ManualClock()
    vault = vault_on(database, clock)
    await vault.start()
    await vault.keep({key("call_1"): kept("one")})
    # Another process looks while the first still runs: `keep` has returned, so it is on disk.
    other_database = SqliteDatabase(database_path)
    await other_database.start()
    other = vault_on(other_database, clock)
    assert await other.find([key("call_1")]) == {key("call_1"): kept("one")}
    await other_database.aclose()
    await vault.aclose()


async def test_what_was_found_on_disk_is_then_found_in_memory(database: Database) -> None:
    clock = ManualClock()
    writer = vault_on(database, clock)
    await writer.start()
    await writer.keep({key("call_1"): kept("one")})
    await writer.aclose()
    reader = vault_on(database, clock, ProofLimits())
    await reader.find([key("call_1")])
    await run_sql(database, "DROP TABLE proofs")
    assert await reader.find([key("call_1")]) == {key("call_1"): kept("one")}


async def test_an_absent_proof_is_looked_up_once_and_again_after_a_while(
    database: Database, database_path: Path
) -> None:
    clock = ManualClock()
    vault = vault_on(database, clock)
    assert not await vault.find([key("call_1")])
    other_database = SqliteDatabase(database_path)
    await other_database.start()
    other = vault_on(other_database, clock)
    await other.start()
    await other.keep({key("call_1"): kept("one")})
    assert not await vault.find([key("call_1")])
    clock.advance(30)
    assert await vault.find([key("call_1")]) == {key("call_1"): kept("one")}
    await other.aclose()
    await other_database.aclose()


async def test_an_absent_proof_that_is_then_kept_is_found_at_once(database: Database) -> None:
    vault = vault_on(database, ManualClock())
    await vault.start()
    assert not await vault.find([key("call_1")])
    await vault.keep({key("call_1"): kept("one")})
    assert await vault.find([key("call_1")]) == {key("call_1"): kept("one")}
    await vault.aclose()


async def test_without_the_database_keeping_fails_loudly_and_memory_still_serves(
    database: Database,
) -> None:
    vault = vault_on(database, ManualClock(), ProofLimits())
    await vault.start()
    await run_sql(database, "ALTER TABLE proofs RENAME TO hidden")
    with pytest.raises(StoreError):
        await vault.keep({key("call_1"): kept("one")})
    with pytest.raises(StoreError):
        await vault.find([key("missing")])
    with pytest.raises(StoreError):
        await vault.find([key("missing")])
    assert await vault.find([key("call_1")]) == {key("call_1"): kept("one")}
    await run_sql(database, "ALTER TABLE hidden RENAME TO proofs")
    await vault.keep({key("call_2"): kept("two")})
    await vault.aclose()


async def test_proofs_are_not_found_after_their_time(database: Database) -> None:
    clock = ManualClock()
    vault = vault_on(database, clock)
    await vault.start()
    await vault.keep({key("call_1"): kept("one")})
    clock.advance(RowLimits().ttl_s - 1)
    assert await vault.find([key("call_1")])
    clock.advance(1)
    assert not await vault.find([key("call_1")])
    await vault.aclose()


async def test_closing_waits_for_what_is_being_kept(
    database: Database, database_path: Path
) -> None:
    vault = vault_on(database, ManualClock())
    await vault.start()
    keeps = [asyncio.create_task(vault.keep({key(f"{n}"): kept("x")})) for n in range(20)]
    await asyncio.sleep(0)
    await vault.aclose()
    await database.aclose()
    await asyncio.wait_for(asyncio.gather(*keeps), 5)
    with pytest.raises(StoreError):
        await vault.keep({key("late"): kept("x")})
    await vault.aclose()
    again = SqliteDatabase(database_path)
    assert await count_rows(again, schema.proofs) == 20
    await again.aclose()


async def test_a_caller_who_leaves_harms_nobody_in_the_same_commit(database: Database) -> None:
    vault = vault_on(database, ManualClock())
    await vault.start()
    leaving = asyncio.create_task(vault.keep({key("a"): kept("a")}))
    staying = asyncio.create_task(vault.keep({key("b"): kept("b")}))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait_for(staying, 5)
    assert await vault.find([key("b")])
    await vault.aclose()


async def test_text_that_cannot_be_written_is_refused_and_harms_nobody(
    database: Database,
) -> None:
    vault = vault_on(database, ManualClock())
    await vault.start()
    with pytest.raises(StoreError):
        await vault.keep({key("a"): KeptProof((Reasoning("\ud800"),), None)})
    with pytest.raises(StoreError):
        await vault.keep({key("a"): kept("x" * 9 * 2**20)})
    await vault.keep({key("b"): kept("b")})
    await vault.aclose()


async def fill(database: Database, *rows: tuple[str, int]) -> None:
    await execute(
        database,
        database.upsert(schema.proofs),
        [
            {"tenant": tenant, "call": b"%d" % at, "kept_at": float(at), "value": b"v"}
            for tenant, at in rows
        ],
    )


async def left(database: Database) -> list[tuple[str, float]]:
    proofs = schema.proofs.c

    def read(connection: Connection) -> list[tuple[str, float]]:
        rows = connection.execute(select(proofs.tenant, proofs.kept_at).order_by(proofs.kept_at))
        return [(tenant, at) for tenant, at in rows]

    return await database.read(read)


def sweeping(database: Database, now: float, limits: RowLimits) -> SqlProofVault:
    clock = ManualClock(now=now)
    return SqlProofVault(database, clock, MemoryProofVault(clock, NO_MEMORY), limits)


async def test_a_sweep_deletes_what_is_too_old_in_slices(database: Database) -> None:
    await fill(database, *(("a", at) for at in range(10)))
    vault = sweeping(database, 105, RowLimits(ttl_s=100, slice_rows=2))
    assert await vault.sweep() == 6
    assert [at for _, at in await left(database)] == [6, 7, 8, 9]
    assert await vault.sweep() == 0


async def test_a_sweep_takes_a_tenants_own_oldest_first(database: Database) -> None:
    await fill(database, ("small", 0), *(("big", at) for at in range(1, 6)))
    vault = sweeping(database, 10, RowLimits(tenant_rows=2, slice_rows=2))
    assert await vault.sweep() == 3
    assert await left(database) == [("small", 0), ("big", 4), ("big", 5)]


async def test_a_sweep_bounds_all_together(database: Database) -> None:
    await fill(database, *((f"tenant-{at}", at) for at in range(5)))
    assert await sweeping(database, 10, RowLimits(rows=3)).sweep() == 2
    assert [at for _, at in await left(database)] == [2, 3, 4]


async def test_the_sweeper_runs_by_itself_when_much_was_written(database: Database) -> None:
    clock = ManualClock()
    limits = RowLimits(tenant_rows=3, every_rows=10)
    vault = SqlProofVault(database, clock, MemoryProofVault(clock, NO_MEMORY), limits)
    await vault.start()
    await asyncio.sleep(0.1)
    for number in range(10):
        clock.advance(1)
        await vault.keep({key(f"{number}"): kept("x")})
    for _ in range(200):
        if await count_rows(database, schema.proofs) == 3:
            break
        await asyncio.sleep(0.01)
    assert await count_rows(database, schema.proofs) == 3
    await vault.aclose()
