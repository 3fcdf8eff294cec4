"""What we tell comes back as what it was: clients send our items in again as they got them."""

import json

import pytest

from modelmux.adapters.memory.sealer import MemorySealer
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
    OpaqueItem,
    Proof,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
    Vendor,
)
from modelmux.domain.events import FinishReason, Usage
from modelmux.domain.json_values import JsonObject
from modelmux.domain.request import Caller
from modelmux.domain.turn import KeptItem, ResponseRecord, Status, id_prefix
from modelmux.entrypoints.members import decode_members
from modelmux.entrypoints.responses.decode import content_decoder
from modelmux.entrypoints.responses.envelope import begin_turn, decode_envelope
from modelmux.entrypoints.responses.turn_wire import ResponsesWire

SEALER = MemorySealer()
WIRE = ResponsesWire(SEALER)
ID = "resp_mmx0123456789abcdef0123"
NOTE: JsonObject = {"type": "url_citation", "url": "https://a.org", "title": "A", "start_index": 0,
        "end_index": 1}  # fmt: skip
CLAUDE = Proof(Vendor.ANTHROPIC, "claude", "signature", "c2ln")
OPENAI = Proof(Vendor.OPENAI, "gpt", "encrypted_content", "gAAA", "rs_theirs")
OUTPUT: tuple[Item, ...] = (
    Reasoning("I see.\n\nSo it is.", CLAUDE),
    Reasoning("", OPENAI),
    Reasoning("Only words."),
    Message(Role.ASSISTANT, (Text("Look:", (NOTE,)),), phase="commentary"),
    OpaqueItem("web_search_call", {"type": "web_search_call", "status": "completed"}),
    ToolCall("call_1", "f", '{"a":1}', namespace="crm"),
    ToolCall("call_2", "g", "free text", "custom"),
    Message(Role.ASSISTANT, (Text("Done."), Refusal("No more."))),
)
INPUT: tuple[Item, ...] = (
    Message(Role.DEVELOPER, (Text("Be kind."),)),
    Message(
        Role.USER,
        (
            Text("See"),
            ImageUrl("https://a.org/b.png", "low"),
            ImageData("image/png", "iVBORw0KGgo=", "auto"),
            ImageReference("file-1", "high"),
            Audio("UklG", "wav"),
            FileData("application/pdf", "JVBE", "a.pdf"),
            FileReference("file-2", "b.pdf"),
            FileUrl("https://a.org/c.pdf"),
        ),
    ),
    ToolResult("call_1", (Text("4"),)),
    ToolResult("call_2", (Text("a"), ImageUrl("https://a.org/b.png", "auto")), kind="custom"),
    Compaction("They talked."),
)


def read_back(items: list[object]) -> tuple[Item, ...]:
    body = {"model": "m", "input": items}
    members = decode_members(json.dumps(body).encode())
    return content_decoder(SEALER)(members, Caller("acme")).items


def record(store: bool) -> ResponseRecord:
    request = {"model": "m", "input": "hello", "store": store}
    envelope = decode_envelope(decode_members(json.dumps(request).encode()))
    asked = begin_turn(envelope, Caller("acme"), ID, 1.5).asked
    return ResponseRecord(
        tenant=asked.tenant,
        id=asked.id,
        status=Status.COMPLETED,
        created_at=asked.created_at,
        settings=asked.settings,
        store=asked.store,
        output=OUTPUT,
        completed_at=2.5,
        reason=FinishReason.STOP,
        usage=Usage(1, 2),
    )


def test_the_output_of_a_stateless_answer_is_read_as_it_was() -> None:
    assert read_back(json.loads(WIRE.body(record(store=False)))["output"]) == OUTPUT


def test_the_output_of_a_kept_answer_is_read_but_for_its_proofs() -> None:
    found = read_back(json.loads(WIRE.body(record(store=True)))["output"])
    without = [
        Reasoning(item.text) if isinstance(item, Reasoning) else item
        for item in OUTPUT
        if item != Reasoning("", OPENAI)
    ]
    assert found == tuple(without)


@pytest.mark.parametrize("item", INPUT, ids=lambda item: type(item).__name__)
def test_an_item_that_is_listed_is_read_as_it_was(item: Item) -> None:
    kept = KeptItem(f"{id_prefix(item)}_mmx0123456789abcdef0123_i0", item)
    assert read_back([json.loads(bytes(WIRE.kept_item("acme", kept)))]) == (item,)
