import asyncio

import pytest

from modelmux.adapters.transport.tokens import CachedToken, Token
from modelmux.application.ports import Clock
from modelmux.domain.errors import ProviderError, UpstreamAuthFailed


class HandClock(Clock):
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.time = 1000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, duration_s: float) -> None:
        self.time += duration_s


class Source:
    """Gives the tokens `t1`, `t2`, ..., or fails while `error` is set, or hangs at the gate."""

    def __init__(self, clock: HandClock, life_s: float = 3600.0) -> None:
        self.clock = clock
        self.life_s = life_s
        self.calls = 0
        self.error: ProviderError | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def fetch(self) -> Token:
        self.calls += 1
        number = self.calls
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return Token(f"t{number}", self.clock.now() + self.life_s)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def source(clock: HandClock) -> Source:
    return Source(clock)


@pytest.fixture
def token(source: Source, clock: HandClock) -> CachedToken:
    return CachedToken(source.fetch, clock, ahead_s=300.0, timeout_s=5.0)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_valid_token_is_fetched_once(token: CachedToken, source: Source) -> None:
    assert [await token.get() for _ in range(3)] == ["t1", "t1", "t1"]
    assert source.calls == 1


async def test_any_number_of_waiters_cause_one_fetch(token: CachedToken, source: Source) -> None:
    source.gate.clear()
    waiters = [asyncio.create_task(token.get()) for _ in range(50)]
    await settle()
    source.gate.set()

    assert set(await asyncio.gather(*waiters)) == {"t1"}
    assert source.calls == 1


async def test_a_cancelled_waiter_takes_nothing_from_the_others(
    token: CachedToken, source: Source
) -> None:
    source.gate.clear()
    leaver, stayer = asyncio.create_task(token.get()), asyncio.create_task(token.get())
    await settle()
    leaver.cancel()
    await settle()
    source.gate.set()

    assert await stayer == "t1"
    assert leaver.cancelled()
    assert source.calls == 1


async def test_renewal_ahead_of_the_end_makes_nobody_wait(
    token: CachedToken, source: Source, clock: HandClock
) -> None:
    await token.get()
    clock.time += 3301
    source.gate.clear()

    assert await token.get() == "t1"
    assert await token.get() == "t1"
    source.gate.set()
    await settle()
    assert await token.get() == "t2"
    assert source.calls == 2


async def test_a_failing_renewal_fails_nobody_while_the_old_token_is_valid(
    token: CachedToken, source: Source, clock: HandClock
) -> None:
    await token.get()
    clock.time += 3400
    source.error = UpstreamAuthFailed("no")
    for _ in range(10):
        assert await token.get() == "t1"
        await settle()
    assert source.calls == 2

    clock.time += 1.5
    source.error = None
    assert await token.get() == "t1"
    await settle()
    assert await token.get() == "t3"


async def test_without_a_valid_token_the_failure_is_told_and_remembered_for_a_pause(
    token: CachedToken, source: Source, clock: HandClock
) -> None:
    source.error = UpstreamAuthFailed("no such client")
    for _ in range(3):
        with pytest.raises(UpstreamAuthFailed, match="no such client"):
            await token.get()
    assert source.calls == 1

    clock.time += 1.5
    source.error = None
    assert await token.get() == "t2"


async def test_an_expired_token_is_never_given(
    token: CachedToken, source: Source, clock: HandClock
) -> None:
    await token.get()
    clock.time += 3600
    assert await token.get() == "t2"


async def test_a_short_lived_token_is_renewed_at_half_its_life(clock: HandClock) -> None:
    source = Source(clock, life_s=60.0)
    token = CachedToken(source.fetch, clock, ahead_s=300.0)
    await token.get()
    clock.time += 29
    await token.get()
    await settle()
    assert source.calls == 1
    clock.time += 2
    await token.get()
    await settle()
    assert source.calls == 2


async def test_a_fetch_that_hangs_ends_in_time(clock: HandClock, source: Source) -> None:
    source.gate.clear()
    token = CachedToken(source.fetch, clock, timeout_s=0.01)
    with pytest.raises(UpstreamAuthFailed, match="within"):
        await token.get()


async def test_closing_ends_a_fetch_under_way(token: CachedToken, source: Source) -> None:
    source.gate.clear()
    waiter = asyncio.create_task(token.get())
    await settle()
    await token.aclose()
    await token.aclose()
    await settle()
    assert waiter.done()


def test_a_token_does_not_show_its_value() -> None:
    assert "abc" not in repr(Token("abc", 1.0))
