"""Responses that are kept: read, deleted, listed, continued, and nobody else's."""

from pathlib import Path
from typing import Any

import openai
import pytest

from tests.integration.responses.conftest import KEY
from tests.support.sdk_asking import client_at
from tests.support.serving import serving


def test_a_response_is_read_back_as_it_was_told(ours: openai.OpenAI) -> None:
    told = ours.responses.create(model="demo", input="Hello", metadata={"team": "red"})
    assert told.output_text == "You said: Hello"
    assert told.status == "completed"
    assert told.metadata == {"team": "red"}
    kept = ours.responses.retrieve(told.id)
    assert kept.to_dict() == told.to_dict()


def test_a_streamed_response_is_there_the_moment_it_is_told_to_be_complete(
    ours: openai.OpenAI,
) -> None:
    with ours.responses.stream(model="demo", input="one two three") as events:
        for event in events:
            if event.type == "response.completed":
                assert ours.responses.retrieve(event.response.id).status == "completed"
        final = events.get_final_response()
    assert final.output_text == "You said: one two three"
    kept = ours.responses.retrieve(final.id)
    assert kept.output_text == final.output_text
    assert kept.usage == final.usage


def test_a_deleted_response_is_gone(ours: openai.OpenAI) -> None:
    told = ours.responses.create(model="demo", input="Hello")
    ours.responses.delete(told.id)
    with pytest.raises(openai.NotFoundError):
        ours.responses.retrieve(told.id)
    with pytest.raises(openai.NotFoundError):
        ours.responses.delete(told.id)
    with pytest.raises(openai.BadRequestError) as refusal:
        ours.responses.create(model="demo", input="and?", previous_response_id=told.id)
    assert refusal.value.code == "previous_response_not_found"
    assert refusal.value.param == "previous_response_id"


def test_what_is_not_to_be_stored_is_not_there(ours: openai.OpenAI) -> None:
    told = ours.responses.create(model="demo", input="Hello", store=False)
    assert told.to_dict()["store"] is False
    with pytest.raises(openai.NotFoundError):
        ours.responses.retrieve(told.id)


def test_unknown_deleted_and_foreign_ids_are_told_alike(
    ours: openai.OpenAI, theirs: openai.OpenAI
) -> None:
    foreign = theirs.responses.create(model="demo", input="Hello").id
    deleted = ours.responses.create(model="demo", input="Hello").id
    ours.responses.delete(deleted)
    unknown = f"{deleted[:-4]}AAAA"
    told: set[str] = set()
    for id_ in (foreign, deleted, unknown, "resp_1", "x" * 500, "%00", "☃"):
        for act in (
            ours.responses.retrieve,
            ours.responses.delete,
            ours.responses.cancel,
            ours.responses.input_items.list,
        ):
            with pytest.raises(openai.NotFoundError) as refusal:
                act(id_)
            error = refusal.value
            assert (error.type, error.code, error.param) == (
                "invalid_request_error",
                "not_found",
                None,
            )
        if id_ in (foreign, deleted, unknown):
            told.add(error.message.partition("(request id")[0].replace(id_, "ID"))
    assert len(told) == 1
    assert theirs.responses.retrieve(foreign).id == foreign


def test_input_items_come_in_pages_newest_first(ours: openai.OpenAI) -> None:
    words = [f"word {number}" for number in range(7)]
    told = ours.responses.create(
        model="demo", input=[{"role": "user", "content": word} for word in words]
    )

    def texts(**how: object) -> list[str]:
        page = ours.responses.input_items.list(told.id, **how)  # type: ignore[arg-type]  # as it comes
        shapes: list[Any] = [item.to_dict() for item in page]  # Any: JSON
        return [shape["content"][0]["text"] for shape in shapes]

    assert texts() == words[::-1]
    assert texts(order="asc") == words
    assert texts(order="asc", limit=2) == words  # the SDK turns the pages
    page = ours.responses.input_items.list(told.id, limit=3)
    assert len(page.data) == 3
    assert page.has_more
    ids = [item.id for item in ours.responses.input_items.list(told.id)]
    assert len(set(ids)) == 7
    after = ours.responses.input_items.list(told.id, after=str(ids[4]))
    assert [item.id for item in after.data] == ids[5:]
    with pytest.raises(openai.BadRequestError) as refusal:
        ours.responses.input_items.list(told.id, after="msg_none")
    assert refusal.value.param == "after"


def test_a_response_branches(ours: openai.OpenAI) -> None:
    root = ours.responses.create(model="demo", input="root")
    left = ours.responses.create(model="demo", input="left", previous_response_id=root.id)
    right = ours.responses.create(model="demo", input="right", previous_response_id=root.id)
    assert left.previous_response_id == right.previous_response_id == root.id
    again = ours.responses.create(model="demo", input="on", previous_response_id=left.id)
    assert again.output_text == "You said: on"
    own = ours.responses.input_items.list(again.id)
    assert len(own.data) == 1


def test_another_tenants_response_cannot_be_continued(
    ours: openai.OpenAI, theirs: openai.OpenAI
) -> None:
    told = ours.responses.create(model="demo", input="secret")
    with pytest.raises(openai.BadRequestError) as refusal:
        theirs.responses.create(model="demo", input="and?", previous_response_id=told.id)
    assert refusal.value.code == "previous_response_not_found"


def test_a_foreground_response_cannot_be_cancelled_or_followed(ours: openai.OpenAI) -> None:
    told = ours.responses.create(model="demo", input="Hello")
    with pytest.raises(openai.BadRequestError):
        ours.responses.cancel(told.id)
    with pytest.raises(openai.BadRequestError):
        ours.responses.retrieve(told.id, stream=True)


def test_a_kept_response_is_told_like_any_answer(ours: openai.OpenAI) -> None:
    told = ours.responses.create(model="demo", input="Hello")
    raw = ours.responses.with_raw_response.retrieve(told.id)
    assert raw.headers["x-request-id"]
    assert raw.headers["content-type"] == "application/json"


def test_what_is_kept_outlives_the_process(tmp_path: Path) -> None:
    config = '[provider]\ntype = "demo"\npace_s = 0\n'
    environment = {"MODELMUX_API_KEY": KEY}
    with (
        serving(tmp_path, config=config, environment=environment) as gateway,
        client_at(f"{gateway.url}/v1", KEY) as client,
    ):
        told = client.responses.create(model="demo", input="Hello")
        made = client.conversations.create(items=[{"role": "user", "content": "Hi"}])
        gateway.kill()
    with (
        serving(tmp_path, config=config, environment=environment) as gateway,
        client_at(f"{gateway.url}/v1", KEY) as client,
    ):
        assert client.responses.retrieve(told.id).to_dict() == told.to_dict()
        on = client.responses.create(model="demo", input="on", previous_response_id=told.id)
        assert on.previous_response_id == told.id
        assert len(client.conversations.items.list(made.id).data) == 1
