"""Responses requests in: what the domain sees of them, and what is refused by name."""

import json
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
from modelmux.domain.effort import Effort
from modelmux.domain.errors import InvalidRequest, RequestError, UnsupportedFeature
from modelmux.domain.json_values import JsonObject
from modelmux.domain.request import Caller, Generation, JsonText, PlainText, SchemaText
from modelmux.entrypoints.members import decode_members
from modelmux.entrypoints.responses.decode import content_decoder, item_decoder
from modelmux.entrypoints.sealing import seal_compaction, seal_reasoning

SEALER = MemorySealer()
CALLER = Caller("acme")
NOTHING: list[object] = []
TINY = "data:image/png;base64,iVBORw0KGgo="
decode_content = content_decoder(SEALER)


def content(input_: object = "hello", **changes: Any) -> Generation:
    body = {"model": "m", "input": input_, **changes}
    return decode_content(decode_members(json.dumps(body).encode()), CALLER)


def items(*given: object) -> tuple[Item, ...]:
    return content([*given]).items


def said(*parts: object, role: str = "user") -> dict[str, object]:
    return {"role": role, "content": list(parts)}


CALL = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a":1}'}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "4"}
THOUGHT = Reasoning("I see.", Proof(Vendor.ANTHROPIC, "claude", "signature", "c2ln"))


def test_a_text_is_one_message() -> None:
    assert content("hello").items == (Message(Role.USER, (Text("hello"),)),)
    assert content(None).items == ()


@pytest.mark.parametrize("role", ["user", "assistant", "system", "developer"])
@pytest.mark.parametrize("type_", [{}, {"type": "message"}, {"type": None}])
def test_messages_may_be_written_the_easy_way(role: str, type_: dict[str, Any]) -> None:
    assert items({"role": role, "content": "hi", **type_}) == (Message(Role(role), (Text("hi"),)),)


@pytest.mark.parametrize(
    ("part", "decoded"),
    [
        ({"type": "input_text", "text": "a"}, Text("a")),
        ({"type": "text", "text": "a"}, Text("a")),
        ({"type": "output_text", "text": "a"}, Text("a")),
        ({"type": "refusal", "refusal": "no"}, Refusal("no")),
        ({"type": "input_image", "image_url": TINY, "detail": "high"},
         ImageData("image/png", "iVBORw0KGgo=", "high")),
        ({"type": "input_image", "image_url": "https://a.org/b.png", "file_id": None},
         ImageUrl("https://a.org/b.png")),
        ({"type": "input_image", "file_id": "file-1", "detail": "original"},
         ImageReference("file-1", "original")),
        ({"type": "input_file", "file_data": "data:application/pdf;base64,JVBE",
          "filename": "a.pdf"}, FileData("application/pdf", "JVBE", "a.pdf")),
        ({"type": "input_file", "file_data": "aGk=", "filename": "a.txt"},
         FileData("text/plain", "aGk=", "a.txt")),
        ({"type": "input_file", "file_id": "file-1"}, FileReference("file-1")),
        ({"type": "input_file", "file_url": "https://a.org/b.pdf"},
         FileUrl("https://a.org/b.pdf")),
        ({"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}},
         Audio("UklG", "wav")),
    ],
)  # fmt: skip
def test_parts_of_a_message(part: dict[str, Any], decoded: object) -> None:
    assert items(said(part)) == (Message(Role.USER, (decoded,)),)  # type: ignore[arg-type] # a part


def test_an_answer_comes_back_as_it_was_given() -> None:
    note: JsonObject = {"type": "url_citation", "url": "https://a.org", "start_index": 0}
    answer = {
        "type": "message",
        "id": "msg_1",
        "status": "completed",
        "role": "assistant",
        "phase": "final_answer",
        "content": [
            {
                "type": "output_text",
                "text": "It",
                "annotations": [note],
                "logprobs": [{"token": "It", "logprob": -0.1, "bytes": [73, 116]}],
                "parsed": {"a": 1},
            },
            {"type": "refusal", "refusal": "Not that."},
        ],
    }
    found = content([answer])
    parts = (Text("It", (note,)), Refusal("Not that."))
    assert found.items == (Message(Role.ASSISTANT, parts, phase="final_answer"),)
    assert found.ignored == ()


def test_an_answer_without_a_word_says_nothing() -> None:
    assert items(said(role="assistant"), said({"type": "input_text", "text": "x"})) == (
        Message(Role.USER, (Text("x"),)),
    )


def test_calls_and_their_outputs_come_back_with_all_that_the_sdk_adds() -> None:
    call = {**CALL, "id": "fc_1", "status": "completed", "namespace": "crm", "async": None,
            "caller": None, "parsed_arguments": {"a": 1}}  # fmt: skip
    custom = {"type": "custom_tool_call", "call_id": "c2", "name": "g", "input": "free"}
    found = content(
        [
            call,
            {**OUTPUT, "id": "fco_1", "status": "completed", "created_by": "me"},
            custom,
            {
                "type": "custom_tool_call_output",
                "call_id": "c2",
                "output": [
                    {"type": "input_text", "text": "see"},
                    {"type": "input_image", "image_url": "https://a.org/b.png"},
                    {"type": "input_file", "file_id": "file-1"},
                ],
            },
            {**OUTPUT, "output": NOTHING},
        ]
    )
    assert found.items == (
        ToolCall("c1", "f", '{"a":1}', namespace="crm"),
        ToolResult("c1", (Text("4"),)),
        ToolCall("c2", "g", "free", "custom"),
        ToolResult(
            "c2",
            (Text("see"), ImageUrl("https://a.org/b.png"), FileReference("file-1")),
            kind="custom",
        ),
        ToolResult("c1", (Text(""),)),
    )
    assert found.ignored == ()


def test_members_of_items_without_a_name_here_are_noted() -> None:
    mark = {"shade": {"of": "grey"}}
    found = content(
        [
            said({"type": "input_text", "text": "x", **mark}),
            {**CALL, "caller": {"type": "program", "caller_id": "p"}, "async": True},
            {**CALL, "caller": {"type": "direct"}, "agent": "a", "empty": {}},
        ],
        reasoning={"context": "all_turns", "mode": "standard"},
        tools=[{"type": "function", "name": "f", "defer_loading": True}],
    )
    assert sorted(found.ignored) == [
        "input.agent", "input.async", "input.caller", "input.shade", "reasoning.context",
    ]  # fmt: skip


def test_thoughts_are_read_from_summary_and_content() -> None:
    thought = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}],
        "content": [{"type": "reasoning_text", "text": "c"}],
        "encrypted_content": None,
        "status": None,
    }
    assert items(thought) == (Reasoning("a\n\nb\n\nc"),)


def test_thoughts_of_openai_keep_their_proof_and_name() -> None:
    thought = {"type": "reasoning", "id": "rs_1", "summary": NOTHING, "encrypted_content": "gAAA"}
    proof = Proof(Vendor.OPENAI, "", "encrypted_content", "gAAA", "rs_1")
    assert items(thought) == (Reasoning("", proof),)


def test_thoughts_that_only_have_a_name_are_left_out() -> None:
    assert items({"type": "reasoning", "id": "rs_1", "summary": NOTHING}) == ()


def test_what_we_sealed_is_opened() -> None:
    sealed = seal_reasoning(SEALER, "acme", THOUGHT)
    thought = {"type": "reasoning", "id": "rs_1", "summary": NOTHING, "encrypted_content": sealed}
    short = seal_compaction(SEALER, "acme", Compaction("They talked."))
    assert items(thought, {"type": "compaction", "encrypted_content": short}) == (
        THOUGHT,
        Compaction("They talked."),
    )


@pytest.mark.parametrize("type_", ["reasoning", "compaction"])
@pytest.mark.parametrize("spoiled", ["cut", "foreign", "altered"])
def test_what_was_altered_or_sealed_for_another_is_refused(type_: str, spoiled: str) -> None:
    sealed = seal_reasoning(SEALER, "other" if spoiled == "foreign" else "acme", THOUGHT)
    if spoiled == "cut":
        sealed = sealed[:-3]
    elif spoiled == "altered":
        sealed = f"{sealed[:-1]}{'a' if sealed[-1] != 'a' else 'b'}"
    item = {"type": type_, "encrypted_content": sealed}
    with pytest.raises(InvalidRequest) as caught:
        items(CALL, item)
    assert caught.value.param == "input[1].encrypted_content"
    assert caught.value.reason == "invalid_encrypted_content"


def test_the_compaction_of_another_server_is_kept_whole() -> None:
    foreign: JsonObject = {"type": "compaction", "id": "cmp_1", "encrypted_content": "gAAA"}
    assert items(foreign) == (OpaqueItem("compaction", foreign),)


@pytest.mark.parametrize("reference", [{"type": "item_reference"}, {"type": None}, {}])
def test_references_may_leave_their_type_out(reference: dict[str, Any]) -> None:
    assert items({**reference, "id": "msg_1"}) == (
        OpaqueItem("item_reference", {"type": "item_reference", "id": "msg_1"}),
    )


@pytest.mark.parametrize(
    "type_",
    [
        "apply_patch_call", "apply_patch_call_output", "code_interpreter_call", "computer_call",
        "computer_call_output", "configuration_update", "file_search_call",
        "image_generation_call", "local_shell_call", "local_shell_call_output",
        "mcp_approval_request", "mcp_approval_response", "mcp_call", "mcp_list_tools", "program",
        "program_output", "shell_call", "shell_call_output", "tool_search_call",
        "tool_search_output", "web_search_call", "of_tomorrow",
    ],
)  # fmt: skip
def test_what_only_such_a_server_understands_is_kept_whole(type_: str) -> None:
    item: JsonObject = {"type": type_, "id": "x_1", "action": {"query": "q"}, "list": [1, None]}
    assert items(item) == (OpaqueItem(type_, item),)


def test_an_id_that_we_gave_is_taken_from_what_goes_back_to_a_vendor() -> None:
    item: JsonObject = {"type": "web_search_call", "status": "completed"}
    assert items({**item, "id": "item_mmx0123456789abcdef_o1"}) == (
        OpaqueItem("web_search_call", item),
    )


def test_an_opaque_item_may_be_long_but_not_of_endless_values() -> None:
    picture: JsonObject = {"type": "image_generation_call", "result": "A" * 2_000_000}
    assert items(picture) == (OpaqueItem("image_generation_call", picture),)
    with pytest.raises(InvalidRequest) as caught:
        items({"type": "mcp_call", "output": [[0]] * 300_000})
    assert caught.value.param == "input[0]"


@pytest.mark.parametrize(
    ("item", "param"),
    [
        (5, "input[1]"),
        ("hello", "input[1]"),
        (None, "input[1]"),
        ([], "input[1]"),
        ({}, "input[1].type"),
        ({"type": 5}, "input[1].type"),
        ({"type": ""}, "input[1].type"),
        ({"type": "x" * 129}, "input[1].type"),
        ({"content": "hello"}, "input[1].type"),
        ({"role": "narrator", "content": "x"}, "input[1].role"),
        ({"type": "message", "content": "x"}, "input[1].role"),
        ({"role": "user"}, "input[1].content"),
        ({"role": "user", "content": 5}, "input[1].content"),
        ({"role": "user", "content": []}, "input[1].content"),
        (said({"type": "input_video"}), "input[1].content[0].type"),
        (said({"type": "input_text"}), "input[1].content[0].text"),
        (said({"type": "input_image"}), "input[1].content[0]"),
        (said({"type": "input_image", "image_url": "/etc/passwd"}),
         "input[1].content[0].image_url"),
        (said({"type": "input_image", "image_url": "data:text/plain;base64,aGk="}),
         "input[1].content[0].image_url"),
        (said({"type": "input_image", "image_url": {"url": TINY}}),
         "input[1].content[0].image_url"),
        (said({"type": "input_file"}), "input[1].content[0]"),
        (said({"type": "input_file", "file_url": "file:///etc/passwd"}),
         "input[1].content[0].file_url"),
        (said({"type": "input_file", "file_data": ""}), "input[1].content[0].file_data"),
        (said({"type": "input_audio", "input_audio": {"data": "a", "format": "ogg"}}),
         "input[1].content[0].input_audio.format"),
        ({"type": "function_call", "name": "f", "arguments": ""}, "input[1].call_id"),
        ({**CALL, "call_id": ""}, "input[1].call_id"),
        ({**CALL, "name": None}, "input[1].name"),
        ({**CALL, "arguments": {"a": 1}}, "input[1].arguments"),
        ({"type": "function_call_output", "output": "4"}, "input[1].call_id"),
        ({"type": "function_call_output", "call_id": "c1"}, "input[1].output"),
        ({**OUTPUT, "output": {"a": 1}}, "input[1].output"),
        ({"type": "custom_tool_call", "call_id": "c", "name": "f"}, "input[1].input"),
        ({"type": "reasoning", "summary": "I see."}, "input[1].summary"),
        ({"type": "reasoning", "summary": [{"type": "summary_text"}]}, "input[1].summary[0].text"),
        ({"type": "compaction"}, "input[1].encrypted_content"),
        ({"type": "item_reference"}, "input[1].id"),
        ({"type": "item_reference", "id": 5}, "input[1].id"),
        ({"type": "compaction_trigger"}, "input[1].type"),
        ({"type": "additional_tools"}, "input[1].tools"),
        ({"type": "additional_tools", "tools": [{"name": "f"}]}, "input[1].tools[0].type"),
    ],
)  # fmt: skip
def test_a_wrong_item_is_refused_by_its_place(item: object, param: str) -> None:
    with pytest.raises(RequestError) as caught:
        items(said({"type": "input_text", "text": "x"}), item)
    assert caught.value.param == param


def test_the_trigger_of_a_compaction_is_refused_with_the_way_there_is() -> None:
    with pytest.raises(UnsupportedFeature, match="/v1/responses/compact"):
        items({"type": "compaction_trigger"})


@pytest.mark.parametrize(
    ("text", "output_format", "verbosity"),
    [
        (None, PlainText(), None),
        ({}, PlainText(), None),
        ({"format": None, "verbosity": "low"}, PlainText(), "low"),
        ({"format": {"type": "text"}}, PlainText(), None),
        ({"format": {"type": "json_object"}}, JsonText(), None),
        (
            {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"},
                        "strict": True, "description": "d"}},
            SchemaText("n", {"type": "object"}, True, "d"), None,
        ),
    ],
)  # fmt: skip
def test_the_form_of_the_text(text: object, output_format: object, verbosity: str | None) -> None:
    found = content(text=text)
    assert (found.output_format, found.verbosity) == (output_format, verbosity)


@pytest.mark.parametrize(
    ("text", "param"),
    [
        ({"format": {"type": "yaml"}}, "text.format.type"),
        ({"format": {"type": "json_schema", "schema": {}}}, "text.format.name"),
        ({"format": {"type": "json_schema", "name": "n"}}, "text.format.schema"),
        ({"format": {"type": "json_schema", "name": "n m", "schema": {}}}, "text.format.name"),
        ({"format": {"type": "json_schema", "name": "n", "schema": "{}"}}, "text.format.schema"),
        ({"format": {"type": "json_schema", "json_schema": {}}}, "text.format.name"),
    ],
)
def test_a_wrong_form_is_refused_by_name(text: object, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        content(text=text)
    assert caught.value.param == param


def test_settings_of_the_call_have_their_names() -> None:
    found = content(
        instructions="Be kind.",
        temperature=0.5,
        top_p=0.25,
        presence_penalty=1,
        frequency_penalty=-1,
        max_output_tokens=100,
        max_tool_calls=3,
        parallel_tool_calls=False,
        truncation="auto",
        reasoning={"effort": "xhigh", "summary": "auto"},
        service_tier="flex",
        metadata={"a": "b"},
        user="u",
    )
    sampling = found.sampling
    assert (sampling.temperature, sampling.top_p) == (0.5, 0.25)
    assert (sampling.presence_penalty, sampling.frequency_penalty) == (1, -1)
    assert found.instructions == "Be kind."
    assert (found.max_output_tokens, found.max_tool_calls) == (100, 3)
    assert (found.parallel_tool_calls, found.truncate) == (False, True)
    assert (found.effort, found.reasoning_summary) == (Effort.XHIGH, "auto")
    assert (found.service_tier, found.metadata, found.user) == ("flex", {"a": "b"}, "u")
    assert found.extras == {}
    assert content(reasoning={"generate_summary": "concise"}).reasoning_summary == "concise"


@pytest.mark.parametrize(
    ("changes", "logprobs", "top"),
    [
        ({}, False, None),
        ({"include": ["message.output_text.logprobs"]}, True, None),
        ({"include": ["message.output_text.logprobs"], "top_logprobs": 3}, True, 3),
        ({"top_logprobs": 3}, True, 3),
        ({"top_logprobs": 0}, False, None),
    ],
)
def test_logprobs_are_asked_by_name_or_by_number(
    changes: dict[str, Any], logprobs: bool, top: int | None
) -> None:
    sampling = content(**changes).sampling
    assert (sampling.logprobs, sampling.top_logprobs) == (logprobs, top)


def test_members_without_a_name_go_on_as_they_are() -> None:
    found = content(
        n=2,
        moderation={"a": 1},
        prompt_cache_key="k",
        safety_identifier=None,
        include=["reasoning.encrypted_content", "web_search_call.results"],
    )
    assert {name: bytes(raw) for name, raw in found.extras.items()} == {  # type: ignore[call-overload] # texts
        "n": b"2",
        "moderation": b'{"a": 1}',
        "prompt_cache_key": b'"k"',
        "include": b'["web_search_call.results"]',
    }


def test_items_alone_are_read_as_in_a_request() -> None:
    raw = decode_members(
        json.dumps({"items": [said({"type": "input_text", "text": "x"})]}).encode()
    )
    decode = item_decoder(SEALER)
    assert decode(raw["items"], "acme") == (Message(Role.USER, (Text("x"),)),)
    raw = decode_members(b'{"items": [{"role": "user"}]}')
    with pytest.raises(InvalidRequest) as caught:
        decode(raw["items"], "acme")
    assert caught.value.param == "items[0].content"
    raw = decode_members(b'{"items": [{"type": "additional_tools", "tools": [{"type": "mcp"}]}]}')
    with pytest.raises(InvalidRequest, match="additional_tools"):
        decode(raw["items"], "acme")
