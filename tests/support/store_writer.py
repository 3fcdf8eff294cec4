"""`python -m tests.support.store_writer FILE ROUND`: adds to a store until somebody ends it.

Each id is told on standard output once the call that kept it has returned, never before.
"""

import asyncio
import os
import sys
from itertools import count
from pathlib import Path

from modelmux.adapters.sql.event_log import SqlEventLog
from modelmux.adapters.sql.sqlite import SqliteDatabase
from modelmux.adapters.sql.state_store import SqlStateStore
from modelmux.adapters.system.clock import SystemClock
from modelmux.application.ports import Appended, LoggedEvent
from tests.support.state_samples import conversation, kept, record, running

WRITERS = 8


def tell(*words: str) -> None:
    os.write(1, (" ".join(words) + "\n").encode())


async def add_responses(store: SqlStateStore, name: str) -> None:
    previous: str | None = None
    for number in count():
        one = record(f"resp_{name}_{number}", previous=previous, text=name * 50)
        await store.add(one)
        tell("response", one.id)
        previous = one.id


async def add_turns(store: SqlStateStore, name: str) -> None:
    await store.add_conversation(conversation(f"conv_{name}"), [])
    tell("conversation", f"conv_{name}")
    for number in count():
        one = record(f"resp_{name}_{number}")
        items = (kept(f"msg_{number}_i"), kept(f"msg_{number}_o"))
        await store.add(one, Appended(f"conv_{name}", items))
        tell("turn", one.id, f"conv_{name}", *(item.id for item in items))


async def append_items(store: SqlStateStore, name: str) -> None:
    await store.add_conversation(conversation(f"conv_{name}"), [])
    tell("conversation", f"conv_{name}")
    for number in count():
        await store.append("acme", f"conv_{name}", [kept(f"msg_{number}")])
        tell("item", f"conv_{name}", f"msg_{number}")


async def run_jobs(store: SqlStateStore, log: SqlEventLog, name: str) -> None:
    for number in count():
        job = running(f"resp_{name}_{number}")
        await store.add(job)
        tell("response", job.id)
        for event in range(3):
            assert await log.append("acme", job.id, [LoggedEvent(event, b"frame")])
            tell("event", job.id, f"{event}")
        assert await store.settle(record(job.id, background=True))
        tell("settled", job.id)


async def main(path: Path, round_: str) -> None:
    database = SqliteDatabase(path)
    await database.start()
    store = SqlStateStore(database, SystemClock())
    log = SqlEventLog(database)
    async with asyncio.TaskGroup() as writers:
        for number in range(WRITERS):
            writers.create_task(add_responses(store, f"{round_}a{number}"))
            writers.create_task(add_turns(store, f"{round_}b{number}"))
            writers.create_task(append_items(store, f"{round_}c{number}"))
            writers.create_task(run_jobs(store, log, f"{round_}d{number}"))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
