"""Two processes on one database, each with its own connections: SQLite and Postgres."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from modelmux.adapters.memory.clock import ManualClock
from modelmux.adapters.sql.database import Database
from modelmux.adapters.sql.event_log import SqlEventLog
from modelmux.adapters.sql.leases import SqlLeases
from modelmux.adapters.sql.postgres import PostgresDatabase
from modelmux.adapters.sql.sqlite import SqliteDatabase
from modelmux.adapters.sql.state_store import SqlStateStore
from modelmux.application.ports import Appended, LeaseKey, LoggedEvent
from modelmux.domain.errors import StoreError
from modelmux.domain.secret import Secret
from modelmux.domain.turn import Status
from tests.support.state_samples import LIMITS, StateKit, conversation, kept, record, running


def kit_on(database: Database) -> StateKit:
    clock = ManualClock()
    return StateKit(
        SqlStateStore(database, clock, LIMITS),
        SqlLeases(database, clock),
        SqlEventLog(database),
        clock,
    )


# Not asynchronous: from within one, no other asynchronous fixture can be had.
@pytest.fixture(params=["sqlite", "postgres"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Database]:
    if request.param == "sqlite":
        return lambda: SqliteDatabase(tmp_path / "modelmux.db")
    url = Secret(request.getfixturevalue("postgres_url"))
    return lambda: PostgresDatabase(url)


@pytest.fixture
async def kits(opened: Callable[[], Database]) -> AsyncIterator[tuple[StateKit, StateKit]]:
    databases = (opened(), opened())
    await asyncio.gather(*(database.start() for database in databases))
    yield kit_on(databases[0]), kit_on(databases[1])
    for database in databases:
        await database.aclose()


async def test_a_cancel_and_an_end_at_once_have_one_winner(
    kits: tuple[StateKit, StateKit],
) -> None:
    one, other = kits
    for number in range(40):
        job = running(f"resp_{number}")
        await one.store.add(job)
        ended, cancelled = record(job.id, background=True), replace(job, status=Status.CANCELLED)
        won = await asyncio.gather(one.store.settle(ended), other.store.settle(cancelled))
        assert won.count(True) == 1
        assert await other.store.find("acme", job.id) == (ended if won[0] else cancelled)


async def test_an_event_and_a_cancel_at_once_agree(kits: tuple[StateKit, StateKit]) -> None:
    one, other = kits
    for number in range(40):
        job = running(f"resp_{number}")
        await one.store.add(job)
        events = [LoggedEvent(n, b"frame") for n in range(4)]
        logged, won = await asyncio.gather(
            one.log.append("acme", job.id, events),
            other.store.settle(replace(job, status=Status.CANCELLED)),
        )
        assert won
        assert list(await other.log.read("acme", job.id, -1)) == (events if logged else [])
        assert not await one.log.append("acme", job.id, [LoggedEvent(4, b"late")])


async def test_an_event_and_a_delete_at_once_leave_no_orphan(
    kits: tuple[StateKit, StateKit],
) -> None:
    one, other = kits
    for number in range(40):
        job = running(f"resp_{number}")
        await one.store.add(job)
        _, gone = await asyncio.gather(
            one.log.append("acme", job.id, [LoggedEvent(0, b"frame")]),
            other.store.forget("acme", job.id),
        )
        assert gone
        assert not await one.log.read("acme", job.id, -1)


async def test_a_lease_has_one_holder(kits: tuple[StateKit, StateKit]) -> None:
    for number in range(20):
        key = LeaseKey("acme", f"conv_{number}")
        taken = await asyncio.gather(
            *(kit.leases.take(key, f"holder {n}", 60.0) for n in range(5) for kit in kits)
        )
        assert taken.count(True) == 1


async def test_both_append_to_one_conversation_and_nothing_is_lost(
    kits: tuple[StateKit, StateKit],
) -> None:
    one, other = kits
    await one.store.add_conversation(conversation("conv_1"), [])
    await asyncio.gather(
        *(one.store.append("acme", "conv_1", [kept(f"a{n}"), kept(f"b{n}")]) for n in range(30)),
        *(
            other.store.add(record(f"resp_{n}"), Appended("conv_1", (kept(f"c{n}"), kept(f"d{n}"))))
            for n in range(30)
        ),
        *(one.store.forget_item("acme", "conv_1", f"c{n}") for n in range(10)),
    )
    items = [item.id for item in await other.store.items("acme", "conv_1") or ()]
    assert len(set(items)) == len(items)
    assert {f"a{n}" for n in range(30)} | {f"d{n}" for n in range(30)} < set(items)
    for first, second in pairwise(items):
        if first.startswith("a"):
            assert second == f"b{first[1:]}"


async def test_one_id_is_added_once(kits: tuple[StateKit, StateKit]) -> None:
    outcomes = await asyncio.gather(
        *(kit.store.add(record("resp_1", text=f"{n}")) for n, kit in enumerate(kits)),
        return_exceptions=True,
    )
    assert sorted(type(one).__name__ for one in outcomes) == ["NoneType", "StoreError"]
    assert isinstance(next(one for one in outcomes if one is not None), StoreError)


async def test_a_conversation_deleted_while_it_is_written_to_leaves_no_items(
    kits: tuple[StateKit, StateKit],
) -> None:
    one, other = kits
    for number in range(20):
        await one.store.add_conversation(conversation(f"conv_{number}"), [kept("a")])
        _, gone = await asyncio.gather(
            one.store.append("acme", f"conv_{number}", [kept("b")]),
            other.store.forget_conversation("acme", f"conv_{number}"),
        )
        assert gone
        assert await one.store.items("acme", f"conv_{number}") is None
        await one.store.add_conversation(conversation(f"conv_{number}"), [])
        assert await one.store.items("acme", f"conv_{number}") == []


async def test_uses_and_sweeps_of_both_do_not_wait_for_each_other(
    kits: tuple[StateKit, StateKit],
) -> None:
    one, _ = kits
    chain = [record("resp_0")]
    chain += [record(f"resp_{n}", previous=f"resp_{n - 1}") for n in range(1, 60)]
    for each in chain:
        await one.store.add(each)
    for kit in kits:
        kit.clock.advance(LIMITS.in_use_s * 0.5)
    reads = [kit.store.chain("acme", "resp_59") for _ in range(10) for kit in kits]
    sweeps = asyncio.gather(*(kit.store.sweep() for kit in kits))
    async with asyncio.timeout(10):
        found = await asyncio.gather(*reads)
        swept = await sweeps
    assert [list(each) for each in found] == [chain] * 20
    assert [one.crowded for one in swept] == [0, 0]
