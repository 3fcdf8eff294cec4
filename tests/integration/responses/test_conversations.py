"""Conversations and their items, as the SDK sees them."""

import httpx
import openai
import pytest

from tests.integration.responses.conftest import KEY
from tests.support.serving import ServedGateway


def test_a_conversation_lives(ours: openai.OpenAI) -> None:
    made = ours.conversations.create(metadata={"team": "red"})
    assert made.object == "conversation"
    assert made.metadata == {"team": "red"}
    assert ours.conversations.retrieve(made.id) == made
    changed = ours.conversations.update(made.id, metadata={"team": "blue"})
    assert changed.metadata == {"team": "blue"}
    assert changed.created_at == made.created_at
    gone = ours.conversations.delete(made.id)
    assert (gone.id, gone.deleted, gone.object) == (made.id, True, "conversation.deleted")
    with pytest.raises(openai.NotFoundError):
        ours.conversations.retrieve(made.id)


def test_turns_add_to_a_conversation(ours: openai.OpenAI) -> None:
    made = ours.conversations.create(
        items=[{"type": "message", "role": "user", "content": "first"}]
    )
    for word in ("second", "third"):
        told = ours.responses.create(model="demo", input=word, conversation=made.id)
        assert told.conversation is not None
        assert told.conversation.id == made.id
    items = list(ours.conversations.items.list(made.id, order="asc", limit=2))
    texts = [item.content[0].text for item in items if item.type == "message"]  # type: ignore[union-attr]  # texts all
    assert texts == ["first", "second", "You said: second", "third", "You said: third"]
    assert [item.role for item in items if item.type == "message"] == [
        "user", "user", "assistant", "user", "assistant",
    ]  # fmt: skip


def test_items_are_added_read_and_deleted(ours: openai.OpenAI) -> None:
    made = ours.conversations.create()
    assert ours.conversations.items.list(made.id).data == []
    added = ours.conversations.items.create(
        made.id,
        items=[
            {"type": "message", "role": "user", "content": "one"},
            {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "call_1", "output": "2"},
        ],
    )
    assert [item.type for item in added.data] == [
        "message",
        "function_call",
        "function_call_output",
    ]
    assert (added.first_id, added.last_id) == (added.data[0].id, added.data[2].id)
    first = ours.conversations.items.retrieve(added.first_id, conversation_id=made.id)
    assert first == added.data[0]
    left = ours.conversations.items.delete(added.first_id, conversation_id=made.id)
    assert left.id == made.id
    with pytest.raises(openai.NotFoundError):
        ours.conversations.items.retrieve(added.first_id, conversation_id=made.id)
    assert [item.type for item in ours.conversations.items.list(made.id)] == [
        "function_call_output",
        "function_call",
    ]


def test_another_tenants_conversation_is_not_there(
    ours: openai.OpenAI, theirs: openai.OpenAI
) -> None:
    made = ours.conversations.create(items=[{"role": "user", "content": "secret"}])
    item = ours.conversations.items.list(made.id).data[0].id
    assert item is not None
    for act in (
        lambda: theirs.conversations.retrieve(made.id),
        lambda: theirs.conversations.update(made.id, metadata={}),
        lambda: theirs.conversations.delete(made.id),
        lambda: theirs.conversations.items.list(made.id),
        lambda: theirs.conversations.items.create(made.id, items=[]),
        lambda: theirs.conversations.items.retrieve(item, conversation_id=made.id),
        lambda: theirs.conversations.items.delete(item, conversation_id=made.id),
        lambda: theirs.responses.create(model="demo", input="x", conversation=made.id),
    ):
        with pytest.raises(openai.NotFoundError):
            act()
    assert ours.conversations.retrieve(made.id).id == made.id


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"metadata": {"k" * 65: "v"}}, "metadata"),
        ({"metadata": {"k": "v" * 513}}, "metadata"),
        ({"metadata": {str(number): "" for number in range(17)}}, "metadata"),
        ({"metadata": {"k": 1}}, "metadata"),
        ({"items": [{"role": "user", "content": "x"}] * 21}, "items"),
        ({"items": {}}, "items"),
        ({"items": [{"role": "nobody", "content": "x"}]}, "items[0]"),
    ],
)
def test_what_no_conversation_can_be_is_refused(
    quick: ServedGateway, body: dict[str, object], param: str
) -> None:
    answer = httpx.post(
        f"{quick.url}/v1/conversations",
        json=body,
        headers={"authorization": f"Bearer {KEY}"},
        trust_env=False,
    )
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert str(error["param"]).startswith(param)


def test_two_places_to_continue_are_one_too_many(ours: openai.OpenAI) -> None:
    made = ours.conversations.create()
    told = ours.responses.create(model="demo", input="Hello")
    with pytest.raises(openai.BadRequestError):
        ours.responses.create(
            model="demo", input="x", conversation=made.id, previous_response_id=told.id
        )
