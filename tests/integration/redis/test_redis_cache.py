"""The cache in Redis: what every cache must, and a server that is gone or frozen."""

import asyncio
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager

import pytest

from modelmux.adapters.memory.clock import ManualClock
from modelmux.adapters.memory.observer import RecordingObserver
from modelmux.adapters.redis.cache import TIMEOUT_S, RedisCache, cache_server
from modelmux.adapters.redis.server import RedisServer
from modelmux.adapters.system.clock import SystemClock
from modelmux.application.ports import Cache, Event
from modelmux.domain.errors import StoreError
from modelmux.domain.secret import Secret
from tests.contracts.cache import CacheContract, answer, key
from tests.support.servers import OwnServer, own_redis

DOWN, BACK = (Event.STORE, ("cache", "failed")), (Event.STORE, ("cache", "back"))


class TestRedisCache(CacheContract):
    @pytest.fixture
    def cache(self, server: RedisServer) -> Cache:
        return RedisCache(server, SystemClock(), RecordingObserver(), max_answer_bytes=10_000)

    async def pass_time(self, duration_s: float) -> None:
        await asyncio.sleep(duration_s)


async def test_what_cannot_be_read_is_a_miss(server: RedisServer) -> None:
    cache = RedisCache(server, SystemClock(), RecordingObserver())
    await cache.put(key(), answer(), 60)
    (name,) = await server.command("KEYS", f"{server.prefix}*")
    whole: bytes = await server.command("GET", name)
    for broken in (b"", b"\x02" + whole[1:], whole[:-1], whole + b"\x00", b"\x01\x90", whole[:1]):
        await server.command("SET", name, broken)
        assert await cache.get(key()) is None
    await server.command("SET", name, whole)
    assert await cache.get(key()) == answer()


async def test_nothing_but_answers_is_purged(server: RedisServer) -> None:
    cache = RedisCache(server, SystemClock(), RecordingObserver())
    await server.command("SET", f"{server.prefix}ab:acme:gpt:00", "not ours")
    await server.command("SET", f"{server.prefix}p:acme:gpt:00", "not ours")
    await cache.put(key(), answer(), 60)
    assert await cache.purge() == 1
    assert len(await server.command("KEYS", f"{server.prefix}*")) == 2


async def test_every_answer_has_an_end(server: RedisServer) -> None:
    cache = RedisCache(server, SystemClock(), RecordingObserver())
    await cache.put(key(), answer(), 0.00001)
    await asyncio.sleep(0.02)
    await cache.put(key(1), answer(), 100)
    (name,) = await server.command("KEYS", f"{server.prefix}*")
    assert 99_000 < await server.command("PTTL", name) <= 100_000


@pytest.fixture
def process() -> Generator[OwnServer]:
    with own_redis() as process:
        yield process


@asynccontextmanager
async def caching(
    url: str, clock: ManualClock | SystemClock
) -> AsyncGenerator[tuple[RedisCache, RecordingObserver]]:
    server, observer = cache_server(Secret(url)), RecordingObserver()
    cache = RedisCache(server, clock, observer)
    try:
        yield cache, observer
    finally:
        await cache.aclose()
        await server.aclose()


async def timed(cache: Cache) -> float:
    began = time.monotonic()
    assert await cache.get(key()) is None
    return time.monotonic() - began


async def until_found(cache: Cache, within_s: float = 5.0) -> None:
    deadline = time.monotonic() + within_s
    while await cache.get(key()) is None:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def test_a_frozen_server_costs_those_of_one_moment_and_nobody_after(
    process: OwnServer,
) -> None:
    clock = ManualClock()
    async with caching(process.url, clock) as (cache, observer):
        await cache.put(key(), answer(), 600)
        process.pause()
        try:
            waits = await asyncio.gather(*(timed(cache) for _ in range(20)))
            assert max(waits) < TIMEOUT_S * 4
            assert observer.counted == [DOWN]
            for _ in range(20):
                assert await timed(cache) < TIMEOUT_S / 2
                assert not await cache.put(key(), answer(), 60)
            with pytest.raises(StoreError):
                await cache.purge()
            clock.advance(1)  # it is asked again, beside the requests, and does not answer
            await asyncio.sleep(0.3)
            assert await timed(cache) < TIMEOUT_S / 2
        finally:
            process.resume()
        clock.advance(1)
        await until_found(cache)
        assert observer.counted == [DOWN, BACK]


async def test_a_server_that_is_killed_is_missed_and_found_again(process: OwnServer) -> None:
    async with caching(process.url, SystemClock()) as (cache, observer):
        await cache.put(key(), answer(), 600)
        process.kill()
        assert await timed(cache) < 1
        assert observer.counted == [DOWN]
        process.start()
        await asyncio.sleep(1.2)
        assert await cache.put(key(), answer(), 600)
        assert await cache.get(key()) == answer()
        assert observer.counted == [DOWN, BACK]


async def test_a_server_that_was_never_there_is_a_miss() -> None:
    async with caching("redis://127.0.0.1:1/0", SystemClock()) as (cache, observer):
        assert await timed(cache) < 1
        assert not await cache.put(key(), answer(), 60)
        assert observer.counted == [DOWN]


async def test_a_server_that_takes_no_more_still_gives_what_it_has(process: OwnServer) -> None:
    async with caching(process.url, SystemClock()) as (cache, observer):
        assert await cache.put(key(), answer(), 60)
        full = RedisServer(Secret(process.url))
        await full.command("CONFIG", "SET", "maxmemory-policy", "noeviction")
        await full.command("CONFIG", "SET", "maxmemory", "1")
        await full.aclose()
        assert not await cache.put(key(1), answer(), 60)
        assert await cache.get(key()) == answer()
        assert observer.counted == []
