"""Nobody waits for a store that is gone, and one at a time looks whether it is back."""

import asyncio
import time

import pytest

from modelmux.application.ports import Event
from modelmux.application.store_breaker import StoreBreaker
from modelmux.domain.errors import StoreError


class Store:
    """A store that is there, or gone, or says nothing; its breaker; and what was told of it."""

    def __init__(self) -> None:
        self.state = "there"
        self.probes = 0
        self.counted: list[tuple[str, ...]] = []
        self.pauses: list[float] = []
        self.breaker = StoreBreaker("redis", count=self.count, sleep=self.sleep, jitter=lambda: 1.0)
        self.breaker.probe = self.probe

    def count(self, event: Event, *labels: str) -> None:
        self.counted.append((event, *labels))

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await asyncio.sleep(0)

    async def probe(self) -> None:
        self.probes += 1
        if self.state == "gone":
            raise StoreError("gone")
        if self.state == "silent":
            await asyncio.sleep(60)

    async def until(self, up: bool) -> None:
        async with asyncio.timeout(2):
            while self.breaker.is_up is not up:  # noqa: ASYNC110 - a task of its own finds out
                await asyncio.sleep(0)


async def _ask(store: Store, seconds: float) -> None:
    async with store.breaker.asking(5.0):
        await asyncio.sleep(seconds)


async def test_a_lost_connection_is_told_to_all_at_once_until_a_probe_succeeds() -> None:
    store = Store()
    store.state = "gone"
    store.breaker.failed(ConnectionResetError())
    with pytest.raises(StoreError):
        await _ask(store, 0)
    (reading,) = store.breaker.readings()
    assert (reading.value, reading.labels) == (0.0, ("redis",))
    while store.probes < 9:  # noqa: ASYNC110 - as above
        await asyncio.sleep(0)
    store.state = "there"
    await store.until(up=True)
    await _ask(store, 0)
    assert store.counted == [(Event.STORE, "redis", "failed"), (Event.STORE, "redis", "back")]
    assert store.pauses[:7] == [0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0]


async def test_a_timeout_alone_is_doubt_which_a_probe_settles() -> None:
    store = Store()
    store.breaker.failed(TimeoutError())
    assert store.breaker.is_up
    await asyncio.sleep(0.01)
    assert store.probes == 1
    assert store.breaker.is_up
    assert store.counted == []


async def test_who_waits_is_freed_once_it_is_known_that_nobody_answers() -> None:
    store = Store()
    store.state = "silent"
    waiting = [asyncio.create_task(_ask(store, 60)) for _ in range(3)]
    await asyncio.sleep(0)
    loop = asyncio.get_running_loop()
    began = loop.time()
    store.breaker.failed(TimeoutError())
    ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(one) for one in ended] == [TimeoutError] * 3
    assert loop.time() - began < 1.0
    await store.breaker.aclose()


async def test_one_whose_time_is_up_at_that_moment_keeps_nobody_from_looking() -> None:
    store = Store()

    async def ask() -> None:
        async with store.breaker.asking(0.01):
            await asyncio.sleep(60)

    waiting = asyncio.create_task(ask())
    await asyncio.sleep(0)
    # Its timer runs first, then this: before the task itself learns that its time is up.
    loop = asyncio.get_running_loop()
    loop.call_later(0.01, store.breaker.failed, ConnectionResetError())
    time.sleep(0.02)  # noqa: ASYNC251 - so that both are due in one turn of the loop
    with pytest.raises(TimeoutError):
        await waiting
    await store.until(up=True)
    await store.breaker.aclose()


async def test_many_failures_are_one() -> None:
    store = Store()
    store.state = "silent"
    for _ in range(100):
        store.breaker.failed(ConnectionResetError())
    await asyncio.sleep(0.01)
    assert store.probes == 1
    assert store.counted == [(Event.STORE, "redis", "failed")]
    await store.breaker.aclose()


async def test_who_closes_ends_the_looking() -> None:
    store = Store()
    store.state = "gone"
    store.breaker.failed(ConnectionResetError())
    await asyncio.sleep(0)
    await store.breaker.aclose()
    probes = store.probes
    store.breaker.failed(ConnectionResetError())
    await asyncio.sleep(0.01)
    assert store.probes == probes
