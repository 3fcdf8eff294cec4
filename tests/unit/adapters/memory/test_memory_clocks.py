import asyncio

import pytest

from modelmux.adapters.memory.clock import LeapingClock, ManualClock
from modelmux.application.ports import Clock
from tests.contracts.clock import ClockContract


class TestManualClock(ClockContract):
    @pytest.fixture
    def clock(self) -> Clock:
        return ManualClock()

    async def pass_time(self, clock: Clock, duration_s: float) -> None:
        assert isinstance(clock, ManualClock)
        clock.advance(duration_s)

    async def test_sleepers_wake_when_their_time_comes_and_not_before(self) -> None:
        clock = ManualClock()
        woken: list[str] = []

        async def doze(name: str, duration_s: float) -> None:
            await clock.sleep(duration_s)
            woken.append(name)

        naps = [asyncio.create_task(doze(name, s)) for name, s in (("b", 2), ("a", 1), ("c", 3))]
        await asyncio.sleep(0)
        assert clock.sleepers == 3
        clock.advance(0.9)
        await asyncio.sleep(0)
        assert woken == []
        clock.advance(1.2)
        await asyncio.sleep(0)
        assert woken == ["a", "b"]
        assert clock.sleepers == 1
        clock.advance(1)
        await asyncio.gather(*naps)

    async def test_time_stands_still_by_itself(self) -> None:
        clock = ManualClock()
        before = clock.now(), clock.monotonic()
        await asyncio.sleep(0.01)
        assert (clock.now(), clock.monotonic()) == before


class TestLeapingClock(ClockContract):
    @pytest.fixture
    def clock(self) -> Clock:
        return LeapingClock()

    async def pass_time(self, clock: Clock, duration_s: float) -> None:
        assert isinstance(clock, LeapingClock)
        clock.advance(duration_s)

    async def test_a_sleep_takes_no_real_time_and_is_told(self) -> None:
        clock = LeapingClock()
        await asyncio.wait_for(clock.sleep(10_000), 1)
        await clock.sleep(5)
        assert clock.slept == [10_000, 5]
        assert clock.monotonic() == 10_005
