"""`python -m bench.chain FILE TURNS`: how long a chain of that many turns takes to load.

A process of its own, so that nothing else is in its way. Prints the milliseconds of each load as
JSON.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

from modelmux.adapters.sql.sqlite import SqliteDatabase
from modelmux.adapters.sql.state_store import SqlStateStore
from modelmux.adapters.system.clock import SystemClock
from modelmux.domain.conversation import Message, Role, Text
from modelmux.domain.events import FinishReason
from modelmux.domain.turn import MARK, ResponseRecord, Status

_TENANT = "bench"
_QUESTION = "What is the tallest mountain of the continent that was explored last? " * 4
_ANSWER = "The Vinson Massif in Antarctica is 4,892 metres high. " * 12
_LOADS = 40


async def measure(file: Path, turns: int) -> list[float]:
    """Return how many milliseconds each load took, the first one not counted."""
    clock = SystemClock()
    database = SqliteDatabase(file)
    await database.start()
    try:
        store = SqlStateStore(database, clock)
        for number in range(turns):
            await store.add(_record(turns, number, clock.now()))
        taken: list[float] = []
        for _ in range(_LOADS):
            start = time.perf_counter()
            found = await store.chain(_TENANT, _id(turns, turns - 1))
            taken.append((time.perf_counter() - start) * 1000)
            if len(found) != turns:
                raise SystemExit(f"{len(found)} of {turns} turns were found")
    finally:
        await database.aclose()
    return taken[1:]


def _record(chain: int, number: int, now: float) -> ResponseRecord:
    return ResponseRecord(
        tenant=_TENANT,
        id=_id(chain, number),
        status=Status.COMPLETED,
        created_at=now,
        completed_at=now,
        settings=b'{"model":"bench"}',
        input=(Message(Role.USER, (Text(_QUESTION),)),),
        output=(Message(Role.ASSISTANT, (Text(_ANSWER),)),),
        previous=_id(chain, number - 1) if number else None,
        reason=FinishReason.STOP,
    )


def _id(chain: int, number: int) -> str:
    return f"resp_{MARK}{chain:08d}x{number:08d}"


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure(Path(sys.argv[1]), int(sys.argv[2])))))
