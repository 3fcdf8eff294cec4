"""Holding: what a process works on is renewed, told when it is lost, and free at the end."""

import asyncio
from collections.abc import AsyncIterator, Collection

import pytest

from modelmux.adapters.memory.clock import ManualClock
from modelmux.adapters.memory.leases import MemoryLeases
from modelmux.adapters.memory.state import MemoryState
from modelmux.application.holding import Holding, hold_conversation
from modelmux.application.ports import LeaseKey
from modelmux.domain.errors import Conflict, StoreError
from tests.support.turning import let_run

KEY = LeaseKey("acme", "conv_1")


class Leases(MemoryLeases):
    """Leases that can be down, have a `fault` of their own, or answer late."""

    def __init__(self, state: MemoryState, clock: ManualClock) -> None:
        super().__init__(state, clock)
        self.down = False
        self.fault: Exception | None = None
        self.rounds: list[tuple[str, int]] = []
        self.take_gate: asyncio.Event | None = None
        self.release_gate: asyncio.Event | None = None

    async def take(self, key: LeaseKey, holder: str, ttl_s: float) -> bool:
        taken = await super().take(key, holder, ttl_s)
        if self.take_gate is not None:
            await self.take_gate.wait()
        return taken

    async def renew(
        self, keys: Collection[LeaseKey], holder: str, ttl_s: float
    ) -> Collection[LeaseKey]:
        if self.down:
            raise StoreError("down")
        if self.fault is not None:
            raise self.fault
        self.rounds.append((holder, len(keys)))
        return await super().renew(keys, holder, ttl_s)

    async def release(self, key: LeaseKey, holder: str) -> None:
        if self.down:
            raise StoreError("down")
        if self.release_gate is not None:
            await self.release_gate.wait()
        await super().release(key, holder)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def state() -> MemoryState:
    return MemoryState()


@pytest.fixture
def leases(state: MemoryState, clock: ManualClock) -> Leases:
    return Leases(state, clock)


@pytest.fixture
async def holding(leases: Leases, clock: ManualClock) -> AsyncIterator[Holding]:
    holding = Holding(leases, "one", clock)
    holding.start()
    await let_run()
    yield holding
    await holding.aclose()


async def rounds(clock: ManualClock, count: int, length_s: float = 2.0) -> None:
    for _ in range(count):
        clock.advance(length_s)
        await let_run()


async def test_what_is_held_stays_so_for_as_long_as_it_is_needed(
    holding: Holding, state: MemoryState, clock: ManualClock
) -> None:
    hold = await holding.take(KEY)
    assert hold is not None
    await rounds(clock, 10)
    assert hold.held
    assert await Holding(MemoryLeases(state, clock), "two", clock).take(KEY) is None
    await holding.release(hold)
    assert state.leases == {}
    await holding.release(hold)


async def test_all_that_a_process_holds_is_renewed_at_once(
    holding: Holding, leases: Leases, clock: ManualClock
) -> None:
    await rounds(clock, 1)
    assert leases.rounds == []
    for number in range(50):
        await holding.take(LeaseKey("acme", str(number)))
    await holding.take(KEY, holder="job")
    await rounds(clock, 1)
    assert leases.rounds == [("one", 50), ("job", 1)]


async def test_nobody_takes_what_this_process_holds_itself(holding: Holding) -> None:
    taken = await asyncio.gather(*(holding.take(KEY) for _ in range(10)))
    assert sum(hold is not None for hold in taken) == 1


async def test_who_lost_it_is_told_once(
    holding: Holding, state: MemoryState, clock: ManualClock
) -> None:
    lost: list[str] = []
    hold = await holding.take(KEY, lambda: lost.append("it"))
    other = await holding.take(LeaseKey("acme", "other"), lambda: lost.append("other"))
    assert hold is not None
    assert other is not None
    del state.leases[KEY]
    await rounds(clock, 3)
    assert lost == ["it"]
    assert (hold.held, other.held) == (False, True)


async def test_a_hold_ends_by_itself_where_nothing_can_be_renewed(
    holding: Holding, leases: Leases, clock: ManualClock
) -> None:
    lost: list[str] = []
    hold = await holding.take(KEY, lambda: lost.append("it"))
    assert hold is not None
    leases.down = True
    await rounds(clock, 2)
    assert (hold.held, lost) == (True, [])
    clock.advance(1.6)  # without a round: whoever writes has to look at the time as well
    assert not hold.held
    await rounds(clock, 1)
    assert lost == ["it"]


async def test_a_store_that_fails_for_a_moment_costs_nothing(
    holding: Holding, leases: Leases, clock: ManualClock
) -> None:
    hold = await holding.take(KEY)
    assert hold is not None
    leases.down = True
    await rounds(clock, 10, 0.5)
    leases.down = False
    await rounds(clock, 1, 0.5)
    await rounds(clock, 4)
    assert hold.held


async def test_what_cannot_be_released_runs_out(
    holding: Holding, leases: Leases, clock: ManualClock
) -> None:
    hold = await holding.take(KEY)
    assert hold is not None
    leases.down = True
    await holding.release(hold)
    leases.down = False
    assert await holding.take(KEY) is None
    clock.advance(6.0)
    assert await holding.take(KEY) is not None


async def test_a_release_goes_through_though_its_caller_is_cancelled(
    holding: Holding, leases: Leases, state: MemoryState
) -> None:
    hold = await holding.take(KEY)
    assert hold is not None
    leases.release_gate = asyncio.Event()
    releasing = asyncio.create_task(holding.release(hold))
    await let_run()
    releasing.cancel()
    await asyncio.wait((releasing,))
    assert await holding.take(KEY) is None  # else the release would free what this one has got
    leases.release_gate.set()
    await let_run()
    assert state.leases == {}
    assert await holding.take(KEY) is not None


async def test_a_take_that_is_cancelled_leaves_nothing_behind(
    holding: Holding, leases: Leases, state: MemoryState
) -> None:
    leases.take_gate = asyncio.Event()
    taking = asyncio.create_task(holding.take(KEY))
    await let_run()
    assert KEY in state.leases
    taking.cancel()
    await asyncio.wait((taking,))
    await let_run()
    assert state.leases == {}
    leases.take_gate = None
    assert await holding.take(KEY) is not None


async def test_a_take_that_is_cancelled_frees_nothing_that_another_has_got(
    holding: Holding, leases: Leases, state: MemoryState
) -> None:
    await holding.take(KEY)
    leases.take_gate = asyncio.Event()
    taking = asyncio.create_task(holding.take(KEY))
    await let_run()
    taking.cancel()
    await asyncio.wait((taking,))
    await let_run()
    assert KEY in state.leases


async def test_closing_lets_go_of_everything(
    leases: Leases, state: MemoryState, clock: ManualClock
) -> None:
    holding = Holding(leases, "one", clock)
    holding.start()
    await holding.take(KEY)
    await holding.take(LeaseKey("acme", "other"))
    await holding.aclose()
    await holding.aclose()
    assert state.leases == {}
    assert clock.sleepers == 0


async def test_a_round_that_fails_for_no_foreseen_reason_is_not_the_last(
    holding: Holding, leases: Leases, clock: ManualClock
) -> None:
    hold = await holding.take(KEY)
    assert hold is not None
    leases.fault = KeyError("nobody foresaw it")
    await rounds(clock, 1)
    leases.fault = None
    await rounds(clock, 4)
    assert hold.held


async def test_a_revoked_hold_is_lost_within_a_round(
    holding: Holding, state: MemoryState, clock: ManualClock
) -> None:
    lost: list[str] = []
    await holding.take(KEY, lambda: lost.append("it"), "job")
    elsewhere = Holding(MemoryLeases(state, clock), "two", clock)
    await elsewhere.revoke(KEY, "somebody")
    await rounds(clock, 1)
    assert lost == []
    await elsewhere.revoke(KEY, "job")
    await rounds(clock, 1)
    assert lost == ["it"]


async def test_a_conversation_that_is_held_is_a_conflict(holding: Holding) -> None:
    hold = await hold_conversation(holding, "acme", "conv_1")
    await hold_conversation(holding, "other", "conv_1")
    with pytest.raises(Conflict) as caught:
        await hold_conversation(holding, "acme", "conv_1")
    assert caught.value.reason == "conversation_locked"
    await holding.release(hold)
    await hold_conversation(holding, "acme", "conv_1")
