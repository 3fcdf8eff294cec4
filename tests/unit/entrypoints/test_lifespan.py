"""Providers are asked at a set interval, more often while one is unwell, never in step."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from modelmux.adapters.memory.clock import ManualClock
from modelmux.adapters.memory.scripted import Script, ScriptedProvider
from modelmux.adapters.memory.state import MemoryState
from modelmux.adapters.memory.state_store import MemoryStateStore
from modelmux.adapters.memory.upstream_probe import ScriptedProbe
from modelmux.application.check_health import CheckHealth, HealthReport
from modelmux.application.plan import ProviderEntry
from modelmux.application.planning import Planner
from modelmux.application.ports import ProbeReport
from modelmux.application.store_guard import StoreGuard
from modelmux.domain.capabilities import Capabilities
from modelmux.domain.errors import StoreError
from modelmux.domain.events import FinishReason, ResponseFinished, ResponseStarted
from modelmux.entrypoints.lifespan import Pace, watched_providers

ANSWER = Script(((ResponseStarted("", ""), ResponseFinished((FinishReason.STOP,))),))
WELL, UNWELL = ProbeReport(True, "answers"), ProbeReport(False, "is away")


def entry(name: str, probe: ScriptedProbe | None) -> ProviderEntry:
    return ProviderEntry(
        name, "scripted", ScriptedProvider(ANSWER), lambda _: Capabilities(), probe=probe
    )


async def settle() -> None:
    """Let all tasks go on as far as they can."""
    for _ in range(20):
        await asyncio.sleep(0)


@asynccontextmanager
async def watching(
    clock: ManualClock,
    *entries: ProviderEntry,
    jitter: float = 0.5,
    store: StoreGuard | None = None,
) -> AsyncGenerator[list[HealthReport]]:
    told: list[HealthReport] = []
    check = CheckHealth(Planner(entries), clock, store=store)
    pace = Pace(300.0, 15.0, lambda: jitter)
    async with watched_providers(check, clock, told.append, pace):
        await settle()
        yield told


async def passes(clock: ManualClock, seconds: float) -> None:
    clock.advance(seconds)
    await settle()


async def test_the_first_report_is_told_and_each_provider_has_its_own_pace() -> None:
    clock = ManualClock()
    well, unwell = ScriptedProbe(WELL), ScriptedProbe(UNWELL, UNWELL, WELL)
    entries = (entry("a", well), entry("b", unwell), entry("c", None))
    async with watching(clock, *entries) as told:
        assert [report.status for report in told] == ["degraded"]
        assert (well.asked, unwell.asked) == (1, 1)
        await passes(clock, 14.9)
        assert (well.asked, unwell.asked) == (1, 1)
        await passes(clock, 0.2)
        assert (well.asked, unwell.asked) == (1, 2)
        await passes(clock, 15)
        assert (well.asked, unwell.asked) == (1, 3)
        await passes(clock, 15)  # it is well again
        assert (well.asked, unwell.asked) == (1, 3)
        await passes(clock, 300)
        assert (well.asked, unwell.asked) == (2, 4)


async def test_workers_do_not_ask_in_step() -> None:
    for jitter, after_s in ((0.0, 225.0), (1.0, 375.0)):
        clock, probe = ManualClock(), ScriptedProbe(WELL)
        async with watching(clock, entry("a", probe), jitter=jitter):
            await passes(clock, after_s - 1)
            assert probe.asked == 1
            await passes(clock, 1)
            assert probe.asked == 2


async def test_a_store_that_is_down_is_asked_though_nobody_calls() -> None:
    clock = ManualClock()
    store = StoreGuard(MemoryStateStore(MemoryState(), clock), clock)
    async with watching(clock, store=store):
        store.failed(StoreError("the disk is full"))
        assert not store.is_up
        for _ in range(3):
            await passes(clock, 1)
        assert store.is_up
