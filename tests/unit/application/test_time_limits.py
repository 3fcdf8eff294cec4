"""Time limits of routes and providers: until the first event, and for all of it.

They go by the loop's own timers, as the transport's do, so these tests wait for a moment.
"""

import asyncio

import pytest

from modelmux.adapters.memory.scripted import Script, ScriptedProvider
from modelmux.adapters.system.clock import SystemClock
from modelmux.application.plan import AttemptTerms
from modelmux.domain.errors import UpstreamFailed, UpstreamTimeout
from tests.support.asking import HELLO_EVENTS, asking, drain, text_of
from tests.support.attempting import NO_RETRIES, AttemptHouse

HELLO = Script((HELLO_EVENTS,))
SHORT_S = 0.02


def silent() -> ScriptedProvider:
    return ScriptedProvider(Script((HELLO_EVENTS,), open_gate=asyncio.Event()))


async def test_a_route_goes_on_when_a_target_does_not_begin() -> None:
    first = silent()
    house = AttemptHouse(
        first, ScriptedProvider(HELLO), terms=AttemptTerms(first_event_timeout_s=SHORT_S)
    )
    request = asking(model="r")
    assert text_of(await drain(await house.respond.open(request))) == "Hello"
    assert (len(first.requests), request.journal.attempts) == (1, 2)
    assert house.state("a").failures == 1
    assert house.nothing_runs()


async def test_a_provider_has_such_a_limit_of_its_own_and_the_route_goes_before_it() -> None:
    house = AttemptHouse(silent(), policy=NO_RETRIES, first_event_timeout_s=SHORT_S)
    with pytest.raises(UpstreamTimeout) as late:
        await house.respond.open(asking(model="r"))
    assert (late.value.phase, late.value.provider) == ("first_event", "a")
    house = AttemptHouse(
        silent(),
        first_event_timeout_s=60.0,
        terms=AttemptTerms(first_event_timeout_s=SHORT_S),
    )
    with pytest.raises(UpstreamTimeout):
        await asyncio.wait_for(house.respond.open(asking(model="r")), 5.0)


async def test_the_whole_time_covers_all_attempts_and_blames_who_had_most_of_it() -> None:
    first = ScriptedProvider(Script(open_error=UpstreamFailed("down")))
    house = AttemptHouse(
        first, silent(), terms=AttemptTerms(total_timeout_s=SHORT_S), clock=SystemClock(),
        policy=NO_RETRIES,
    )  # fmt: skip
    request = asking(model="r")
    with pytest.raises(UpstreamTimeout) as late:
        await house.respond.open(request)
    assert late.value.phase == "total"
    assert (house.state("a").failures, house.state("b").failures) == (1, 1)
    assert (request.journal.outcome, request.journal.attempts) == ("failed", 2)
    assert house.nothing_runs()


async def test_who_is_asked_when_the_time_is_nearly_over_is_not_blamed() -> None:
    terms = AttemptTerms(first_event_timeout_s=SHORT_S * 8, total_timeout_s=SHORT_S * 10)
    house = AttemptHouse(silent(), silent(), terms=terms, clock=SystemClock())
    with pytest.raises(UpstreamTimeout):
        await house.respond.open(asking(model="r"))
    assert (house.state("a").failures, house.state("b").failures) == (1, 0)
    assert house.nothing_runs()


async def test_the_whole_time_ends_a_stream() -> None:
    slow = ScriptedProvider(Script((HELLO_EVENTS,), read_gate=asyncio.Event()))
    house = AttemptHouse(slow, terms=AttemptTerms(total_timeout_s=SHORT_S))
    request = asking(model="r")
    answer = await house.respond.open(request)
    with pytest.raises(UpstreamTimeout) as late:
        await answer.read()
    await answer.aclose()
    assert late.value.phase == "total"
    assert request.journal.outcome == "cut"
    assert slow.opens == slow.closes == 1
    # It is the route's limit, and no fault of who was streaming.
    assert house.state("a").failures == 0
    assert house.nothing_runs()


async def test_a_caller_that_leaves_is_nobodys_fault() -> None:
    terms = AttemptTerms(first_event_timeout_s=5.0, total_timeout_s=5.0)
    house = AttemptHouse(silent(), terms=terms, clock=SystemClock())
    request = asking(model="r")
    task = asyncio.create_task(house.respond.open(request))
    await asyncio.sleep(SHORT_S)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (request.journal.outcome, house.state("a").failures) == ("cancelled", 0)
    assert house.nothing_runs()


async def test_answers_in_time_are_as_they_were() -> None:
    terms = AttemptTerms(first_event_timeout_s=5.0, total_timeout_s=5.0)
    house = AttemptHouse(ScriptedProvider(HELLO), terms=terms)
    request = asking(model="r")
    assert text_of(await drain(await house.respond.open(request))) == "Hello"
    assert request.journal.outcome == "finished"
    assert house.nothing_runs()
