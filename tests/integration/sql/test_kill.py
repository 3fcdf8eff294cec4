"""Nothing that was acknowledged is lost when the process is killed while it writes."""

import random
import subprocess
import sys
import time
from pathlib import Path

from modelmux.adapters.sql.event_log import SqlEventLog
from modelmux.adapters.sql.sqlite import SqliteDatabase
from modelmux.adapters.sql.state_store import SqlStateStore
from modelmux.adapters.system.clock import SystemClock
from modelmux.domain.turn import Status

ROOT = Path(__file__).parents[3]
ROUNDS = 12
BUDGET_S = 15.0


def write_until_killed(path: Path, name: str, after_s: float) -> list[list[str]]:
    """Return what a process acknowledged before it was killed."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.store_writer", str(path), name],
        cwd=ROOT,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(after_s)
        assert process.poll() is None
        process.kill()
        told = first + process.stdout.read()
    # What follows the last line end was not told whole.
    return [line.split() for line in told.decode().split("\n")[:-1]]


async def read_back(path: Path, told: list[list[str]]) -> None:
    database = SqliteDatabase(path)
    await database.start()
    store, log = SqlStateStore(database, SystemClock()), SqlEventLog(database)
    items: dict[str, list[str]] = {}
    for words in told:
        match words:
            case ["response", id_]:
                assert await store.find("acme", id_) is not None
            case ["settled", id_]:
                found = await store.find("acme", id_)
                assert found is not None
                assert found.status is Status.COMPLETED
            case ["event", id_, number]:
                events = await log.read("acme", id_, int(number) - 1)
                assert events[0].number == int(number)
            case ["conversation", id_]:
                kept = await store.items("acme", id_)
                assert kept is not None
                items[id_] = [one.id for one in kept]
            case ["turn", id_, conversation, *added]:
                assert await store.find("acme", id_) is not None
                assert set(added) <= set(items[conversation])
            case ["item", conversation, added]:
                assert added in items[conversation]
            case _:
                raise AssertionError(words)
    # What was not acknowledged is there whole or not at all.
    for id_, ids in items.items():
        name = id_.removeprefix("conv_")
        for turn, pair in enumerate(zip(ids[::2], ids[1::2], strict=False)):
            if "b" in name:
                assert pair == (f"msg_{turn}_i", f"msg_{turn}_o")
                assert await store.find("acme", f"resp_{name}_{turn}") is not None
        if "b" in name:
            assert len(ids) % 2 == 0
            assert await store.find("acme", f"resp_{name}_{len(ids) // 2}") is None
    await database.aclose()


async def test_what_was_acknowledged_is_there_after_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "modelmux.db"
    started, acknowledged = time.monotonic(), 0
    for round_ in range(ROUNDS):
        told = write_until_killed(path, f"r{round_}", random.uniform(0.0, 0.3))
        await read_back(path, told)
        acknowledged += len(told)
        if time.monotonic() - started > BUDGET_S:
            break
    assert acknowledged > 100
