"""What runs beside the requests while the gateway is up."""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from ..application.check_health import CheckHealth, HealthReport
from ..application.ports import Clock
from ..domain.errors import StoreError

_STORE_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How long after a probe the next one comes; times are seconds, more or less by a quarter."""

    every_s: float = 300.0
    when_unwell_s: float = 15.0
    jitter: Callable[[], float] = random.random


_DEFAULT_PACE = Pace()


@asynccontextmanager
async def watched_providers(
    check_health: CheckHealth,
    clock: Clock,
    tell: Callable[[HealthReport], None],
    pace: Pace = _DEFAULT_PACE,
) -> AsyncGenerator[None]:
    """Ask the providers now and then how they are and what they serve; `tell` of the first time."""
    watching = asyncio.create_task(_watch(check_health, clock, tell, pace), name="provider-watch")
    try:
        yield
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


async def _watch(
    check_health: CheckHealth, clock: Clock, tell: Callable[[HealthReport], None], pace: Pace
) -> None:
    tell(await check_health.probe_all())
    watching = [
        _watch_one(check_health, entry.name, clock, pace)
        for entry in check_health.planner.providers
        if entry.probe is not None
    ]
    await asyncio.gather(_watch_store(check_health, clock), *watching)


async def _watch_one(check_health: CheckHealth, name: str, clock: Clock, pace: Pace) -> None:
    while True:
        wait_s = pace.every_s if check_health.is_well(name) else pace.when_unwell_s
        # Several workers began at the same moment, and would ask at the same moment for ever.
        await clock.sleep(wait_s * (0.75 + pace.jitter() / 2))
        await check_health.probe(name, fresh_s=wait_s)


async def _watch_store(check_health: CheckHealth, clock: Clock) -> None:
    """Ask a store that is down whether it is back: traffic may stay away for as long."""
    store = check_health.store
    while store is not None:
        await clock.sleep(_STORE_EVERY_S)
        if not store.is_up:
            with suppress(StoreError):
                await store.admit()
