"""Answers in memory: the contract, and what is this adapter's own."""

import gc
import sys
import tracemalloc

import pytest

from modelmux.adapters.memory.cache import MemoryCache
from modelmux.adapters.memory.clock import ManualClock
from modelmux.adapters.memory.observer import RecordingObserver
from modelmux.application.ports import Cache, Event, Gauge
from tests.contracts.cache import CacheContract, answer, key


class TestMemoryCache(CacheContract):
    @pytest.fixture
    def cache(self) -> Cache:
        self.clock = ManualClock()
        return MemoryCache(self.clock, RecordingObserver(), max_answer_bytes=10_000)

    async def pass_time(self, duration_s: float) -> None:
        self.clock.advance(duration_s)


def gauges(cache: MemoryCache) -> dict[Gauge, float]:
    return {reading.gauge: reading.value for reading in cache.readings()}


async def test_what_was_asked_for_least_lately_goes_first() -> None:
    observer = RecordingObserver()
    cache = MemoryCache(ManualClock(), observer, max_bytes=20_000, routes=["gpt"])
    for number in range(5):
        await cache.put(key(number), answer("x" * 3000), 60)
    assert await cache.get(key(0)) is not None
    await cache.put(key(5), answer("x" * 3000), 60)
    await cache.put(key(6, route="of/callers"), answer("x" * 3000), 60)
    left = [number for number in range(6) if await cache.get(key(number)) is not None]
    assert left == [0, 3, 4, 5]
    assert observer.counted == [(Event.CACHE, ("gpt", "evicted"))] * 2
    await cache.put(key(7), answer("x" * 15_000), 60)
    assert observer.counted[2] == (Event.CACHE, ("other", "evicted"))
    assert gauges(cache)[Gauge.CACHE_BYTES] <= 20_000


async def test_gauges_tell_what_is_held() -> None:
    clock = ManualClock()
    cache = MemoryCache(clock, RecordingObserver())
    assert gauges(cache) == {Gauge.CACHE_BYTES: 0, Gauge.CACHE_ENTRIES: 0}
    for number in range(3):
        await cache.put(key(number), answer(), 60)
        await cache.put(key(number), answer("again"), 60)
    assert gauges(cache)[Gauge.CACHE_ENTRIES] == 3
    clock.advance(61)
    assert await cache.get(key(0)) is None
    assert gauges(cache)[Gauge.CACHE_ENTRIES] == 2
    assert await cache.purge() == 2
    assert gauges(cache) == {Gauge.CACHE_BYTES: 0, Gauge.CACHE_ENTRIES: 0}


async def test_an_answer_larger_than_all_there_is_leaves_the_others() -> None:
    cache = MemoryCache(ManualClock(), RecordingObserver(), max_bytes=5000)
    await cache.put(key(1), answer(), 60)
    assert not await cache.put(key(2), answer("x" * 5000), 60)
    assert await cache.get(key(1)) == answer()


@pytest.mark.parametrize("letters", [10, 5000])
async def test_bytes_are_told_as_they_are(letters: int) -> None:
    cache = MemoryCache(ManualClock(), RecordingObserver())
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(2000):
            await cache.put(key(number, tenant=f"tenant-{number}"), answer("x" * letters), 60)
        gc.collect()
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert 0.75 < gauges(cache)[Gauge.CACHE_BYTES] / taken < 1.35, sys.version
