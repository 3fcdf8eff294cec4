"""Conversations: lists of items that one writes at a time."""

import pytest

from modelmux.adapters.memory.state import MemoryState
from modelmux.application.paging import PageRequest
from modelmux.application.ports import StateLimits
from modelmux.domain.conversation import OpaqueItem, ToolCall
from modelmux.domain.errors import Conflict, InvalidRequest, NotFound
from modelmux.domain.turn import Conversation, item_id, place_of
from tests.support.asking import drain, user
from tests.support.turning import House, response_id, turn_of

ALL = PageRequest(limit=100, descending=False)


async def test_a_conversation_begins_with_its_items_in_their_order() -> None:
    house = House()
    made = await house.conversations.create("acme", {"a": "b"}, (user("1"), ToolCall("c", "f", "")))
    assert made == Conversation("acme", made.id, house.clock.now(), {"a": "b"})
    assert made.id.startswith("conv_mmx")
    assert await house.conversations.find("acme", made.id) == made
    page = await house.conversations.list_items("acme", made.id, ALL)
    assert [kept.item for kept in page.items] == [user("1"), ToolCall("c", "f", "")]
    assert [kept.id.partition("_mmx")[0] for kept in page.items] == ["msg", "fc"]
    assert not any(place_of(kept.id) for kept in page.items)


async def test_another_tenant_finds_nothing_and_changes_nothing() -> None:
    house, other = House(), "other"
    made = await house.conversations.create("acme", {}, (user("1"),))
    kept = (await house.conversations.list_items("acme", made.id, ALL)).items[0]
    for tenant, id_ in ((other, made.id), ("acme", "conv_x")):
        for attempt in (
            house.conversations.find(tenant, id_),
            house.conversations.relabel(tenant, id_, {}),
            house.conversations.list_items(tenant, id_, ALL),
            house.conversations.add_items(tenant, id_, (user("2"),)),
            house.conversations.add_items(tenant, id_, ()),
            house.conversations.find_item(tenant, id_, kept.id),
            house.conversations.forget_item(tenant, id_, kept.id),
            house.conversations.forget(tenant, id_),
        ):
            with pytest.raises(NotFound):
                await attempt
    assert (await house.conversations.list_items("acme", made.id, ALL)).items == (kept,)
    assert house.state.leases == {}


async def test_labels_are_replaced() -> None:
    house = House()
    made = await house.conversations.create("acme", {"a": "b"})
    changed = await house.conversations.relabel("acme", made.id, {"c": "d"})
    assert changed.metadata == {"c": "d"}
    assert (await house.conversations.find("acme", made.id)).metadata == {"c": "d"}


async def test_items_are_added_found_and_forgotten() -> None:
    house = House()
    made = await house.conversations.create("acme", {}, (user("1"),))
    added = await house.conversations.add_items("acme", made.id, (user("2"), user("3")))
    assert [kept.item for kept in added] == [user("2"), user("3")]
    assert await house.conversations.find_item("acme", made.id, added[0].id) == added[0]
    assert await house.conversations.forget_item("acme", made.id, added[0].id) == made
    for attempt in (
        house.conversations.find_item("acme", made.id, added[0].id),
        house.conversations.forget_item("acme", made.id, added[0].id),
    ):
        with pytest.raises(NotFound):
            await attempt
    page = await house.conversations.list_items("acme", made.id, PageRequest(limit=1))
    assert (page.items, page.has_more) == ((added[1],), True)
    await house.conversations.forget("acme", made.id)
    with pytest.raises(NotFound):
        await house.conversations.find("acme", made.id)


async def test_a_call_brings_at_most_20_items() -> None:
    house = House()
    made = await house.conversations.create("acme", {}, [user("x")] * 20)
    for attempt in (
        house.conversations.create("acme", {}, [user("x")] * 21),
        house.conversations.add_items("acme", made.id, [user("x")] * 21),
    ):
        with pytest.raises(InvalidRequest) as caught:
            await attempt
        assert caught.value.param == "items"


async def test_a_conversation_that_is_full_says_so_and_is_free_again() -> None:
    house = House(state=MemoryState(StateLimits(conversation_items=2)))
    made = await house.conversations.create("acme", {}, (user("1"),))
    with pytest.raises(InvalidRequest):
        await house.conversations.add_items("acme", made.id, (user("2"), user("3")))
    await house.conversations.add_items("acme", made.id, (user("2"),))


async def test_references_stand_for_kept_items() -> None:
    house = House()
    house.model.say_all()
    await drain(await house.recording.open(turn_of(1, user("Hi"))))
    known = item_id(response_id(1), "i", 0, user("Hi"))
    made = await house.conversations.create(
        "acme", {}, (OpaqueItem("item_reference", {"id": known}),)
    )
    page = await house.conversations.list_items("acme", made.id, ALL)
    assert [kept.item for kept in page.items] == [user("Hi")]
    with pytest.raises(InvalidRequest):
        await house.conversations.create("acme", {}, (OpaqueItem("item_reference", {"id": "x"}),))


async def test_nobody_changes_items_while_an_answer_is_added_to_them() -> None:
    house = House()
    made = await house.conversations.create("acme", {}, (user("1"),))
    kept = (await house.conversations.list_items("acme", made.id, ALL)).items[0]
    answer = await house.recording.open(turn_of(1, conversation=made.id))
    for process in (house, house.beside()):
        for attempt in (
            process.conversations.add_items("acme", made.id, (user("2"),)),
            process.conversations.forget_item("acme", made.id, kept.id),
            process.conversations.forget("acme", made.id),
        ):
            with pytest.raises(Conflict) as caught:
                await attempt
            assert caught.value.reason == "conversation_locked"
        assert await process.conversations.find_item("acme", made.id, kept.id) == kept
        await process.conversations.relabel("acme", made.id, {"a": "b"})
    house.model.say_all()
    await drain(answer)
    await house.conversations.forget("acme", made.id)
