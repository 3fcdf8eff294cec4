"""The laws of `Clock`."""

import asyncio
from abc import ABC, abstractmethod

import pytest

from modelmux.application.ports import Clock


class ClockContract(ABC):
    """Inherit, give `clock`; override `pass_time` where time has to be told."""

    @pytest.fixture
    @abstractmethod
    def clock(self) -> Clock: ...

    async def pass_time(self, clock: Clock, duration_s: float) -> None:
        """Make at least `duration_s` pass on `clock`."""
        await asyncio.sleep(duration_s)

    async def test_both_readings_move_with_time(self, clock: Clock) -> None:
        now, monotonic = clock.now(), clock.monotonic()
        await self.pass_time(clock, 0.02)
        assert clock.now() - now >= 0.015
        assert clock.monotonic() - monotonic >= 0.015

    async def test_now_is_seconds_since_the_epoch(self, clock: Clock) -> None:
        assert 1_600_000_000 < clock.now() < 5_000_000_000

    async def test_a_sleep_lasts_as_long_as_it_was_asked_to(self, clock: Clock) -> None:
        before = clock.monotonic()
        sleep = asyncio.create_task(clock.sleep(0.03))
        await asyncio.sleep(0)
        await self.pass_time(clock, 0.04)
        await asyncio.wait_for(sleep, 5)
        assert clock.monotonic() - before >= 0.029

    async def test_a_sleep_of_nothing_lets_others_run_and_returns(self, clock: Clock) -> None:
        ran = asyncio.Event()
        asyncio.get_running_loop().call_soon(ran.set)
        await asyncio.wait_for(clock.sleep(0), 5)
        assert ran.is_set()

    async def test_a_sleep_can_be_cancelled(self, clock: Clock) -> None:
        async def doze() -> None:
            while True:
                await clock.sleep(1000)

        sleep = asyncio.create_task(doze())
        await asyncio.sleep(0)
        sleep.cancel()
        await asyncio.wait([sleep], timeout=5)
        assert sleep.cancelled()
        await self.pass_time(clock, 0.01)
