"""Failover: after which failures the next target is asked, and what is told when none is left."""

import pytest

from modelmux.adapters.memory.scripted import Script, ScriptedProvider
from modelmux.application.plan import AttemptTerms
from modelmux.application.targets import Breaker, BreakerPolicy
from modelmux.domain.errors import (
    ContentBlocked,
    ContextTooLong,
    InvalidRequest,
    ModelmuxError,
    ProviderProtocolBroken,
    QuotaExhausted,
    RateLimited,
    ShuttingDown,
    StreamCut,
    TargetResting,
    TooManyWaiting,
    UnsupportedFeature,
    UpstreamAuthFailed,
    UpstreamFailed,
    UpstreamModelNotFound,
    UpstreamOverloaded,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from tests.support.asking import HELLO_EVENTS, asking, drain, text_of
from tests.support.attempting import NO_RETRIES, AttemptHouse

HELLO = Script((HELLO_EVENTS,))


def failing(error: Exception) -> ScriptedProvider:
    return ScriptedProvider(Script(open_error=error))


def timed_out(status: int | None = None, phase: str = "first_byte") -> UpstreamTimeout:
    error = UpstreamTimeout("late", phase=phase)
    error.status = status
    return error


@pytest.mark.parametrize(
    "error",
    [
        UpstreamUnreachable("no connection"),
        timed_out(phase="connect"),
        timed_out(phase="first_event"),
        timed_out(408),
        UpstreamRateLimited("slower", status=429),
        UpstreamFailed("down", status=500),
        UpstreamFailed("bad gateway", status=502),
        UpstreamOverloaded("busy", status=503),
        UpstreamOverloaded("busy", status=529),
        ProviderProtocolBroken("html"),
        UpstreamAuthFailed("who?", status=401),
        QuotaExhausted("no money", status=402),
        TargetResting("asleep", retry_after_s=3.0),
        TooManyWaiting("full"),
        RateLimited("a limit of ours for this provider", retry_after_s=1.0),
        UnsupportedFeature("no tools"),
    ],
    ids=lambda error: (
        f"{type(error).__name__}-{getattr(error, 'status', None)}"
    ),  # getattr: of some
)
async def test_the_next_target_is_asked_after(error: Exception) -> None:
    first, second = failing(error), ScriptedProvider(HELLO)
    house = AttemptHouse(first, second, policy=NO_RETRIES)
    request = asking(model="r")
    assert text_of(await drain(await house.respond.open(request))) == "Hello"
    assert (len(first.requests), len(second.requests)) == (1, 1)
    assert request.journal.attempts == 2
    assert house.nothing_runs()


@pytest.mark.parametrize(
    "error",
    [
        UpstreamRejected("bad", status=400),
        UpstreamModelNotFound("which?", status=404),
        ContextTooLong("too long", status=400),
        ContentBlocked("no", status=400),
        InvalidRequest("no"),
        ShuttingDown("bye"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_the_next_target_is_not_asked_after(error: Exception) -> None:
    second = ScriptedProvider(HELLO)
    house = AttemptHouse(failing(error), second)
    with pytest.raises(type(error)):
        await house.respond.open(asking(model="r"))
    assert second.requests == []


@pytest.mark.parametrize(
    ("terms", "error"),
    [
        (AttemptTerms(frozenset({"context_too_long"})), ContextTooLong("long", status=400)),
        (AttemptTerms(frozenset({"content_filter"})), ContentBlocked("no", status=400)),
    ],
    ids=["context_too_long", "content_filter"],
)
async def test_where_the_route_says_so_refusals_go_on_too(
    terms: AttemptTerms, error: ModelmuxError
) -> None:
    house = AttemptHouse(failing(error), ScriptedProvider(HELLO), terms=terms)
    assert text_of(await drain(await house.respond.open(asking(model="r")))) == "Hello"
    assert house.state("a").failures == 0


async def test_one_condition_is_not_the_other() -> None:
    terms = AttemptTerms(frozenset({"content_filter"}))
    house = AttemptHouse(failing(ContextTooLong("long")), ScriptedProvider(HELLO), terms=terms)
    with pytest.raises(ContextTooLong):
        await house.respond.open(asking(model="r"))


PACED = UpstreamRateLimited("slower", status=429, retry_after_s=60.0)
DOWN = UpstreamFailed("down", status=500)
AUTH = UpstreamAuthFailed("who?", status=401)
RESTING = TargetResting("asleep", retry_after_s=9.0)
SOONER = TargetResting("asleep", retry_after_s=2.0)
FULL = TooManyWaiting("full")
CANNOT = UnsupportedFeature("no tools")


WORTH: list[tuple[tuple[ModelmuxError, ...], ModelmuxError]] = [
    ((PACED, RESTING), PACED),
    ((RESTING, PACED), PACED),
    ((PACED, AUTH), PACED),
    ((AUTH, RESTING), AUTH),
    ((PACED, DOWN), DOWN),
    ((DOWN, FULL), DOWN),
    ((FULL, RESTING), FULL),
    ((RESTING, SOONER), SOONER),
    ((SOONER, RESTING), SOONER),
    ((RESTING, CANNOT), RESTING),
    ((CANNOT, CANNOT), CANNOT),
]


@pytest.mark.parametrize(
    ("failures", "told"),
    WORTH,
    ids=["-".join(type(one).__name__ for one in failures) for failures, _ in WORTH],
)
async def test_of_all_failures_the_one_is_told_that_tells_most(
    failures: tuple[Exception, ...], told: Exception
) -> None:
    house = AttemptHouse(*(failing(error) for error in failures), policy=NO_RETRIES)
    with pytest.raises(type(told)) as raised:
        await house.respond.open(asking(model="r"))
    assert raised.value is told
    assert house.nothing_runs()


async def test_a_target_that_asked_for_a_rest_is_not_asked_and_the_least_rest_is_told() -> None:
    first, second = failing(PACED), failing(UpstreamOverloaded("b", status=529, retry_after_s=30.0))
    house = AttemptHouse(first, second)
    with pytest.raises(UpstreamOverloaded):
        await house.respond.open(asking(model="r"))
    request = asking(model="r")
    with pytest.raises(TargetResting) as resting:
        await house.respond.open(request)
    assert resting.value.retry_after_s == pytest.approx(30.0)
    assert (len(first.requests), len(second.requests), request.journal.attempts) == (1, 1, 0)
    house.leaping.advance(30.0)
    with pytest.raises(UpstreamOverloaded):
        await house.respond.open(asking(model="r"))
    assert (len(first.requests), len(second.requests)) == (1, 2)


async def test_a_dead_first_target_is_seldom_asked_and_no_caller_notices() -> None:
    first, second = failing(UpstreamUnreachable("dead")), ScriptedProvider(HELLO)
    house = AttemptHouse(first, second, breaker=BreakerPolicy())
    for _ in range(500):
        answer = await house.respond.open(asking(model="r"))
        assert text_of(await drain(answer)) == "Hello"
        house.leaping.advance(0.1)
    # Five to find out, and one for each time it was open: 5, 10, 20, 15 s are left of 50.
    assert 5 <= len(first.requests) <= 5 + 5
    assert house.state("a").breaker is Breaker.OPEN
    assert house.nothing_runs()


async def test_it_is_asked_again_once_it_is_well() -> None:
    ill = Script(open_error=UpstreamFailed("down"))
    first = ScriptedProvider(*[ill] * 5, HELLO)
    house = AttemptHouse(first, ScriptedProvider(HELLO), policy=NO_RETRIES, breaker=BreakerPolicy())
    for _ in range(6):
        await drain(await house.respond.open(asking(model="r")))
    assert len(first.requests) == 5
    house.leaping.advance(5.0)
    request = asking(model="r")
    await drain(await house.respond.open(request))
    assert (request.journal.provider, request.journal.attempts) == ("a", 1)
    assert house.state("a").breaker is Breaker.CLOSED


async def test_what_runs_is_counted_until_the_answer_is_closed() -> None:
    house = AttemptHouse(ScriptedProvider(HELLO))
    answer = await house.respond.open(asking(model="r"))
    assert house.state("a").in_flight == 1
    await answer.read()
    assert house.state("a").in_flight == 1
    await answer.aclose()
    await answer.aclose()
    assert house.state("a").in_flight == 0


async def test_a_cut_answer_is_a_failure_of_its_target() -> None:
    cut = Script((HELLO_EVENTS[:2],), read_error=StreamCut("gone"))
    house = AttemptHouse(ScriptedProvider(cut))
    with pytest.raises(StreamCut):
        await drain(await house.respond.open(asking(model="r")))
    assert (house.state("a").failures, house.state("a").in_flight) == (1, 0)


async def test_an_answer_that_its_caller_leaves_is_none() -> None:
    house = AttemptHouse(ScriptedProvider(HELLO))
    await (await house.respond.open(asking(model="r"))).aclose()
    assert (house.state("a").failures, house.state("a").in_flight) == (0, 0)
