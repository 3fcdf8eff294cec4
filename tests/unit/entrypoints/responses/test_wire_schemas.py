"""What callers receive against OpenAI's schema and that of Open Responses, both at once."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from modelmux.domain.conversation import (
    Audio,
    Compaction,
    FileData,
    FileReference,
    FileUrl,
    ImageData,
    ImageReference,
    ImageUrl,
    Item,
    Message,
    Proof,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
    Vendor,
)
from modelmux.domain.events import FinishReason, StreamEvent
from modelmux.domain.turn import Failure, KeptItem, ResponseRecord, Status
from modelmux.entrypoints.responses.turn_wire import ResponsesWire
from tests.support.lawful_answers import lawful_answers
from tests.support.responses_laws import ResponsesStreamLaws
from tests.support.responses_records import OpenSealer, asked, whole_stream
from tests.support.responses_schemas import (
    needs_schemas,
    open_responses_event_faults,
    open_responses_faults,
    openai_faults,
)

pytestmark = needs_schemas

WIRE = ResponsesWire(OpenSealer())
RICH = asked(
    store=False,
    instructions="Be brief",
    tools=[{"type": "function", "name": "f"}],
    tool_choice={"type": "function", "name": "f"},
    text={"format": {"type": "json_object"}, "verbosity": "low"},
    reasoning={"effort": "low", "summary": "auto"},
    include=["reasoning.encrypted_content", "message.output_text.logprobs"],
    metadata={"a": "b"},
    user="u",
    service_tier="flex",
    truncation="auto",
    temperature=0.5,
    max_output_tokens=16,
    max_tool_calls=2,
    safety_identifier="s",
    prompt_cache_key="k",
)


def stream(events: list[StreamEvent]) -> tuple[list[Any], Any]:
    """Return the events of a stream, and its response in the end."""
    laws = ResponsesStreamLaws()
    for frame in whole_stream(WIRE, RICH, events):
        laws.feed(frame)
    return laws.events, laws.final


@given(lawful_answers())
def test_all_events_are_openais(events: list[StreamEvent]) -> None:
    told, final = stream(events)
    for event in told:
        assert openai_faults("ResponseStreamEvent", event) == []
    assert openai_faults("Response", final) == []


@given(lawful_answers(newer=False))
def test_all_events_are_those_of_open_responses(events: list[StreamEvent]) -> None:
    told, final = stream(events)
    for event in told:
        assert open_responses_event_faults(event) == []
    assert open_responses_faults("ResponseResource", final) == []


@pytest.mark.parametrize(
    "record",
    [
        asked(),
        asked(background=True),
        asked(previous_response_id="resp_mmxABCDEFGHIJKLMNOPQRSTUVWX"),
        asked(conversation="conv_mmx1"),
        RICH,
        replace(RICH, status=Status.COMPLETED, completed_at=1.0),
        replace(RICH, status=Status.CANCELLED),
        replace(RICH, status=Status.FAILED, failure=Failure("server_error", "no")),
        replace(RICH, status=Status.INCOMPLETE, reason=FinishReason.CONTENT_FILTER),
    ],
)
def test_a_response_of_any_status_is_both(record: ResponseRecord) -> None:
    body = json.loads(WIRE.body(record))
    assert openai_faults("Response", body) == []
    assert open_responses_faults("ResponseResource", body) == []


PARTS = (
    Text("t"),
    ImageUrl("https://example.com/a.png", "low"),
    ImageData("image/png", "AA=="),
    FileData("application/pdf", "AA==", "a.pdf"),
    FileUrl("https://example.com/a.pdf"),
)


def kind(item: Item) -> str:
    return type(item).__name__


BOTH: list[Item] = [
    Message(Role.USER, PARTS),
    Message(Role.SYSTEM, (Text("t"),)),
    Message(Role.DEVELOPER, (Text("t"),)),
    Message(Role.ASSISTANT, (Text("t"), Refusal("no")), phase="commentary"),
    Reasoning("t", Proof(Vendor.GOOGLE, "m", "thought_signature", "x")),
    Reasoning(""),
    ToolCall("call_1", "f", "{}", namespace="n"),
    ToolResult("call_1", (Text("t"),)),
    ToolResult("call_1", PARTS),
    Compaction("short"),
]
OPENAI_ONLY: list[Item] = [
    Message(Role.USER, (FileReference("file_1"), ImageReference("file_2"))),
    ToolCall("call_1", "f", "words", "custom"),
    ToolResult("call_1", (Text("t"),), kind="custom"),
]


@pytest.mark.parametrize("item", [*BOTH, *OPENAI_ONLY], ids=kind)
def test_kept_items_are_openais(item: Item) -> None:
    told = json.loads(bytes(WIRE.kept_item("acme", KeptItem("x_1", item), sealed=True)))
    assert openai_faults("ItemResource", told) == []


@pytest.mark.parametrize("item", BOTH, ids=kind)
def test_kept_items_are_those_of_open_responses(item: Item) -> None:
    told = json.loads(bytes(WIRE.kept_item("acme", KeptItem("x_1", item), sealed=True)))
    assert open_responses_faults("ItemField", told) == []


def test_a_sound_has_a_form_of_its_own() -> None:
    """Neither schema has sounds in Responses, though the reference tells of them."""
    item = Message(Role.USER, (Audio("AA==", "wav"),))
    told = json.loads(bytes(WIRE.kept_item("acme", KeptItem("msg_1", item))))
    assert told["content"] == [
        {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}
    ]
    assert openai_faults("ItemResource", told)


@given(lawful_answers())
def test_what_is_wrong_is_found(events: list[StreamEvent]) -> None:
    (*_, last), final = stream(events)
    del final["tools"]
    assert openai_faults("ResponseStreamEvent", last)
    assert open_responses_event_faults(last)
