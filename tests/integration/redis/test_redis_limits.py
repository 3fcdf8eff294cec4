"""Limits that all machines share keep the port's laws, and outlive their server."""

import asyncio
import time
from collections.abc import AsyncGenerator

import pytest

from modelmux.adapters.memory.clock import ManualClock
from modelmux.adapters.memory.observer import RecordingObserver
from modelmux.adapters.memory.rate_limiter import MemoryRateLimiter
from modelmux.adapters.redis.rate_limiter import RedisRateLimiter
from modelmux.adapters.redis.server import RedisServer
from modelmux.adapters.system.clock import SystemClock
from modelmux.application.ports import Event, Limit, RateLimiter
from modelmux.domain.secret import Secret
from tests.contracts.rate_limiter import RateLimiterContract, is_granted, limit, running
from tests.support.servers import own_redis

PATIENT_S = 5.0  # the machine that runs the tests may be busy


def limiter_on(
    server: RedisServer, process: str, patience_s: float = PATIENT_S
) -> RedisRateLimiter:
    clock = SystemClock()
    own = MemoryRateLimiter(clock)
    return RedisRateLimiter(server, own, clock, RecordingObserver(), process, patience_s=patience_s)


class TestRedisRateLimiter(RateLimiterContract):
    close_enough = 0.2

    @pytest.fixture
    async def limiter(
        self, clock: ManualClock, server: RedisServer
    ) -> AsyncGenerator[RateLimiter, None]:
        del clock
        self._began = time.monotonic()
        limiter = limiter_on(server, "one")
        await limiter.start()
        yield limiter
        await limiter.aclose()

    async def let_pass(self, clock: ManualClock, duration_s: float) -> None:
        await asyncio.sleep(duration_s)

    async def let_settle(self) -> None:
        await asyncio.sleep(0.03)

    def spent_s(self) -> float:
        return time.monotonic() - self._began


async def test_two_processes_share_what_flows_and_what_runs(server: RedisServer) -> None:
    one, two = limiter_on(server, "one"), limiter_on(server, "two")
    await one.start()
    await two.start()
    slow, few = limit(per_minute=0.1), running(3.0)
    took = [is_granted(await who.take([(slow, 1.0)])) for who in (one, two) * 8]
    assert took == [True] * 10 + [False] * 6
    took = [is_granted(await who.take([(few, 1.0)])) for who in (one, two, one, two)]
    assert took == [True, True, True, False]
    await one.aclose()
    took = [is_granted(await two.take([(few, 1.0)])) for _ in range(3)]
    assert took == [True, True, False]
    await two.aclose()


async def test_one_request_is_one_round_trip(server: RedisServer) -> None:
    limiter = limiter_on(server, "one")
    await limiter.start()
    await limiter.take([(limit(), 1.0)])
    before = await server.command("INFO", "commandstats")
    for _ in range(5):
        await limiter.take([(limit(), 1.0), (running(9.0), 1.0)])
    after = await server.command("INFO", "commandstats")
    assert _calls(after) - _calls(before) == 5
    await limiter.aclose()


async def test_a_cancelled_request_leaves_nothing_that_runs(server: RedisServer) -> None:
    limiter, few = limiter_on(server, "one"), running(1.0)
    await limiter.start()
    for _ in range(20):
        assert await _soon_granted(limiter, few)
        limiter.give([(few, 1.0)])
        task = asyncio.create_task(limiter.take([(few, 1.0)]))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await _soon_granted(limiter, few)
        limiter.give([(few, 1.0)])
    await limiter.aclose()


@pytest.mark.parametrize("way", ["killed", "frozen"])
async def test_while_the_server_is_gone_the_machines_own_count_decides(way: str) -> None:
    with own_redis() as redis:
        server = RedisServer(Secret(redis.url), timeout_s=0.5)
        clock, observer = SystemClock(), RecordingObserver()
        own = MemoryRateLimiter(clock)
        limiter = RedisRateLimiter(server, own, clock, observer, "one")
        await limiter.start()
        few, slow = running(3.0), limit(per_minute=0.1)
        assert is_granted(await limiter.take([(few, 1.0), (slow, 4.0)]))
        redis.kill() if way == "killed" else redis.pause()
        began = time.monotonic()
        assert is_granted(await limiter.take([(few, 1.0), (slow, 4.0)]))
        assert time.monotonic() - began < 0.5
        assert limiter.is_down
        # It goes on where the shared count stood, and asks nobody any more.
        began = time.monotonic()
        took = [is_granted(await limiter.take([(few, 1.0)])) for _ in range(2)]
        assert took == [True, False]
        assert not is_granted(await limiter.take([(slow, 4.0)]))
        assert time.monotonic() - began < 0.05
        limiter.give([(few, 1.0)])
        assert observer.counted == [(Event.STORE, ("limits", "failed"))]
        redis.start() if way == "killed" else redis.resume()
        for _ in range(200):
            if not limiter.is_down:
                break
            await asyncio.sleep(0.05)
        assert observer.counted[1:] == [(Event.STORE, ("limits", "back"))]
        # What runs is counted there again, once: two of three.
        other = limiter_on(server, "two")
        await other.start()
        took = [is_granted(await other.take([(few, 1.0)])) for _ in range(2)]
        assert took == [True, False]
        await other.aclose()
        await limiter.aclose()
        await server.aclose()


@pytest.mark.parametrize("timeout_s", [5.0, 0.3], ids=["answered-late", "answer-lost"])
async def test_what_ends_while_it_comes_back_is_counted_no_more(timeout_s: float) -> None:
    with own_redis() as redis:
        server, other_server = (
            RedisServer(Secret(redis.url), timeout_s=it) for it in (timeout_s, 5)
        )
        limiter, few = limiter_on(server, "one", patience_s=0.1), running(3.0)
        await limiter.start()
        for _ in range(2):
            assert is_granted(await limiter.take([(few, 1.0)]))
        redis.pause()
        await limiter.take([(limit(), 1.0)])
        assert limiter.is_down
        await asyncio.sleep(3.7)  # by now it has told what runs, to a server that does not hear
        limiter.give([(few, 1.0)])
        redis.resume()
        async with asyncio.timeout(5):
            while limiter.is_down:  # noqa: ASYNC110 - its own task finds out
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.1)
        other = limiter_on(other_server, "two")
        await other.start()
        took = [is_granted(await other.take([(few, 1.0)])) for _ in range(3)]
        assert took == [True, True, False]
        for it in (other, limiter, server, other_server):
            await it.aclose()


async def test_what_a_dead_process_ran_is_free_when_it_was_not_heard_of(
    server: RedisServer,
) -> None:
    dead, few = limiter_on(server, "dead"), running(1.0)
    await dead.start()
    assert is_granted(await dead.take([(few, 1.0)]))
    other = limiter_on(server, "other")
    await other.start()
    assert not is_granted(await other.take([(few, 1.0)]))
    ttl_ms = await server.command("PTTL", f"{server.prefix}lp:dead.0")
    assert 10_000 < ttl_ms <= 15_000
    await server.command("DEL", f"{server.prefix}lp:dead.0")  # its time has passed
    assert is_granted(await other.take([(few, 1.0)]))
    await other.aclose()
    await dead.aclose()


async def test_keys_expire(server: RedisServer) -> None:
    limiter = limiter_on(server, "one")
    await limiter.start()
    await limiter.take([(limit(per_minute=600.0), 5.0), (running(2.0), 1.0)])
    keys = await server.command("KEYS", f"{server.prefix}*")
    assert len(keys) == 3
    for key in keys:
        assert 0 < await server.command("PTTL", key) <= 86_400_000
    await limiter.aclose()


async def _soon_granted(limiter: RateLimiter, wanted: Limit) -> bool:
    for _ in range(100):
        if is_granted(await limiter.take([(wanted, 1.0)])):
            return True
        await asyncio.sleep(0.01)
    return False


def _calls(stats: dict[str, dict[str, int]]) -> int:
    return sum(
        value["calls"]
        for name, value in stats.items()
        if name.startswith(("cmdstat_eval", "cmdstat_evalsha"))
    )
