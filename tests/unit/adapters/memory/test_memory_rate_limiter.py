"""The memory limiter keeps the port's laws, and forgets what is full."""

import pytest

from modelmux.adapters.memory.clock import ManualClock
from modelmux.adapters.memory.rate_limiter import MemoryRateLimiter
from modelmux.application.ports import RateLimiter
from tests.contracts.rate_limiter import RateLimiterContract, is_granted, limit


class TestMemoryRateLimiter(RateLimiterContract):
    @pytest.fixture
    def limiter(self, clock: ManualClock) -> RateLimiter:
        return MemoryRateLimiter(clock)


async def test_beyond_its_room_those_who_took_least_are_forgotten_first() -> None:
    limiter = MemoryRateLimiter(ManualClock(), max_entries=100)
    assert is_granted(await limiter.take([(limit(subject="greedy"), 10.0)]))
    for number in range(1000):
        await limiter.take([(limit(subject=f"key{number}"), 1.0)])
    assert not is_granted(await limiter.take([(limit(subject="greedy"), 1.0)]))
