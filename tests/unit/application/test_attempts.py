"""Retrying, failover and metering: what is tried, how often, and what the journal says of it."""

import gc
from contextlib import suppress
from types import FrameType

import pytest

from modelmux.adapters.memory.clock import LeapingClock
from modelmux.adapters.memory.observer import RecordingObserver
from modelmux.adapters.memory.scripted import Script, ScriptedProvider
from modelmux.application.filters.attempting import Attempting
from modelmux.application.filters.retrying import Retrying, RetryPolicy
from modelmux.application.planning import Planner, RouteSpec, TargetSpec
from modelmux.application.ports import Answer, LlmProvider
from modelmux.application.respond import Respond
from modelmux.application.retry_budget import RetryBudget
from modelmux.application.routing.router import Router
from modelmux.application.targets import TargetStates
from modelmux.domain.errors import (
    ModelmuxError,
    ProviderError,
    StreamCut,
    TargetResting,
    UnsupportedFeature,
    UpstreamAuthFailed,
    UpstreamFailed,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
)
from modelmux.domain.request import GenerationRequest
from tests.support.asking import HELLO_EVENTS, asking, drain, entry, text_of
from tests.support.attempting import AttemptHouse

HELLO = Script((HELLO_EVENTS,))


def failing(error: Exception) -> Script:
    return Script(open_error=error)


class House:
    """Two targets behind the route `r`, each in the filters it has in life."""

    def __init__(self, first: ScriptedProvider, second: ScriptedProvider) -> None:
        self.clock = LeapingClock()
        self.observer = RecordingObserver()
        self.states = TargetStates(clock=self.clock)
        planner = Planner(
            [entry("a", self._filtered("a", first)), entry("b", self._filtered("b", second))],
            [RouteSpec("r", (TargetSpec("a", "x"), TargetSpec("b", "y")))],
        )
        self.respond = Respond(Router(planner, TargetStates(), LeapingClock()))

    def _filtered(self, name: str, adapter: LlmProvider) -> LlmProvider:
        attempted = Attempting(adapter, name, self.clock, self.observer, self.states)
        return Retrying(attempted, self.clock, lambda: 1.0, RetryBudget(name), self.states)


async def test_two_retries_with_growing_waits_then_the_next_target() -> None:
    first = ScriptedProvider(failing(UpstreamFailed("down")))
    house = House(first, ScriptedProvider(HELLO))
    request = asking(model="r")
    events = await drain(await house.respond.open(request))
    assert text_of(events) == "Hello"
    assert len(first.requests) == 3
    assert house.clock.slept == [0.25, 0.5]
    journal = request.journal
    assert (journal.provider, journal.model, journal.attempts) == ("b", "y", 4)
    assert (journal.outcome, journal.usage and journal.usage.total_tokens) == ("finished", 4)
    assert [attempt.error is None for attempt in house.observer.attempts] == [False] * 3 + [True]


async def test_retry_after_is_honoured_when_short_and_not_waited_for_when_long() -> None:
    short = ScriptedProvider(failing(UpstreamRateLimited("busy", retry_after_s=3.0)), HELLO)
    house = House(short, ScriptedProvider(HELLO))
    await drain(await house.respond.open(asking(model="r")))
    assert house.clock.slept == [3.0]
    long = ScriptedProvider(failing(UpstreamRateLimited("busy", retry_after_s=60.0)))
    house = House(long, ScriptedProvider(HELLO))
    await drain(await house.respond.open(asking(model="r")))
    assert house.clock.slept == []
    assert len(long.requests) == 1


@pytest.mark.parametrize(
    "error",
    [
        UpstreamAuthFailed("no"),
        UpstreamTimeout("silent", phase="first_byte"),
        UnsupportedFeature("x"),
    ],
)
async def test_some_troubles_are_not_retried_but_another_target_is_asked(
    error: ModelmuxError,
) -> None:
    first = ScriptedProvider(failing(error))
    house = House(first, ScriptedProvider(HELLO))
    assert text_of(await drain(await house.respond.open(asking(model="r")))) == "Hello"
    assert len(first.requests) == 1
    assert house.clock.slept == []


async def test_a_rejected_request_is_told_at_once() -> None:
    second = ScriptedProvider(HELLO)
    house = House(ScriptedProvider(failing(UpstreamRejected("bad", param="messages"))), second)
    request = asking(model="r")
    with pytest.raises(UpstreamRejected):
        await house.respond.open(request)
    assert second.requests == []
    assert request.journal.outcome == "failed"


async def test_when_all_fail_the_last_upstream_failure_is_raised_before_any_refusal() -> None:
    refusing = ScriptedProvider(failing(UnsupportedFeature("cannot")))
    house = House(ScriptedProvider(failing(UpstreamFailed("down"))), refusing)
    with pytest.raises(UpstreamFailed):
        await house.respond.open(asking(model="r"))
    house = House(refusing, refusing)
    with pytest.raises(UnsupportedFeature):
        await house.respond.open(asking(model="r"))


async def test_nothing_is_tried_again_once_an_answer_began() -> None:
    cut = Script((HELLO_EVENTS[:2],), read_error=StreamCut("gone"))
    first, second = ScriptedProvider(cut), ScriptedProvider(HELLO)
    house = House(first, second)
    request = asking(model="r")
    answer = await house.respond.open(request)
    await answer.read()
    with pytest.raises(ProviderError):
        await answer.read()
    await answer.aclose()
    assert request.journal.outcome == "cut"
    assert (len(first.requests), len(second.requests)) == (1, 0)
    assert first.opens == first.closes == 1


async def test_an_answer_closed_early_is_cancelled_not_finished() -> None:
    house = House(ScriptedProvider(HELLO), ScriptedProvider(HELLO))
    request = asking(model="r")
    answer = await house.respond.open(request)
    await answer.aclose()
    assert request.journal.outcome == "cancelled"


async def test_a_request_that_is_answered_in_parts_waits_for_a_target_that_rests() -> None:
    """Nobody else can go on with what the target has begun."""
    slowed = failing(UpstreamRateLimited("busy", status=429, retry_after_s=3.0))
    house = AttemptHouse(ScriptedProvider(HELLO, slowed, HELLO), policy=RetryPolicy(retries=1))
    (target,) = house.respond.router.planner.plan("r").targets
    request, other = asking(model="x"), asking(model="x")
    await target.provider.llm.open(request)
    house.state("a").rest(house.clock.monotonic(), 3.0)
    with pytest.raises(TargetResting):
        await target.provider.llm.open(other)
    assert house.leaping.slept == []
    with suppress(UpstreamRateLimited):
        await target.provider.llm.open(request)
    assert house.leaping.slept == [3.0]
    await target.provider.llm.open(request)
    assert house.leaping.slept == [3.0, 3.0]
    request.journal.end_running()
    assert house.nothing_runs()


class Down(LlmProvider):
    """Raises a new error each time, and keeps none."""

    async def open(self, request: GenerationRequest) -> Answer:
        raise UpstreamFailed("down")


async def test_failed_calls_leave_no_circles_behind() -> None:
    """Nothing collects them for thousands of calls, and they hold the callers' bodies."""
    routes = [RouteSpec("r", (TargetSpec("a", "x"), TargetSpec("b", "y")))]
    clock = LeapingClock()
    retrying = Retrying(Down(), clock, lambda: 1.0, RetryBudget("a"), TargetStates())
    planner = Planner([entry("a", retrying), entry("b", retrying)], routes)
    respond = Respond(Router(planner, TargetStates(), LeapingClock()))
    gc.collect()
    gc.disable()
    before = failover_frames()  # errors that other tests keep hold theirs
    try:
        for _ in range(20):
            # pytest.raises would keep the error, and with it the frames.
            with suppress(UpstreamFailed):
                await respond.open(asking(model="r"))
        left = failover_frames() - before
    finally:
        gc.enable()
    assert left < 10  # the last call's may still be on their way out


def failover_frames() -> int:
    frames = [one for one in gc.get_objects() if type(one) is FrameType]
    return sum(frame.f_code.co_qualname == "Failover.open" for frame in frames)
