"""Background responses: polled, followed, resumed, cancelled."""

import time

import openai
import pytest
from openai.types.responses import Response

WORDS = " ".join(f"w{number}" for number in range(20))


def until_it_ends(client: openai.OpenAI, id_: str, within_s: float = 15.0) -> Response:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        response = client.responses.retrieve(id_)
        if response.status not in ("queued", "in_progress"):
            return response
        time.sleep(0.05)
    raise AssertionError("it did not end")


def begun(client: openai.OpenAI) -> str:
    """Return the id of a response that is under way, its stream left by whoever began it."""
    with client.responses.create(model="demo", input=WORDS, background=True, stream=True) as events:
        return next(event.response.id for event in events if event.type == "response.created")


def test_it_is_queued_at_once_and_polled_to_its_end(patient: openai.OpenAI) -> None:
    began = time.monotonic()
    told = patient.responses.create(model="demo", input=WORDS, background=True)
    assert time.monotonic() - began < 1.0
    assert told.status == "queued"
    assert told.output == []
    ended = until_it_ends(patient, told.id)
    assert ended.status == "completed"
    assert ended.output_text == f"You said: {WORDS}"
    assert ended.background


def test_a_stream_that_was_left_is_resumed_without_a_gap(patient: openai.OpenAI) -> None:
    numbers: list[int] = []
    texts: list[str] = []
    id_ = ""
    with patient.responses.create(
        model="demo", input=WORDS, background=True, stream=True
    ) as events:
        for event in events:
            numbers.append(event.sequence_number)
            if event.type == "response.created":
                id_ = event.response.id
                assert event.response.status == "queued"
            elif event.type == "response.output_text.delta":
                texts.append(event.delta)
                if len(texts) == 4:
                    break
    with patient.responses.retrieve(id_, stream=True, starting_after=numbers[-1]) as events:
        rest = list(events)
    numbers += [event.sequence_number for event in rest]
    texts += [event.delta for event in rest if event.type == "response.output_text.delta"]
    assert rest[-1].type == "response.completed"
    assert numbers == list(range(len(numbers)))
    assert "".join(texts) == f"You said: {WORDS}"
    with patient.responses.retrieve(id_, stream=True) as events:
        assert [event.sequence_number for event in events] == numbers
    with patient.responses.retrieve(id_, stream=True, starting_after=numbers[-2]) as events:
        assert [event.type for event in events] == ["response.completed"]


def test_a_cancelled_response_stays_cancelled(patient: openai.OpenAI) -> None:
    id_ = begun(patient)
    assert patient.responses.cancel(id_).status == "cancelled"
    assert patient.responses.cancel(id_).status == "cancelled"
    time.sleep(0.5)
    assert patient.responses.retrieve(id_).status == "cancelled"
    with patient.responses.retrieve(id_, stream=True) as events:
        *_, last = events
    assert last.type == "response.incomplete"


def test_it_runs_on_when_whoever_began_it_goes(patient: openai.OpenAI) -> None:
    ended = until_it_ends(patient, begun(patient))
    assert ended.output_text == f"You said: {WORDS}"


def test_a_completed_response_cannot_be_cancelled_any_more(ours: openai.OpenAI) -> None:
    told = ours.responses.create(model="demo", input="Hello", background=True)
    assert until_it_ends(ours, told.id).status == "completed"
    assert ours.responses.cancel(told.id).status == "completed"


def test_followers_hear_of_a_cancellation(patient: openai.OpenAI) -> None:
    told = patient.responses.create(model="demo", input=WORDS, background=True, stream=True)
    with told as events:
        first = next(iter(events))
        assert first.type == "response.created"
        patient.responses.cancel(first.response.id)
        *_, last = events
    assert last.type == "response.incomplete"
    assert last.response.status == "cancelled"


def test_a_deleted_job_is_gone(patient: openai.OpenAI) -> None:
    id_ = begun(patient)
    patient.responses.delete(id_)
    with pytest.raises(openai.NotFoundError):
        patient.responses.retrieve(id_)
    with pytest.raises(openai.NotFoundError):
        patient.responses.retrieve(id_, stream=True)


def test_a_wrong_place_to_start_after_is_refused(ours: openai.OpenAI) -> None:
    told = ours.responses.create(model="demo", input="Hello", background=True, stream=True)
    with told as events:
        id_ = next(event.response.id for event in events if event.type == "response.created")
    with pytest.raises(openai.BadRequestError) as refusal:
        ours.responses.retrieve(id_, stream=True, starting_after=-2)
    assert refusal.value.param == "starting_after"
