"""Several keys for one provider: which is used, which rests, and what is told when all do."""

import pytest

from modelmux.adapters.memory.clock import LeapingClock
from modelmux.adapters.memory.observer import RecordingObserver
from modelmux.adapters.memory.scripted import Script, ScriptedProvider
from modelmux.application.filters.rotating import Rotating
from modelmux.application.ports import Event
from modelmux.domain.errors import (
    ProviderError,
    QuotaExhausted,
    UpstreamAuthFailed,
    UpstreamFailed,
    UpstreamRateLimited,
)
from tests.support.asking import HELLO_EVENTS, asking, drain, text_of
from tests.support.attempting import NO_RETRIES, AttemptHouse

HELLO = Script((HELLO_EVENTS,))
REFUSED = Script(open_error=UpstreamAuthFailed("who?", status=401))
FORBIDDEN = Script(open_error=UpstreamAuthFailed("not you", status=403))
BROKE = Script(open_error=QuotaExhausted("no money", status=429))


def slowed(retry_after_s: float | None = None) -> Script:
    return Script(open_error=UpstreamRateLimited("slower", status=429, retry_after_s=retry_after_s))


class Keys:
    def __init__(self, *keys: ScriptedProvider) -> None:
        self.keys = keys
        self.clock = LeapingClock()
        self.observer = RecordingObserver()
        self.rotating = Rotating("a", keys, self.clock, self.observer)

    async def ask(self, model: str = "m") -> int:
        """Return how many calls it took."""
        before = self.asked()
        request = asking(model=model)
        assert text_of(await drain(await self.rotating.open(request))) == "Hello"
        calls = sum(self.asked()) - sum(before)
        assert request.journal.attempts == calls - 1  # the first is counted by who stands around
        return calls

    async def fail(self, kind: type[ProviderError]) -> ProviderError:
        with pytest.raises(kind) as failure:
            await self.rotating.open(asking())
        return failure.value

    def asked(self) -> list[int]:
        return [len(key.requests) for key in self.keys]

    def rotated(self) -> int:
        return [event for event, _ in self.observer.counted].count(Event.KEY_ROTATED)


async def test_it_stays_with_a_key_that_is_well() -> None:
    keys = Keys(ScriptedProvider(HELLO), ScriptedProvider(HELLO))
    for _ in range(5):
        await keys.ask()
    assert keys.asked() == [5, 0]


@pytest.mark.parametrize("script", [REFUSED, FORBIDDEN, BROKE, slowed(), slowed(20.0)])
async def test_a_refused_key_makes_way_for_the_next(script: Script) -> None:
    keys = Keys(ScriptedProvider(script), ScriptedProvider(HELLO))
    assert await keys.ask() == 2
    assert keys.observer.counted == [(Event.KEY_ROTATED, ("a",))]
    assert await keys.ask() == 1
    assert keys.asked() == [1, 2]


async def test_other_failures_are_not_the_keys() -> None:
    keys = Keys(
        ScriptedProvider(Script(open_error=UpstreamFailed("down"))), ScriptedProvider(HELLO)
    )
    await keys.fail(UpstreamFailed)
    assert keys.asked() == [1, 0]


async def test_a_slowed_key_rests_as_long_as_it_was_told_to() -> None:
    first = ScriptedProvider(slowed(20.0), HELLO)
    second = ScriptedProvider(HELLO, slowed(60.0))
    keys = Keys(first, second)
    await keys.ask()
    keys.clock.advance(19.0)
    await keys.fail(UpstreamRateLimited)
    assert keys.asked() == [1, 2]
    keys.clock.advance(2.0)
    assert await keys.ask() == 1
    assert keys.asked() == [2, 2]


async def test_when_all_are_slowed_the_sooner_time_is_told() -> None:
    keys = Keys(ScriptedProvider(slowed(5.0)), ScriptedProvider(slowed(30.0)))
    failure = await keys.fail(UpstreamRateLimited)
    assert failure.retry_after_s == 5.0
    assert keys.asked() == [1, 1]


async def test_the_pace_is_told_before_trouble_with_an_account() -> None:
    for scripts in ((REFUSED, slowed(5.0)), (slowed(5.0), REFUSED)):
        await Keys(*map(ScriptedProvider, scripts)).fail(UpstreamRateLimited)
    await Keys(ScriptedProvider(REFUSED), ScriptedProvider(BROKE)).fail(QuotaExhausted)


async def test_while_all_rest_one_is_asked_and_one_that_was_mended_is_used() -> None:
    keys = Keys(ScriptedProvider(REFUSED, REFUSED, HELLO), ScriptedProvider(REFUSED))
    await keys.fail(UpstreamAuthFailed)
    assert keys.asked() == [1, 1]
    await keys.fail(UpstreamAuthFailed)
    assert sum(keys.asked()) == 3
    keys.clock.advance(301.0)
    while keys.asked()[0] < 3:
        try:
            await keys.ask()
        except UpstreamAuthFailed:
            continue
    assert await keys.ask() == 1


async def test_a_key_rests_for_one_model_alone() -> None:
    keys = Keys(ScriptedProvider(FORBIDDEN, HELLO), ScriptedProvider(FORBIDDEN, HELLO))
    await keys.fail(UpstreamAuthFailed)
    assert await keys.ask("other") == 1


async def test_models_are_not_remembered_without_bound() -> None:
    keys = Keys(ScriptedProvider(REFUSED), ScriptedProvider(REFUSED))
    for number in range(3000):
        with pytest.raises(UpstreamAuthFailed):
            await keys.rotating.open(asking(model=f"m{number}"))
    assert keys.asked() == [3000, 3000]


async def test_an_exhausted_key_is_no_failing_target() -> None:
    both = [ScriptedProvider(REFUSED), ScriptedProvider(HELLO)]
    rotating = Rotating("a", both, LeapingClock(), RecordingObserver())
    house = AttemptHouse(rotating, policy=NO_RETRIES)
    request = asking(model="r")
    await drain(await house.respond.open(request))
    assert request.journal.attempts == 2
    assert (house.state("a").attempts, house.state("a").failures) == (1, 0)


async def test_a_provider_whose_keys_are_all_slowed_rests_until_the_first_is_free() -> None:
    both = [ScriptedProvider(slowed(30.0)), ScriptedProvider(slowed(20.0))]
    rotating = Rotating("a", both, LeapingClock(), RecordingObserver())
    house = AttemptHouse(rotating, policy=NO_RETRIES)
    with pytest.raises(UpstreamRateLimited):
        await house.respond.open(asking(model="r"))
    assert house.state("a").resting_s(house.clock.monotonic()) == pytest.approx(20.0)
