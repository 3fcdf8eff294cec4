"""The Redis stores on a real server: what every store must, and what is special to a server."""

import asyncio

import pytest

from modelmux.adapters.memory.clock import ManualClock
from modelmux.adapters.redis.event_log import RedisEventLog
from modelmux.adapters.redis.leases import RedisLeases
from modelmux.adapters.redis.server import RedisServer
from modelmux.adapters.redis.state_store import RedisStateStore
from modelmux.application.ports import Leases
from tests.contracts.event_log import EventLogContract
from tests.contracts.leases import LeasesContract
from tests.contracts.state_store import StateStoreContract
from tests.support.state_samples import LIMITS, StateKit


def redis_kit(server: RedisServer) -> StateKit:
    clock = ManualClock()
    return StateKit(
        RedisStateStore(server, clock, LIMITS), RedisLeases(server), RedisEventLog(server), clock
    )


class TestRedisStateStore(StateStoreContract):
    @pytest.fixture
    def kit(self, server: RedisServer) -> StateKit:
        return redis_kit(server)

    async def let_lease_pass(self, clock: ManualClock, duration_s: float) -> None:
        await asyncio.sleep(duration_s)


class TestRedisEventLog(EventLogContract):
    @pytest.fixture
    def kit(self, server: RedisServer) -> StateKit:
        return redis_kit(server)


class TestRedisLeases(LeasesContract):
    @pytest.fixture
    def leases(self, clock: ManualClock, server: RedisServer) -> Leases:
        return RedisLeases(server)

    async def let_pass(self, clock: ManualClock, duration_s: float) -> None:
        await asyncio.sleep(duration_s)
