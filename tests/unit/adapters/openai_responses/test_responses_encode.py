"""Requests as an upstream would take them: each body is held to the fake's rules besides."""

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from modelmux.adapters.openai_responses.encode import encode_request
from modelmux.adapters.openai_responses.spelling import OPEN_MODELS, OPENAI, Spelling
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
    Part,
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
from modelmux.domain.errors import UnsupportedFeature
from modelmux.domain.json_values import JsonObject
from modelmux.domain.request import Generation, JsonText, Sampling, SchemaText
from modelmux.domain.tools import (
    AllowedTools,
    AnyTool,
    AutoChoice,
    CustomTool,
    FunctionTool,
    Grammar,
    HostedChoice,
    HostedTool,
    NamedTool,
    NoTools,
    ToolChoice,
    ToolNamespace,
)
from tests.support.asking import content_of, user
from tests.support.responses_rules import check_responses, encrypted

SCHEMA: JsonObject = {"type": "object", "properties": {"city": {"type": "string"}}}
WEATHER = FunctionTool("weather", "Tells the weather", SCHEMA)
PATCH = CustomTool("patch", "Changes files", Grammar("lark", "start: /x/"))
SEARCH = HostedTool("web_search", {"type": "web_search", "search_context_size": "low"})
MCP = HostedTool("mcp", {"type": "mcp", "server_label": "wiki", "server_url": "https://w.example"})
MAPS = ToolNamespace("maps", (FunctionTool("find"), CustomTool("draw")), "Maps")
OURS = "ws_mmx0123456789abcdef_o0"


def body_of(
    content: Generation,
    *,
    model: str = "gpt-4.1",
    stream: bool = False,
    spelling: Spelling = OPENAI,
    lenient: bool = False,
) -> dict[str, Any]:  # Any: a body, looked at piece by piece
    data = encode_request(content, model=model, stream=stream, spelling=spelling, lenient=lenient)
    body: dict[str, Any] = json.loads(data)
    check_responses(body, "openai" if spelling is OPENAI else "vllm")
    return body


def item_of(*items: Item, spelling: Spelling = OPENAI) -> Any:  # Any: as above
    """Return the last input item, said behind a question."""
    return body_of(content_of(user("Hi"), *items), spelling=spelling)["input"][-1]


def test_the_least_there_is_to_say() -> None:
    assert body_of(content_of(user("Hi"))) == {
        "model": "gpt-4.1",
        "input": [{"type": "message", "role": "user", "content": "Hi"}],
        "store": False,
        "include": ["reasoning.encrypted_content"],
    }


def test_everything_about_the_answer_has_its_member() -> None:
    content = content_of(
        user("Hi"),
        instructions="Be brief.",
        sampling=Sampling(temperature=0.5, top_p=0.9, logprobs=True, top_logprobs=3),
        max_output_tokens=100,
        output_format=SchemaText("answer", SCHEMA, True, "An answer"),
        effort=Effort.LOW,
        reasoning_summary="concise",
        verbosity="low",
        truncate=True,
        service_tier="flex",
        metadata={"team": "a"},
        user="u1",
        tools=(WEATHER,),
        parallel_tool_calls=False,
        max_tool_calls=3,
    )
    body = body_of(content, stream=True)
    assert next(iter(body)) == "model"
    body.pop("input")
    body.pop("tools")
    assert body == {
        "model": "gpt-4.1",
        "instructions": "Be brief.",
        "parallel_tool_calls": False,
        "max_tool_calls": 3,
        "temperature": 0.5,
        "top_p": 0.9,
        "top_logprobs": 3,
        "max_output_tokens": 100,
        "text": {
            "format": {
                "type": "json_schema",
                "name": "answer",
                "schema": SCHEMA,
                "strict": True,
                "description": "An answer",
            },
            "verbosity": "low",
        },
        "reasoning": {"effort": "low", "summary": "concise"},
        "truncation": "auto",
        "service_tier": "flex",
        "metadata": {"team": "a"},
        "user": "u1",
        "store": False,
        "include": ["reasoning.encrypted_content", "message.output_text.logprobs"],
        "stream": True,
    }


def test_json_without_a_schema() -> None:
    body = body_of(content_of(user("JSON"), output_format=JsonText()))
    assert body["text"] == {"format": {"type": "json_object"}}


def test_members_without_a_name_here_go_on_but_none_that_speaks_of_state() -> None:
    wanted = ["web_search_call.action.sources", "reasoning.encrypted_content"]
    extras = {
        "prompt_cache_key": "k",
        "include": wanted,
        "store": True,
        "previous_response_id": "resp_mmx0123456789abcdef",
        "conversation": "conv_1",
        "background": True,
        "stream_options": {"include_obfuscation": False},
    }
    raw = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in extras.items()}
    body = body_of(content_of(user("Hi"), extras=raw))
    assert body["prompt_cache_key"] == "k"
    assert body["include"] == ["reasoning.encrypted_content", "web_search_call.action.sources"]
    assert body["store"] is False
    assert not {"previous_response_id", "conversation", "background"} & set(body)
    assert "stream_options" not in body


@pytest.mark.parametrize(
    ("part", "wire"),
    [
        (
            ImageUrl("https://site.example/a.png", "low"),
            {
                "type": "input_image",
                "image_url": "https://site.example/a.png",
                "detail": "low",
            },
        ),
        (
            ImageData("image/png", "AAAA"),
            {
                "type": "input_image",
                "image_url": "data:image/png;base64,AAAA",
                "detail": "auto",
            },
        ),
        (
            ImageReference("file-1"),
            {"type": "input_image", "file_id": "file-1", "detail": "auto"},
        ),
        (
            Audio("AAAA", "wav"),
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        ),
        (
            FileData("application/pdf", "AAAA"),
            {
                "type": "input_file",
                "filename": "document.pdf",
                "file_data": "data:application/pdf;base64,AAAA",
            },
        ),
        (FileReference("file-2"), {"type": "input_file", "file_id": "file-2"}),
        (
            FileUrl("https://site.example/a.pdf"),
            {"type": "input_file", "file_url": "https://site.example/a.pdf"},
        ),
    ],
)
def test_parts_of_a_user(part: Part, wire: dict[str, object]) -> None:
    told = item_of(Message(Role.USER, (Text("Look:"), part)))
    assert told["content"] == [{"type": "input_text", "text": "Look:"}, wire]


def test_an_assistants_words_keep_their_phase_citations_and_refusals() -> None:
    cited: JsonObject = {"type": "url_citation", "url": "https://site.example/a"}
    foreign: JsonObject = {"type": "char_location", "cited_text": "cold", "document_index": 0}
    parts = (Text("It is cold.", (cited, foreign)), Refusal("No more."))
    assert item_of(Message(Role.ASSISTANT, parts, phase="final_answer")) == {
        "type": "message",
        "role": "assistant",
        "phase": "final_answer",
        "content": [
            {"type": "output_text", "text": "It is cold.", "annotations": [cited]},
            {"type": "refusal", "refusal": "No more."},
        ],
    }


def test_calls_and_their_results() -> None:
    body = body_of(
        content_of(
            user("Hi"),
            ToolCall("c1", "find", "", namespace="maps"),
            ToolCall("c2", "patch", "x", "custom"),
            ToolResult("c1", (Text("Oslo"),)),
            ToolResult("c2", (Text("a"), ImageReference("file-1")), kind="custom"),
        )
    )
    shown = {"type": "input_image", "file_id": "file-1", "detail": "auto"}
    assert body["input"][1:] == [
        {
            "type": "function_call",
            "call_id": "c1",
            "name": "find",
            "arguments": "{}",
            "namespace": "maps",
        },
        {"type": "custom_tool_call", "call_id": "c2", "name": "patch", "input": "x"},
        {"type": "function_call_output", "call_id": "c1", "output": "Oslo"},
        {
            "type": "custom_tool_call_output",
            "call_id": "c2",
            "output": [{"type": "input_text", "text": "a"}, shown],
        },
    ]


def test_thoughts_go_back_sealed_to_the_model_that_had_them() -> None:
    sealed = encrypted("gpt-5.6", "Hm.")
    proof = Proof(Vendor.OPENAI, "gpt-5.6", "encrypted_content", sealed, "rs_1")
    others = (
        Reasoning("Hm.", replace(proof, model="gpt-4.1")),
        Reasoning("Hm.", Proof(Vendor.ANTHROPIC, "gpt-5.6", "signature", "s")),
        Reasoning("Hm."),
    )
    content = content_of(user("Hi"), Reasoning("Hm.", proof), *others)
    body = body_of(content, model="gpt-5.6")
    assert body["input"][1:] == [
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "Hm."}],
            "encrypted_content": sealed,
        }
    ]


def test_thoughts_go_back_that_a_client_brought_sealed() -> None:
    sealed = encrypted("gpt-5.6", "Hm.")
    brought = Reasoning("Hm.", Proof(Vendor.OPENAI, "", "encrypted_content", sealed, "rs_1"))
    thoughts = body_of(content_of(user("Hi"), brought), model="gpt-5.6")["input"][1]
    assert (thoughts["id"], thoughts["encrypted_content"]) == ("rs_1", sealed)


def test_open_models_are_told_thoughts_that_nobody_sealed() -> None:
    sealed = Reasoning("No.", Proof(Vendor.ANTHROPIC, "claude", "signature", "s"))
    content = content_of(user("Hi"), Reasoning("Hm."), sealed, Reasoning(""), Reasoning("Hm."))
    told = body_of(content, spelling=OPEN_MODELS)["input"][1:]
    assert [item["content"] for item in told] == [[{"type": "reasoning_text", "text": "Hm."}]] * 2
    assert len({item["id"] for item in told}) == 2


def test_thoughts_without_an_id_are_given_the_same_one_each_time() -> None:
    proof = Proof(Vendor.OPENAI, "gpt-5.6", "encrypted_content", encrypted("gpt-5.6", "hidden"))
    content = content_of(user("Hi"), Reasoning("", proof))
    first, second = (body_of(content, model="gpt-5.6")["input"][1] for _ in range(2))
    assert first == second
    assert first["summary"] == []


def test_an_item_of_a_hosted_tool_goes_as_it_is_but_for_an_id_of_ours() -> None:
    value: JsonObject = {"type": "web_search_call", "id": "ws_theirs", "status": "completed"}
    assert item_of(OpaqueItem("web_search_call", value)) == value
    told = item_of(OpaqueItem("web_search_call", {**value, "id": OURS}))
    assert told["id"].startswith("ws_")
    assert "mmx" not in told["id"]


def test_an_approval_names_the_request_as_the_request_is_named() -> None:
    ours = "mcpr_mmx0123456789abcdef_o0"
    asked = OpaqueItem("mcp_approval_request", {"type": "mcp_approval_request", "id": ours})
    answer: JsonObject = {
        "type": "mcp_approval_response",
        "id": "item_mmx0123456789abcdef_i0",
        "approval_request_id": ours,
        "approve": True,
    }
    given = OpaqueItem("mcp_approval_response", answer)
    data = encode_request(content_of(user("Hi"), asked, given), model="m", stream=False)
    _, request, response = json.loads(data)["input"]
    assert response["approval_request_id"] == request["id"]
    assert "id" not in response
    assert "mmx" not in request["id"]


def test_a_summary_of_ours_has_no_word_of_its_own() -> None:
    with pytest.raises(UnsupportedFeature, match="compaction"):
        item_of(Compaction("They met."))


def test_tools_of_all_kinds() -> None:
    body = body_of(content_of(user("Hi"), tools=(WEATHER, PATCH, MAPS, SEARCH)))
    assert body["tools"] == [
        {
            "type": "function",
            "name": "weather",
            "description": "Tells the weather",
            "parameters": SCHEMA,
        },
        {
            "type": "custom",
            "name": "patch",
            "description": "Changes files",
            "format": {"type": "grammar", "syntax": "lark", "definition": "start: /x/"},
        },
        {
            "type": "namespace",
            "name": "maps",
            "description": "Maps",
            "tools": [
                {
                    "type": "function",
                    "name": "find",
                    "parameters": {"type": "object", "properties": {}},
                },
                {"type": "custom", "name": "draw"},
            ],
        },
        SEARCH.value,
    ]


def test_strictness_that_chat_completions_leaves_unset_is_none() -> None:
    strict = replace(WEATHER, strict=True)
    body = body_of(content_of(user("Hi"), tools=(WEATHER, strict)), lenient=True)
    assert [tool["strict"] for tool in body["tools"]] == [False, True]


@pytest.mark.parametrize(
    ("choice", "wire"),
    [
        (AutoChoice(), None),
        (NoTools(), "none"),
        (AnyTool(), "required"),
        (NamedTool("weather"), {"type": "function", "name": "weather"}),
        (NamedTool("patch"), {"type": "custom", "name": "patch"}),
        (NamedTool("draw"), {"type": "custom", "name": "draw"}),
        (HostedChoice("web_search", {"type": "web_search"}), {"type": "web_search"}),
        (
            AllowedTools(("maps", "find")),
            {
                "type": "allowed_tools",
                "mode": "auto",
                "tools": [
                    {"type": "namespace", "name": "maps"},
                    {"type": "function", "name": "find"},
                ],
            },
        ),
        (
            AllowedTools(("weather", "web_search", "mcp"), required=True),
            {
                "type": "allowed_tools",
                "mode": "required",
                "tools": [
                    {"type": "function", "name": "weather"},
                    {"type": "web_search"},
                    {"type": "mcp", "server_label": "wiki"},
                ],
            },
        ),
    ],
)
def test_choices(choice: ToolChoice, wire: object) -> None:
    tools = (WEATHER, PATCH, MAPS, SEARCH, MCP)
    assert (
        body_of(content_of(user("Hi"), tools=tools, tool_choice=choice)).get("tool_choice") == wire
    )


def test_servers_of_open_models_are_told_system_messages() -> None:
    content = content_of(Message(Role.DEVELOPER, (Text("Be brief."),)), user("Hi"))
    assert body_of(content, spelling=OPEN_MODELS)["input"][0]["role"] == "system"


@pytest.mark.parametrize(("required", "wire"), [(True, "required"), (False, None)])
def test_servers_of_open_models_are_told_the_allowed_tools_alone(
    required: bool, wire: str | None
) -> None:
    choice = AllowedTools(("weather",), required)
    content = content_of(user("Hi"), tools=(WEATHER, FunctionTool("time")), tool_choice=choice)
    body = body_of(content, spelling=OPEN_MODELS)
    assert [tool["name"] for tool in body["tools"]] == ["weather"]
    assert body.get("tool_choice") == wire


@pytest.mark.parametrize(
    "item",
    [
        Message(Role.ASSISTANT, (ImageReference("file-1"),)),
        Message(Role.USER, (Refusal("No."), Text("x"))),
        Message(Role.USER, (ImageUrl("gs://bucket/a.png"),)),
        ToolResult("c", (Audio("AAAA", "wav"),)),
    ],
)
def test_what_an_item_cannot_hold_is_refused(item: Item) -> None:
    with pytest.raises(UnsupportedFeature):
        encode_request(content_of(user("Hi"), item), model="m", stream=False)
