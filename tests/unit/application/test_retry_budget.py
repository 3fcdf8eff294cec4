"""Retry budgets: an outage is not made worse by those who wait for its end."""

import asyncio

import pytest

from modelmux.adapters.memory.scripted import Script, ScriptedProvider
from modelmux.application.ports import Event
from modelmux.application.retry_budget import RetryBudget
from modelmux.domain.errors import UpstreamFailed
from tests.support.asking import HELLO_EVENTS, asking, drain
from tests.support.attempting import AttemptHouse

CALLS = 200


async def _fails(house: AttemptHouse) -> None:
    with pytest.raises(UpstreamFailed):
        await house.respond.open(asking(model="r"))


@pytest.mark.parametrize("at_once", [1, 20, 200])
async def test_200_failing_calls_cost_at_most_a_quarter_more(at_once: int) -> None:
    """Without a breaker, which would spare nearly all of them."""
    upstream = ScriptedProvider(Script(open_error=UpstreamFailed("down")))
    house = AttemptHouse(upstream)
    for _ in range(CALLS // at_once):
        await asyncio.gather(*(_fails(house) for _ in range(at_once)))
    assert CALLS < len(upstream.requests) <= 1.25 * CALLS
    assert house.counted(Event.RETRY_DENIED)
    assert set(house.counted(Event.RETRY_DENIED)) == {("a",)}


async def test_traffic_that_goes_well_earns_retries_again() -> None:
    ill, well = Script(open_error=UpstreamFailed("down")), Script((HELLO_EVENTS,))
    upstream = ScriptedProvider(*[ill] * 200, *[well] * 5, ill, well)
    house = AttemptHouse(upstream)
    while len(upstream.requests) < 200:
        await _fails(house)
    for _ in range(4):
        await drain(await house.respond.open(asking(model="r")))
    before = len(upstream.requests)
    await drain(await house.respond.open(asking(model="r")))
    await drain(await house.respond.open(asking(model="r")))
    assert len(upstream.requests) == before + 3


def test_what_is_saved_is_bounded() -> None:
    budget = RetryBudget("p", share=0.2, reserve=3.0)
    for _ in range(1000):
        budget.earn()
    assert [budget.take() for _ in range(4)] == [True, True, True, False]


def test_five_calls_earn_one_retry() -> None:
    budget = RetryBudget("p", share=0.2, reserve=1.0)
    assert budget.take()
    for _ in range(5):
        assert not budget.take()
        budget.earn()
    assert budget.take()


def test_a_budget_of_nothing_allows_nothing() -> None:
    budget = RetryBudget("p", share=0.0, reserve=0.0)
    budget.earn()
    assert not budget.take()
