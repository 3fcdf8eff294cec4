"""Hedging: two targets race, one wins, and nothing of the other is left."""

import asyncio
from collections.abc import Sequence

import pytest

from modelmux.adapters.memory.scripted import Script, ScriptedProvider
from modelmux.application.plan import AttemptTerms
from modelmux.application.ports import Answer, Event, LlmProvider
from modelmux.domain.adjustments import Adjustment
from modelmux.domain.errors import (
    StreamCut,
    TargetResting,
    UnsupportedFeature,
    UpstreamFailed,
    UpstreamRateLimited,
    UpstreamRejected,
)
from modelmux.domain.events import StreamEvent
from modelmux.domain.request import GenerationRequest
from tests.support.asking import HELLO_EVENTS, asking, drain, text_of
from tests.support.attempting import NO_RETRIES, AttemptHouse

HELLO = Script((HELLO_EVENTS,))
SOON = AttemptTerms(hedge_after_s=0.01)
LATE = AttemptTerms(hedge_after_s=30.0)


def silent() -> ScriptedProvider:
    return ScriptedProvider(Script((HELLO_EVENTS,), open_gate=asyncio.Event()))


def failing(error: Exception) -> ScriptedProvider:
    return ScriptedProvider(Script(open_error=error))


class Late(LlmProvider):
    """Opens or fails `delay_s` later; `opens` and `closes` as in `ScriptedProvider`."""

    def __init__(self, delay_s: float, error: Exception | None = None) -> None:
        self._delay_s = delay_s
        script = HELLO if error is None else Script(open_error=error)
        self.scripted = ScriptedProvider(script)

    async def open(self, request: GenerationRequest) -> Answer:
        await asyncio.sleep(self._delay_s)
        return await self.scripted.open(request)


def no_task_is_left() -> bool:
    """The runner's own and the test's are all there are."""
    return len(asyncio.all_tasks()) == 2


async def test_a_fast_first_target_is_asked_alone() -> None:
    second = ScriptedProvider(HELLO)
    house = AttemptHouse(ScriptedProvider(HELLO), second, terms=SOON)
    request = asking(model="r")
    assert text_of(await drain(await house.respond.open(request))) == "Hello"
    assert second.requests == []
    assert (request.journal.provider, request.journal.attempts) == ("a", 1)
    assert house.counted(Event.HEDGE) == []


async def test_a_slow_first_target_is_overtaken_and_let_go() -> None:
    first = silent()
    house = AttemptHouse(first, ScriptedProvider(HELLO), terms=SOON)
    request = asking(model="r")
    answer = await house.respond.open(request)
    assert no_task_is_left()
    assert house.state("a").in_flight == 0
    assert house.state("b").in_flight == 1
    assert text_of(await drain(answer)) == "Hello"
    journal = request.journal
    assert (journal.provider, journal.attempts, journal.outcome) == ("b", 2, "finished")
    assert house.counted(Event.HEDGE) == [("r", "started"), ("r", "won")]
    assert house.nothing_runs()
    assert house.state("a").failures == 0


async def test_the_first_may_still_win() -> None:
    first, second = Late(0.03), silent()
    house = AttemptHouse(first, second, terms=SOON)
    request = asking(model="r")
    assert text_of(await drain(await house.respond.open(request))) == "Hello"
    assert (request.journal.provider, request.journal.attempts) == ("a", 2)
    assert house.counted(Event.HEDGE) == [("r", "started")]
    assert house.nothing_runs()


async def test_of_two_answers_one_is_closed() -> None:
    gate = asyncio.Event()
    both = [ScriptedProvider(Script((HELLO_EVENTS,), open_gate=gate)) for _ in range(2)]
    house = AttemptHouse(*both, terms=SOON)
    asyncio.get_running_loop().call_later(0.03, gate.set)
    await drain(await house.respond.open(asking(model="r")))
    assert [(one.opens, one.closes) for one in both] in ([(1, 1), (1, 1)], [(1, 1), (0, 0)])
    assert house.nothing_runs()


async def test_a_first_target_that_fails_is_failed_over_from_without_a_hedge() -> None:
    house = AttemptHouse(
        failing(UpstreamFailed("down")), ScriptedProvider(HELLO), terms=LATE, policy=NO_RETRIES
    )
    request = asking(model="r")
    await drain(await house.respond.open(request))
    assert (request.journal.provider, request.journal.attempts) == ("b", 2)
    assert house.counted(Event.HEDGE) == []


async def test_a_hedge_that_fails_leaves_the_first() -> None:
    house = AttemptHouse(Late(0.03), failing(UpstreamFailed("down")), terms=SOON, policy=NO_RETRIES)
    request = asking(model="r")
    await drain(await house.respond.open(request))
    assert (request.journal.provider, request.journal.attempts) == ("a", 2)


async def test_a_rejected_request_is_told_at_once() -> None:
    second = silent()
    house = AttemptHouse(Late(0.03, UpstreamRejected("bad", status=400)), second, terms=SOON)
    with pytest.raises(UpstreamRejected):
        await house.respond.open(asking(model="r"))
    assert no_task_is_left()
    assert house.nothing_runs()


async def test_when_both_fail_what_tells_most_is_told() -> None:
    paced = UpstreamRateLimited("slower", status=429)
    for failures in ([paced, TargetResting("asleep")], [UnsupportedFeature("no"), paced]):
        house = AttemptHouse(*map(failing, failures), terms=LATE, policy=NO_RETRIES)
        request = asking(model="r")
        with pytest.raises(UpstreamRateLimited):
            await house.respond.open(request)
        assert request.journal.attempts == 2
        assert no_task_is_left()


async def test_hedges_draw_on_the_retry_budget() -> None:
    house = AttemptHouse(Late(0.03), ScriptedProvider(HELLO), terms=SOON)
    while house.budgets.of("b").take():
        pass
    request = asking(model="r")
    await drain(await house.respond.open(request))
    assert (request.journal.provider, request.journal.attempts) == ("a", 1)
    assert house.counted(Event.HEDGE) == []


async def test_a_third_target_is_there_for_the_hedge() -> None:
    house = AttemptHouse(
        silent(), failing(UpstreamFailed("down")), ScriptedProvider(HELLO), terms=SOON,
        policy=NO_RETRIES,
    )  # fmt: skip
    request = asking(model="r")
    await drain(await house.respond.open(request))
    assert (request.journal.provider, request.journal.attempts) == ("c", 3)
    assert house.nothing_runs()


@pytest.mark.parametrize("steps", range(12))
async def test_a_caller_that_leaves_at_any_moment_leaves_nothing_behind(steps: int) -> None:
    first, second = Late(0.012), Late(0.004)
    house = AttemptHouse(first, second, terms=SOON)
    task = asyncio.create_task(house.respond.open(asking(model="r")))
    await asyncio.sleep(0.0015 * steps)
    task.cancel()
    result = (await asyncio.gather(task, return_exceptions=True))[0]
    if not isinstance(result, BaseException):
        await result.aclose()
    assert no_task_is_left()
    assert first.scripted.opens == first.scripted.closes
    assert second.scripted.opens == second.scripted.closes
    assert house.nothing_runs()


class Steps(LlmProvider):
    """Passes the loop `before` times before it opens, and is as slow to close."""

    def __init__(self, before: int) -> None:
        self._before = before
        self.scripted = ScriptedProvider(HELLO)

    async def open(self, request: GenerationRequest) -> Answer:
        for _ in range(self._before):
            await asyncio.sleep(0)
        return await self.scripted.open(request)


@pytest.mark.parametrize("first_steps", range(1, 6))
@pytest.mark.parametrize("cancel_after", range(10))
async def test_cancelling_between_any_two_steps_leaves_nothing_behind(
    first_steps: int, cancel_after: int
) -> None:
    first, second = Steps(first_steps), Steps(2)
    house = AttemptHouse(first, second, terms=AttemptTerms(hedge_after_s=1e-9))
    task = asyncio.create_task(house.respond.open(asking(model="r")))
    for _ in range(cancel_after):
        await asyncio.sleep(0)
    task.cancel()
    result = (await asyncio.gather(task, return_exceptions=True))[0]
    if not isinstance(result, BaseException):
        await result.aclose()
    assert no_task_is_left()
    for one in (first, second):
        assert one.scripted.opens == one.scripted.closes
    assert house.nothing_runs()


class Clinging(LlmProvider):
    """Never opens, and takes its time to be cancelled."""

    async def open(self, request: GenerationRequest) -> Answer:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
        raise AssertionError


async def test_a_loser_that_is_slow_to_leave_is_waited_for() -> None:
    house = AttemptHouse(Clinging(), ScriptedProvider(HELLO), terms=SOON)
    answer = await house.respond.open(asking(model="r"))
    assert no_task_is_left()
    await answer.aclose()


@pytest.mark.parametrize("wait_s", [0.005, 0.012, 0.016])
async def test_cancelling_once_more_leaves_nothing_behind_either(wait_s: float) -> None:
    second = ScriptedProvider(HELLO)
    house = AttemptHouse(Clinging(), second, terms=SOON)
    task = asyncio.create_task(house.respond.open(asking(model="r")))
    await asyncio.sleep(wait_s)
    task.cancel()
    await asyncio.sleep(0.002)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert no_task_is_left()
    assert second.opens == second.closes
    assert house.nothing_runs()


class Noting(LlmProvider):
    """Writes into the journal while it answers, as filters do, and calls once more at its end."""

    def __init__(self, inner: LlmProvider) -> None:
        self._inner = inner

    async def open(self, request: GenerationRequest) -> Answer:
        return _NotingAnswer(await self._inner.open(request), request)


class _NotingAnswer(Answer):
    def __init__(self, inner: Answer, request: GenerationRequest) -> None:
        self._inner = inner
        self._request = request

    async def read(self) -> Sequence[StreamEvent]:
        self._request.journal.adjustments.append(Adjustment("x", "dropped", "late"))
        self._request.journal.attempts += 1
        return await self._inner.read()

    async def aclose(self) -> None:
        await self._inner.aclose()


async def test_what_is_noted_while_the_winner_answers_is_told_to_the_caller() -> None:
    house = AttemptHouse(silent(), Noting(ScriptedProvider(HELLO)), terms=SOON)
    request = asking(model="r")
    answer = await house.respond.open(request)
    await answer.read()
    assert request.journal.attempts == 3
    assert [one.detail for one in request.journal.adjustments] == ["late"]
    await answer.aclose()
    assert request.journal.attempts == 3
    assert house.nothing_runs()


async def test_a_winner_that_breaks_off_is_to_blame() -> None:
    cut = ScriptedProvider(Script((HELLO_EVENTS[:2],), read_error=StreamCut("gone")))
    house = AttemptHouse(silent(), cut, terms=SOON)
    request = asking(model="r")
    with pytest.raises(StreamCut):
        await drain(await house.respond.open(request))
    assert (house.state("a").failures, house.state("b").failures) == (0, 1)
    assert house.nothing_runs()


async def test_one_target_alone_is_not_hedged() -> None:
    house = AttemptHouse(ScriptedProvider(HELLO), terms=SOON)
    await drain(await house.respond.open(asking(model="r")))
    assert house.counted(Event.HEDGE) == []
