"""The task that takes away what is over its time or a limit."""

import asyncio

from modelmux.adapters.memory.clock import ManualClock
from modelmux.adapters.memory.state import MemoryState
from modelmux.adapters.memory.state_store import MemoryStateStore
from modelmux.application.ports import StateLimits, Swept
from modelmux.application.sweeping import Sweeping
from modelmux.domain.errors import StoreError
from modelmux.domain.turn import ResponseRecord, Status


class Moody(MemoryStateStore):
    """Fails at its first sweep."""

    sweeps = 0

    async def sweep(self) -> Swept:
        self.sweeps += 1
        if self.sweeps == 1:
            raise StoreError("The store does not answer.")
        return await super().sweep()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_it_sweeps_now_and_then_and_goes_on_after_a_failure() -> None:
    clock = ManualClock()
    state = MemoryState(StateLimits(ttl_s=50.0, in_use_s=1.0))
    store = Moody(state, clock)
    await store.add(
        ResponseRecord(
            tenant="acme",
            id="resp_1",
            status=Status.COMPLETED,
            created_at=clock.now(),
            settings=b"{}",
        )
    )
    sweeping = Sweeping(store, clock, every_s=60.0)
    sweeping.start()
    sweeping.start()
    for times in (1, 2):
        await settle()
        assert clock.sleepers == 1
        clock.advance(60.0)
        await settle()
        assert store.sweeps == times
    assert state.responses == {}
    await sweeping.aclose()
    await sweeping.aclose()
    assert clock.sleepers == 0
