"""Items and responses as callers see them."""

import json
from dataclasses import replace
from typing import Any

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
from modelmux.domain.errors import InvalidRequest
from modelmux.domain.events import FinishReason, TokenLogprob, Usage
from modelmux.domain.turn import Failure, KeptItem, ResponseRecord, Status
from modelmux.entrypoints.responses.turn_wire import ResponsesWire
from modelmux.entrypoints.sealing import (
    open_compaction,
    open_reasoning,
    seal_compaction,
    seal_reasoning,
)
from tests.support.responses_records import ASKED_AT, ENDED_AT, RESPONSE_ID, OpenSealer, asked

SEALER = OpenSealer()
WIRE = ResponsesWire(SEALER)
PROOF = Proof(Vendor.ANTHROPIC, "claude", "signature", "s1g", "rs_theirs")
USAGE = Usage(10, 5, cached_tokens=3, cache_write_tokens=2, reasoning_tokens=4)
MARKED = RESPONSE_ID.removeprefix("resp_")


def body(record: ResponseRecord) -> Any:
    return json.loads(WIRE.body(record))


def ended(record: ResponseRecord, *output: Item, **changes: Any) -> ResponseRecord:
    whole = replace(record, status=Status.COMPLETED, completed_at=ENDED_AT, output=output)
    return replace(whole, **changes)


def kept(item: Item, *, sealed: bool = False) -> Any:
    return json.loads(bytes(WIRE.kept_item("acme", KeptItem("x_1", item), sealed=sealed)))


def test_a_response_says_all_that_it_is() -> None:
    record = ended(asked(model="my m"), Message(Role.ASSISTANT, (Text("Hi"),)), usage=USAGE)
    assert body(record) == {
        "id": RESPONSE_ID,
        "object": "response",
        "created_at": int(ASKED_AT),
        "completed_at": int(ENDED_AT),
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "output": [
            {
                "type": "message",
                "id": f"msg_{MARKED}_o0",
                "status": "completed",
                "role": "assistant",
                "content": [
                    {"type": "output_text", "text": "Hi", "annotations": [], "logprobs": []}
                ],
            }
        ],
        "usage": {
            "input_tokens": 10,
            "input_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 2},
            "output_tokens": 5,
            "output_tokens_details": {"reasoning_tokens": 4},
            "total_tokens": 15,
        },
        "previous_response_id": None,
        "store": True,
        "background": False,
        "model": "my m",
        "instructions": None,
        "tools": [],
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "text": {"format": {"type": "text"}},
        "reasoning": {"effort": None, "summary": None},
        "temperature": 1.0,
        "top_p": 1.0,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "top_logprobs": 0,
        "truncation": "disabled",
        "max_output_tokens": None,
        "max_tool_calls": None,
        "service_tier": "default",
        "metadata": {},
        "safety_identifier": None,
        "prompt_cache_key": None,
    }


def test_what_a_response_repeats_is_as_it_was_asked() -> None:
    told = body(asked(instructions="Be\nbrief", metadata={"k": "ü"}, temperature=0.25, user="u"))
    assert told["instructions"] == "Be\nbrief"
    assert told["metadata"] == {"k": "ü"}
    assert told["temperature"] == 0.25
    assert told["user"] == "u"


def test_what_is_to_be_included_is_not_part_of_the_response() -> None:
    assert "include" not in body(asked(include=["reasoning.encrypted_content"]))


def test_a_conversation_is_named_only_where_there_is_one() -> None:
    assert body(asked(conversation="conv_mmx1"))["conversation"] == {"id": "conv_mmx1"}
    assert "conversation" not in body(asked())


def test_only_a_completed_response_has_a_time_of_completion() -> None:
    record = ended(asked(), status=Status.INCOMPLETE, reason=FinishReason.LENGTH)
    assert body(record)["completed_at"] is None


@pytest.mark.parametrize(
    ("reason", "told"),
    [(FinishReason.LENGTH, "max_output_tokens"), (FinishReason.CONTENT_FILTER, "content_filter")],
)
def test_an_incomplete_response_says_why_and_only_its_last_item_is(
    reason: FinishReason, told: str
) -> None:
    items = Reasoning("t"), ToolCall("call_1", "f", '{"a":'), ToolCall("call_2", "f", "{}")
    whole = body(ended(asked(), *items, status=Status.INCOMPLETE, reason=reason))
    assert whole["incomplete_details"] == {"reason": told}
    assert [item["status"] for item in whole["output"]] == ["completed", "completed", "incomplete"]


def test_a_failed_response_says_why() -> None:
    failure = Failure("server_error", "It broke.")
    told = body(replace(asked(), status=Status.FAILED, failure=failure))
    assert told["status"] == "failed"
    assert told["error"] == {"code": "server_error", "message": "It broke."}


def test_ids_are_made_of_the_responses() -> None:
    search = OpaqueItem("web_search_call", {"type": "web_search_call", "id": "ws_theirs", "q": 1})
    items = Reasoning("t"), ToolCall("c", "f", "{}"), ToolCall("d", "g", "w", "custom"), search
    told = body(ended(asked(), *items))["output"]
    prefixes = ["rs", "fc", "ctc", "item"]
    assert [item["id"] for item in told] == [
        f"{prefix}_{MARKED}_o{number}" for number, prefix in enumerate(prefixes)
    ]
    assert told[3] == {"type": "web_search_call", "id": f"item_{MARKED}_o3", "q": 1}


def test_thoughts_are_told_as_a_summary() -> None:
    assert [item["summary"] for item in body(ended(asked(), Reasoning("t")))["output"]] == [
        [{"type": "summary_text", "text": "t"}]
    ]
    assert body(ended(asked(), Reasoning("", PROOF)))["output"][0]["summary"] == []


@pytest.mark.parametrize(
    ("request_", "carried"),
    [
        (asked(), False),
        (asked(store=False), True),
        (asked(include=["reasoning.encrypted_content"]), True),
        (asked(include=["message.output_text.logprobs"]), False),
    ],
)
def test_thoughts_are_sealed_for_those_who_carry_them(
    request_: ResponseRecord, carried: bool
) -> None:
    (item,) = body(ended(request_, Reasoning("thought", PROOF)))["output"]
    assert ("encrypted_content" in item) is carried
    if carried:
        opened = open_reasoning(SEALER, "acme", item["encrypted_content"])
        assert opened == Reasoning("thought", PROOF)


def test_thoughts_without_a_proof_have_nothing_to_carry() -> None:
    assert "encrypted_content" not in body(ended(asked(store=False), Reasoning("t")))["output"][0]


def test_calls_are_told_by_their_kind() -> None:
    calls = ToolCall("c1", "f", "", namespace="ns"), ToolCall("c2", "g", "", "custom")
    function, custom = body(ended(asked(), *calls))["output"]
    assert function == {
        "type": "function_call",
        "id": f"fc_{MARKED}_o0",
        "status": "completed",
        "arguments": "{}",
        "call_id": "c1",
        "name": "f",
        "namespace": "ns",
    }
    assert custom == {
        "type": "custom_tool_call",
        "id": f"ctc_{MARKED}_o1",
        "status": "completed",
        "input": "",
        "call_id": "c2",
        "name": "g",
    }


def test_messages_keep_phase_citations_and_refusals() -> None:
    cited = {"type": "url_citation", "url": "https://example.com/", "title": "t"}
    parts = Text("a", (dict(cited),)), Refusal("no")
    (item,) = body(ended(asked(), Message(Role.ASSISTANT, parts, phase="commentary")))["output"]
    assert item["phase"] == "commentary"
    assert item["content"] == [
        {"type": "output_text", "text": "a", "annotations": [cited], "logprobs": []},
        {"type": "refusal", "refusal": "no"},
    ]


def test_logprobs_are_told_where_they_were_asked_each_text_its_own() -> None:
    logprobs = tuple(
        TokenLogprob(token, -1.0, None, (TokenLogprob("x", -2.0, (120,)),))
        for token in ("ab", "c", "dé")
    )
    messages = [Message(Role.ASSISTANT, (Text(text),)) for text in ("abc", "dé")]
    record = ended(asked(top_logprobs=1), *messages, logprobs=logprobs)
    told = [item["content"][0]["logprobs"] for item in body(record)["output"]]
    assert [[it["token"] for it in share] for share in told] == [["ab", "c"], ["dé"]]
    assert told[1][0] == {
        "token": "dé",
        "logprob": -1.0,
        "bytes": [100, 195, 169],
        "top_logprobs": [{"token": "x", "logprob": -2.0, "bytes": [120]}],
    }
    unasked = body(ended(asked(), *messages, logprobs=logprobs))["output"]
    assert [item["content"][0]["logprobs"] for item in unasked] == [[], []]


def test_a_users_message_is_told_part_by_part() -> None:
    parts = (
        Text("t"),
        ImageUrl("https://example.com/a.png", "low"),
        ImageData("image/png", "AA=="),
        ImageReference("file_1"),
        Audio("AA==", "wav"),
        FileData("application/pdf", "AA==", "a.pdf"),
        FileReference("file_2"),
        FileUrl("https://example.com/a.pdf"),
    )
    told = kept(Message(Role.USER, parts))
    assert (told["role"], told["status"], told["id"]) == ("user", "completed", "x_1")
    data = "base64,AA=="
    assert told["content"] == [
        {"type": "input_text", "text": "t"},
        {"type": "input_image", "image_url": "https://example.com/a.png", "detail": "low"},
        {"type": "input_image", "image_url": f"data:image/png;{data}", "detail": "auto"},
        {"type": "input_image", "image_url": None, "detail": "auto", "file_id": "file_1"},
        {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
        {"type": "input_file", "file_data": f"data:application/pdf;{data}", "filename": "a.pdf"},
        {"type": "input_file", "file_id": "file_2"},
        {"type": "input_file", "file_url": "https://example.com/a.pdf"},
    ]


def test_results_are_told_as_text_where_they_are_no_more() -> None:
    assert kept(ToolResult("c", (Text("21"),))) == {
        "type": "function_call_output",
        "id": "x_1",
        "status": "completed",
        "call_id": "c",
        "output": "21",
    }
    assert kept(ToolResult("c", ()))["output"] == ""
    custom = kept(ToolResult("c", (Text("a"), Text("b")), kind="custom"))
    assert custom["type"] == "custom_tool_call_output"
    assert custom["output"] == [
        {"type": "input_text", "text": "a"},
        {"type": "input_text", "text": "b"},
    ]


def test_a_summary_is_told_sealed() -> None:
    told = kept(Compaction("in short"))
    assert told["type"] == "compaction"
    assert open_compaction(SEALER, "acme", told["encrypted_content"]) == Compaction("in short")


def test_kept_thoughts_are_sealed_only_where_asked() -> None:
    assert "encrypted_content" not in kept(Reasoning("t", PROOF))
    assert kept(Reasoning("t", PROOF), sealed=True)["encrypted_content"]


@pytest.mark.parametrize("item", [Reasoning("t", PROOF), Reasoning("", PROOF), Reasoning("t")])
def test_sealed_thoughts_open_as_they_were(item: Reasoning) -> None:
    sealer = MemorySealer()
    assert open_reasoning(sealer, "acme", seal_reasoning(sealer, "acme", item)) == item


def test_seals_are_of_one_tenant_and_one_purpose() -> None:
    thoughts = seal_reasoning(SEALER, "acme", Reasoning("t", PROOF))
    with pytest.raises(InvalidRequest):
        open_reasoning(SEALER, "other", thoughts)
    with pytest.raises(InvalidRequest):
        open_reasoning(SEALER, "acme", seal_compaction(SEALER, "acme", Compaction("t")))


@pytest.mark.parametrize("content", [b"", b"[]", b"[1]", b'["t",["nobody","m","k","v",null]]'])
def test_an_envelope_of_another_form_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidRequest) as refused:
        open_reasoning(SEALER, "acme", SEALER.seal("acme", "reasoning", content))
    assert refused.value.reason == "invalid_encrypted_content"


def test_an_older_envelope_that_says_less_still_opens() -> None:
    older = SEALER.seal("acme", "reasoning", b'["t",["anthropic","claude","signature","s1g"]]')
    assert open_reasoning(SEALER, "acme", older) == Reasoning("t", replace(PROOF, item_id=None))


def test_a_response_that_repeats_nothing_is_still_whole() -> None:
    assert body(replace(asked(), settings=b"{}"))["id"] == RESPONSE_ID
    assert "include" not in body(replace(asked(), settings=b'{"include":["x"]}'))
