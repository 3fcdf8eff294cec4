"""The laws of `RateLimiter`."""

import asyncio
import random
from abc import ABC, abstractmethod
from collections.abc import Sequence

import pytest

from modelmux.adapters.memory.clock import ManualClock
from modelmux.application.ports import Limit, LimitKey, LimitKind, RateLimiter, Standing


def limit(
    kind: LimitKind = LimitKind.REQUESTS,
    per_minute: float = 60.0,
    burst: float = 10.0,
    subject: str = "key1",
    tenant: str = "acme",
) -> Limit:
    return Limit(LimitKey(tenant, "key", subject, kind), per_minute, burst)


def running(most: float, subject: str = "key1") -> Limit:
    return limit(LimitKind.CONCURRENT, most, most, subject)


def is_granted(standings: Sequence[Standing]) -> bool:
    return all(standing.wait_s == 0 for standing in standings)


class RateLimiterContract(ABC):
    """Inherit, give `limiter` (nothing was taken). `close_enough` is for clocks that tick on."""

    close_enough = 1e-6

    @pytest.fixture
    @abstractmethod
    def limiter(self, clock: ManualClock) -> RateLimiter: ...

    @pytest.fixture
    def clock(self) -> ManualClock:
        return ManualClock()

    async def let_pass(self, clock: ManualClock, duration_s: float) -> None:
        """Let time pass for limits; overridden where they go by another clock."""
        clock.advance(duration_s)

    async def let_settle(self) -> None:
        """Return once what was given has arrived; overridden where it takes a way."""
        await asyncio.sleep(0)

    async def took(self, limiter: RateLimiter, *wanted: tuple[Limit, float]) -> bool:
        return is_granted(await limiter.take(wanted))

    async def test_what_may_be_saved_up_can_be_taken_at_once_and_no_more(
        self, limiter: RateLimiter
    ) -> None:
        slow = limit(per_minute=1.0)
        assert [await self.took(limiter, (slow, 1.0)) for _ in range(12)] == [True] * 10 + [
            False
        ] * 2

    async def test_a_standing_tells_what_is_left(self, limiter: RateLimiter) -> None:
        (standing,) = await limiter.take([(limit(), 4.0)])
        assert standing.limit == limit()
        assert standing.remaining == pytest.approx(6.0, abs=self.close_enough)
        assert standing.reset_s == pytest.approx(4.0, abs=self.close_enough)
        assert standing.wait_s == 0.0

    async def test_a_refusal_tells_how_long_to_wait_and_takes_nothing(
        self, limiter: RateLimiter, clock: ManualClock
    ) -> None:
        fast = limit(per_minute=600.0)
        assert await self.took(limiter, (fast, 9.0))
        waits: list[float] = []
        for _ in range(3):
            (standing,) = await limiter.take([(fast, 3.0)])
            waits.append(standing.wait_s)
            assert 0.1 < standing.wait_s <= 0.2 + self.close_enough
            assert standing.remaining == pytest.approx(1.0, abs=max(self.close_enough * 30, 1e-6))
        await self.let_pass(clock, waits[-1] + 0.001)
        assert await self.took(limiter, (fast, 3.0))

    async def test_it_flows_back_evenly_and_never_beyond_the_burst(
        self, limiter: RateLimiter, clock: ManualClock
    ) -> None:
        fast = limit(per_minute=600.0)
        assert await self.took(limiter, (fast, 10.0))
        await self.let_pass(clock, 0.45)
        assert await self.took(limiter, (fast, 4.0))
        assert not await self.took(limiter, (fast, 4.0))
        await self.let_pass(clock, 1.2)
        assert not await self.took(limiter, (fast, 10.5))
        assert await self.took(limiter, (fast, 10.0))

    async def test_more_than_is_ever_there_is_told_so(self, limiter: RateLimiter) -> None:
        (standing,) = await limiter.take([(limit(), 11.0)])
        assert standing.wait_s == float("inf")
        (standing,) = await limiter.take([(running(2.0), 3.0)])
        assert standing.wait_s == float("inf")

    async def test_of_several_limits_all_are_taken_or_none(self, limiter: RateLimiter) -> None:
        slow = limit(per_minute=1.0)
        tokens = limit(LimitKind.TOKENS, per_minute=60.0, burst=100.0)
        few = running(1.0)
        assert await self.took(limiter, (slow, 1.0), (tokens, 60.0), (few, 1.0))
        for _ in range(3):
            standings = await limiter.take([(slow, 1.0), (tokens, 60.0), (few, 1.0)])
            assert [standing.limit for standing in standings] == [slow, tokens, few]
            assert [standing.wait_s > 0 for standing in standings] == [False, True, True]
        assert [await self.took(limiter, (slow, 1.0)) for _ in range(10)].count(True) == 9
        limiter.give([(few, 1.0)])
        await self.let_settle()
        assert await self.took(limiter, (tokens, 30.0), (few, 1.0))

    async def test_what_runs_is_free_when_it_is_given_back(self, limiter: RateLimiter) -> None:
        few = running(2.0)
        assert [await self.took(limiter, (few, 1.0)) for _ in range(3)] == [True, True, False]
        limiter.give([(few, 1.0)])
        await self.let_settle()
        assert [await self.took(limiter, (few, 1.0)) for _ in range(2)] == [True, False]

    async def test_time_alone_frees_nothing_that_runs(
        self, limiter: RateLimiter, clock: ManualClock
    ) -> None:
        few = running(1.0)
        assert await self.took(limiter, (few, 1.0))
        await self.let_pass(clock, 0.5)
        assert not await self.took(limiter, (few, 1.0))

    async def test_more_than_runs_is_not_given_back(self, limiter: RateLimiter) -> None:
        few = running(2.0)
        assert await self.took(limiter, (few, 1.0))
        for _ in range(3):
            limiter.give([(few, 1.0)])
        await self.let_settle()
        assert [await self.took(limiter, (few, 1.0)) for _ in range(3)] == [True, True, False]

    async def test_given_back_is_there_again_and_never_beyond_the_burst(
        self, limiter: RateLimiter
    ) -> None:
        slow = limit(LimitKind.TOKENS, per_minute=1.0, burst=100.0)
        assert await self.took(limiter, (slow, 80.0))
        limiter.give([(slow, 50.0)])
        await self.let_settle()
        assert await self.took(limiter, (slow, 70.0))
        limiter.give([(slow, 10_000.0)])
        await self.let_settle()
        assert not await self.took(limiter, (slow, 101.0))
        assert await self.took(limiter, (slow, 100.0))

    async def test_a_debt_is_paid_before_anything_is_taken(
        self, limiter: RateLimiter, clock: ManualClock
    ) -> None:
        tokens = limit(LimitKind.TOKENS, per_minute=6000.0, burst=100.0)
        assert await self.took(limiter, (tokens, 50.0))
        limiter.give([(tokens, -80.0)])
        await self.let_settle()
        (standing,) = await limiter.take([(tokens, 10.0)])
        assert standing.remaining == 0.0
        assert 0.3 < standing.wait_s <= 0.4 + self.close_enough
        await self.let_pass(clock, standing.wait_s + 0.005)
        assert await self.took(limiter, (tokens, 10.0))

    async def test_no_debt_shuts_anybody_out_for_ever(self, limiter: RateLimiter) -> None:
        tokens = limit(LimitKind.TOKENS, per_minute=60.0, burst=60.0)
        limiter.give([(tokens, -1e15)])
        await self.let_settle()
        (standing,) = await limiter.take([(tokens, 1.0)])
        assert 3000 < standing.wait_s < 4000

    @pytest.mark.parametrize(
        "other",
        [
            LimitKey("other", "key", "key1", LimitKind.REQUESTS),
            LimitKey("acme", "route", "key1", LimitKind.REQUESTS),
            LimitKey("acme", "key", "key2", LimitKind.REQUESTS),
            LimitKey("acme", "key", "key1", LimitKind.TOKENS),
            LimitKey("acme", "key", "key1", LimitKind.CONCURRENT),
            LimitKey("acmekey", "", "key1", LimitKind.REQUESTS),
            LimitKey("a\x00:\udcff\U0001f600", "key", "x" * 5000, LimitKind.REQUESTS),
        ],
    )
    async def test_each_subject_scope_tenant_and_kind_has_its_own(
        self, limiter: RateLimiter, other: LimitKey
    ) -> None:
        assert await self.took(limiter, (limit(per_minute=1.0), 10.0))
        assert not await self.took(limiter, (limit(per_minute=1.0), 1.0))
        assert await self.took(limiter, (Limit(other, 10.0, 10.0), 10.0))
        assert not await self.took(limiter, (Limit(other, 10.0, 10.0), 1.0))

    async def test_of_many_who_take_at_once_as_many_get_it_as_may(
        self, limiter: RateLimiter
    ) -> None:
        slow, few = limit(per_minute=0.1), running(4.0)
        took = await asyncio.gather(*(self.took(limiter, (slow, 1.0)) for _ in range(50)))
        assert took.count(True) == 10
        took = await asyncio.gather(*(self.took(limiter, (few, 1.0)) for _ in range(50)))
        assert took.count(True) == 4

    async def test_nothing_is_wanted_and_nothing_given(self, limiter: RateLimiter) -> None:
        assert list(await limiter.take([])) == []
        limiter.give([])

    async def test_over_any_history_no_more_is_taken_than_flows(
        self, limiter: RateLimiter, clock: ManualClock
    ) -> None:
        for seed in range(3):
            rng = random.Random(seed)
            flow = limit(LimitKind.TOKENS, 6000.0, 50.0, subject=f"key{seed}")
            taken = elapsed = 0.0
            for _ in range(60):
                amount = rng.choice([1.0, 7.0, 30.0])
                if await self.took(limiter, (flow, amount)):
                    taken += amount
                    if rng.random() < 0.3:
                        back = amount * rng.random()
                        limiter.give([(flow, back)])
                        await self.let_settle()
                        taken -= back
                assert taken <= 50.0 + (elapsed + self.spent_s()) * 100.0 + 1e-6
                if rng.random() < 0.2:
                    nap_s = rng.random() * 0.02
                    await self.let_pass(clock, nap_s)
                    elapsed += nap_s

    def spent_s(self) -> float:
        """Return what has passed beside `let_pass`, at most; for clocks that tick on."""
        return 0.0
