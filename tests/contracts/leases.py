"""The laws of `Leases`."""

import asyncio
from abc import ABC, abstractmethod

import pytest

from modelmux.adapters.memory.clock import ManualClock
from modelmux.application.ports import LeaseKey, Leases

KEY = LeaseKey("acme", "conv_1")
SHORT_S = 0.3
"""Short enough to be waited for where leases go by a server's clock."""


class LeasesContract(ABC):
    """Inherit, give `leases` (nothing is held) and `clock`."""

    @pytest.fixture
    @abstractmethod
    def leases(self, clock: ManualClock) -> Leases: ...

    @pytest.fixture
    def clock(self) -> ManualClock:
        return ManualClock()

    async def let_pass(self, clock: ManualClock, duration_s: float) -> None:
        """Let time pass for leases; overridden where they go by another clock."""
        clock.advance(duration_s)

    async def test_what_is_held_is_not_taken_by_anybody(self, leases: Leases) -> None:
        assert await leases.take(KEY, "one", 60.0)
        assert not await leases.take(KEY, "two", 60.0)
        assert not await leases.take(KEY, "one", 60.0)

    @pytest.mark.parametrize(
        "other",
        [LeaseKey("other", "conv_1"), LeaseKey("acme", "conv_2"), LeaseKey("acme:conv", "1")],
    )
    async def test_other_subjects_and_tenants_are_free(
        self, leases: Leases, other: LeaseKey
    ) -> None:
        assert await leases.take(KEY, "one", 60.0)
        assert await leases.take(other, "two", 60.0)
        await leases.release(other, "two")
        assert not await leases.take(KEY, "two", 60.0)

    @pytest.mark.parametrize("subject", ["", "\x00", "ключ \U0001f600", "*", "x" * 5_000, "'; --"])
    async def test_subjects_of_any_text_do_no_harm(self, leases: Leases, subject: str) -> None:
        assert await leases.take(LeaseKey(subject, subject), "one", 60.0)
        assert not await leases.take(LeaseKey(subject, subject), "two", 60.0)
        assert list(await leases.renew([LeaseKey(subject, subject)], "one", 60.0)) == [
            LeaseKey(subject, subject)
        ]

    async def test_of_many_who_take_at_once_one_holds(self, leases: Leases) -> None:
        for n in range(10):
            key = LeaseKey("acme", f"conv_{n}")
            taken = await asyncio.gather(*(leases.take(key, f"h{m}", 60.0) for m in range(20)))
            assert taken.count(True) == 1
            renewed = [bool(await leases.renew([key], f"h{m}", 60.0)) for m in range(20)]
            assert renewed == taken

    async def test_what_was_released_is_free(self, leases: Leases) -> None:
        assert await leases.take(KEY, "one", 60.0)
        await leases.release(KEY, "one")
        await leases.release(KEY, "one")
        assert await leases.take(KEY, "two", 60.0)

    async def test_nobody_releases_what_another_holds(self, leases: Leases) -> None:
        assert await leases.take(KEY, "one", 60.0)
        await leases.release(KEY, "two")
        assert not await leases.take(KEY, "two", 60.0)
        assert list(await leases.renew([KEY], "one", 60.0)) == [KEY]

    async def test_a_lease_ends_with_its_time(self, leases: Leases, clock: ManualClock) -> None:
        assert await leases.take(KEY, "one", SHORT_S)
        await self.let_pass(clock, SHORT_S * 1.2)
        assert await leases.take(KEY, "two", 60.0)
        await leases.release(KEY, "one")
        assert not await leases.take(KEY, "one", 60.0)

    async def test_of_many_who_take_what_has_ended_one_holds(
        self, leases: Leases, clock: ManualClock
    ) -> None:
        assert await leases.take(KEY, "one", SHORT_S)
        await self.let_pass(clock, SHORT_S * 1.2)
        taken = await asyncio.gather(*(leases.take(KEY, f"h{m}", 60.0) for m in range(20)))
        assert taken.count(True) == 1

    async def test_renewing_holds_from_now_on(self, leases: Leases, clock: ManualClock) -> None:
        others = [LeaseKey("acme", f"conv_{n}") for n in range(2, 5)]
        for key in (KEY, *others):
            assert await leases.take(key, "one", SHORT_S)
        await self.let_pass(clock, SHORT_S * 0.5)
        assert set(await leases.renew([KEY, *others[:2]], "one", SHORT_S * 2)) == {
            KEY,
            *others[:2],
        }
        await self.let_pass(clock, SHORT_S)
        assert not await leases.take(KEY, "two", 60.0)
        assert await leases.take(others[2], "two", 60.0)

    async def test_only_what_is_still_held_is_renewed(
        self, leases: Leases, clock: ManualClock
    ) -> None:
        free, over = LeaseKey("acme", "free"), LeaseKey("acme", "over")
        lost, theirs = LeaseKey("acme", "lost"), LeaseKey("other", "conv_1")
        assert await leases.take(over, "one", SHORT_S)
        assert await leases.take(lost, "one", SHORT_S)
        assert await leases.take(KEY, "one", 60.0)
        assert await leases.take(theirs, "two", 60.0)
        await self.let_pass(clock, SHORT_S * 1.2)
        assert await leases.take(lost, "two", 60.0)
        assert list(await leases.renew([free, over, lost, KEY, theirs], "one", 60.0)) == [KEY]
        # What had ended was not brought back to life: somebody may have acted on its end.
        assert await leases.take(over, "two", 60.0)
        assert not await leases.take(lost, "one", 60.0)

    async def test_many_are_renewed_at_once(self, leases: Leases) -> None:
        keys = [LeaseKey("acme", f"conv_{n}") for n in range(1200)]
        await asyncio.gather(*(leases.take(key, "one", 60.0) for key in keys))
        assert set(await leases.renew(keys, "one", 60.0)) == set(keys)

    async def test_nothing_is_renewed_for_nothing(self, leases: Leases) -> None:
        assert not await leases.renew([], "one", 60.0)
