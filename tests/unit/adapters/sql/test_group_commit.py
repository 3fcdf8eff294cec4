import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import Connection, insert, select

from modelmux.adapters.sql import schema
from modelmux.adapters.sql.database import Database
from modelmux.adapters.sql.group_commit import GroupCommit, Rows
from modelmux.adapters.sql.sqlite import SqliteDatabase
from modelmux.domain.errors import InvalidRequest, StoreError
from tests.support.databases import count_rows

T = TypeVar("T")
INSERT = insert(schema.proofs)


class CountingDatabase(SqliteDatabase):
    """Counts its transactions."""

    transactions = 0

    async def _transact(self, work: Callable[[Connection], T]) -> T:
        self.transactions += 1
        return await super()._transact(work)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[CountingDatabase]:
    database = CountingDatabase(tmp_path / "modelmux.db")
    await database.start()
    database.transactions = 0
    yield database
    await database.aclose()


def row(call: str) -> dict[str, object]:
    return {"tenant": "acme", "call": call.encode(), "kept_at": 1.0, "value": b"v"}


def writing(call: str) -> Callable[[Connection], str]:
    def work(connection: Connection) -> str:
        connection.execute(INSERT, row(call))
        return call

    return work


async def calls(database: Database) -> set[bytes]:
    found = await database.read(lambda it: it.scalars(select(schema.proofs.c.call)).all())
    return set(found)


async def test_what_comes_together_shares_few_transactions(database: CountingDatabase) -> None:
    await asyncio.gather(*(database.insert(INSERT, [row(f"{n}")]) for n in range(200)))
    assert await count_rows(database, schema.proofs) == 200
    assert database.transactions <= 3


async def test_each_work_gets_its_own_answer(database: CountingDatabase) -> None:
    answers = await asyncio.gather(*(database.write(writing(f"{n}")) for n in range(50)))
    assert answers == [f"{n}" for n in range(50)]
    assert database.transactions <= 3


async def test_rows_that_are_refused_fail_alone(database: CountingDatabase) -> None:
    await database.insert(INSERT, [row("taken")])
    outcomes = await asyncio.gather(
        *(
            database.insert(INSERT, [row(name), row(f"{name}'s second")])
            for name in ("a", "taken", "b", "c")
        ),
        return_exceptions=True,
    )
    assert [type(one) for one in outcomes] == [type(None), StoreError, type(None), type(None)]
    expected = {b"taken", *(f"{one}".encode() for n in "abc" for one in (n, f"{n}'s second"))}
    assert await calls(database) == expected


async def test_a_work_that_raises_fails_alone_and_its_neighbours_are_written_once(
    database: CountingDatabase,
) -> None:
    def refuse(connection: Connection) -> str:
        connection.execute(INSERT, row("half"))
        raise InvalidRequest("no")

    outcomes = await asyncio.gather(
        database.write(writing("a")),
        database.write(refuse),
        database.insert(INSERT, [row("b")]),
        return_exceptions=True,
    )
    assert outcomes[0] == "a"
    assert isinstance(outcomes[1], InvalidRequest)
    assert await calls(database) == {b"a", b"b"}


async def test_each_of_those_who_fail_together_gets_an_error_of_its_own(tmp_path: Path) -> None:
    database = CountingDatabase(tmp_path / "modelmux.db", busy_timeout_s=0.05)
    await database.start()
    other = SqliteDatabase(tmp_path / "modelmux.db")
    await other.start()
    locked, free = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def hold(connection: Connection) -> None:
        connection.execute(INSERT, row("held"))
        loop.call_soon_threadsafe(locked.set)
        asyncio.run_coroutine_threadsafe(free.wait(), loop).result(5)

    holding = asyncio.create_task(other.write(hold))
    await locked.wait()
    started = loop.time()
    errors = await asyncio.gather(
        *(database.insert(INSERT, [row(f"{n}")]) for n in range(30)), return_exceptions=True
    )
    # Once for the lot of them, not thirty times one after the other.
    assert loop.time() - started < 1.0
    assert {type(error) for error in errors} == {StoreError}
    assert len({id(error) for error in errors}) == 30
    assert await count_rows(database, schema.proofs) == 0  # readers do not wait for the lock
    free.set()
    await holding
    await database.insert(INSERT, [row("after")])
    await database.aclose()
    await other.aclose()


async def test_what_is_beyond_the_waiting_room_is_refused_at_once(database: Database) -> None:
    async def never(work: Callable[[Connection], T]) -> T:
        await asyncio.Event().wait()
        raise AssertionError

    commits = GroupCommit(
        never, lambda error: error, lambda _: False, max_waiting=2, max_waiting_bytes=100
    )
    commits.start()
    first = asyncio.create_task(commits.write(Rows(INSERT, [row("a"), row("b")]), 2, 10))
    await asyncio.sleep(0.01)  # it is being written
    second = asyncio.create_task(commits.write(Rows(INSERT, [row("c")]), 1, 60))
    await asyncio.sleep(0)
    with pytest.raises(StoreError, match="keep up"):
        await commits.write(Rows(INSERT, [row("d"), row("e")]), 2, 1)
    with pytest.raises(StoreError, match="keep up"):
        await commits.write(Rows(INSERT, [row("d")]), 1, 41)
    for waiting in (first, second):
        waiting.cancel()
    closing = asyncio.create_task(commits.aclose())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.wait((first, second, closing))
