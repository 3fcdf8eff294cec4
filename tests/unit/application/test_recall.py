"""Recall: responses are looked at and forgotten by their own tenant alone."""

import asyncio

import pytest

from modelmux.application.paging import PageRequest
from modelmux.domain.errors import InvalidRequest, NotFound
from modelmux.domain.turn import KeptItem, Status, item_id
from tests.support.asking import drain, user
from tests.support.turning import House, let_run, response_id, turn_of


async def take_turn(house: House, number: int, *words: str) -> None:
    house.model.say_all()
    await drain(await house.recording.open(turn_of(number, *map(user, words))))


async def test_a_response_is_there_for_its_tenant_alone() -> None:
    house = House()
    await take_turn(house, 1, "Hi")
    assert (await house.recall.find("acme", response_id(1))).status is Status.COMPLETED
    for tenant, id_ in (("other", response_id(1)), ("acme", response_id(2))):
        with pytest.raises(NotFound):
            await house.recall.find(tenant, id_)
        with pytest.raises(NotFound):
            await house.recall.forget(tenant, id_)
        with pytest.raises(NotFound):
            await house.recall.input_items(tenant, id_, PageRequest())
    assert await house.record(1) is not None


async def test_input_items_are_its_own_newest_first() -> None:
    house = House()
    await take_turn(house, 1, "one", "two", "three")
    kept = [
        KeptItem(item_id(response_id(1), "i", number, user(word)), user(word))
        for number, word in enumerate(("one", "two", "three"))
    ]
    page = await house.recall.input_items("acme", response_id(1), PageRequest(limit=2))
    assert (page.items, page.has_more) == ((kept[2], kept[1]), True)
    rest = PageRequest(after=kept[1].id, limit=2)
    page = await house.recall.input_items("acme", response_id(1), rest)
    assert (page.items, page.has_more) == ((kept[0],), False)
    with pytest.raises(InvalidRequest) as caught:
        await house.recall.input_items("acme", response_id(1), PageRequest(after="msg_x"))
    assert caught.value.param == "after"


async def test_of_two_deletes_at_once_one_finds_nothing() -> None:
    house = House()
    await take_turn(house, 1, "Hi")
    ends = await asyncio.gather(
        *(house.recall.forget("acme", response_id(1)) for _ in range(2)), return_exceptions=True
    )
    assert sorted(type(end).__name__ for end in ends) == ["NoneType", "NotFound"]
    with pytest.raises(NotFound):
        await house.recall.find("acme", response_id(1))


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_deleting_a_response_that_runs_stops_it(elsewhere: bool) -> None:
    house = House()
    house.holding.start()
    other = house.beside() if elsewhere else house
    await drain(await house.jobs.open(turn_of(1, background=True, streamed=False)))
    await let_run()
    assert house.jobs.running == 1
    await other.recall.forget("acme", response_id(1))
    assert await house.record(1) is None
    house.clock.advance(2.0)
    await let_run()
    assert (house.jobs.running, house.model.closes) == (0, 1)
    assert await house.record(1) is None
    await house.holding.aclose()
