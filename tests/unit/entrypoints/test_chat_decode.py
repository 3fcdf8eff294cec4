"""Chat completions in: what is refused, and what the domain sees of the rest."""

import json
from typing import Any

import pytest

from modelmux.domain.conversation import (
    Audio,
    FileData,
    FileReference,
    ImageData,
    ImageUrl,
    Message,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from modelmux.domain.effort import Effort
from modelmux.domain.errors import InvalidRequest, UnsupportedFeature
from modelmux.domain.request import Caller, Generation, JsonText, PlainText, SchemaText
from modelmux.domain.tools import (
    AUTO,
    AllowedTools,
    AnyTool,
    CustomTool,
    FunctionTool,
    Grammar,
    NamedTool,
    NoTools,
    ToolChoice,
)
from modelmux.entrypoints.chat_completions.decode import decode_content
from modelmux.entrypoints.chat_completions.envelope import ChatEnvelope, decode_envelope
from modelmux.entrypoints.members import decode_members

EMPTY: dict[str, object] = {}
NOTHING: list[object] = []
USER = {"role": "user", "content": "hello"}
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TOOL = {"type": "function", "function": {"name": "f"}}


def envelope(**changes: Any) -> ChatEnvelope:
    body = {"model": "m", "messages": [USER], **changes}
    return decode_envelope(decode_members(json.dumps(body).encode()))


def content(*messages: object, **changes: Any) -> Generation:
    body = {"model": "m", "messages": list(messages) or [USER], **changes}
    return decode_content(decode_members(json.dumps(body).encode()), Caller("acme"))


def test_the_envelope_says_what_the_handler_needs() -> None:
    assert envelope() == ChatEnvelope("m")
    assert envelope(stream=True, stream_options={"include_usage": True}) == ChatEnvelope(
        "m", True, True
    )
    assert envelope(stream=True, stream_options=None) == ChatEnvelope("m", True)
    assert envelope(functions=[{"name": "f"}]).old_functions
    assert envelope(max_tokens=5, max_completion_tokens=5) == ChatEnvelope("m")


@pytest.mark.parametrize(
    ("changes", "param", "reason"),
    [
        ({"model": ""}, "model", "invalid_value"),
        ({"model": 5}, "model", "invalid_type"),
        ({"messages": "hello"}, "messages", "invalid_type"),
        ({"messages": []}, "messages", "empty_array"),
        ({"temperature": 2.1}, "temperature", "invalid_value"),
        ({"temperature": -1}, "temperature", "invalid_value"),
        ({"temperature": "warm"}, "temperature", "invalid_type"),
        ({"temperature": True}, "temperature", "invalid_type"),
        ({"top_p": 1.5}, "top_p", "invalid_value"),
        ({"presence_penalty": 3}, "presence_penalty", "invalid_value"),
        ({"n": 1_000_000}, "n", "invalid_value"),
        ({"n": 0}, "n", "invalid_value"),
        ({"n": 10**400}, "n", "invalid_value"),
        ({"seed": 10**4000}, "seed", "invalid_value"),
        ({"max_tokens": 0}, "max_tokens", "invalid_value"),
        ({"max_tokens": 1.5}, "max_tokens", "invalid_type"),
        ({"max_tokens": 1, "max_completion_tokens": 2}, "max_tokens", "invalid_value"),
        ({"stop": ["a"] * 65}, "stop", "invalid_value"),
        ({"stop": [1]}, "stop[0]", "invalid_type"),
        ({"logit_bias": {"5": 101}}, "logit_bias[...]", "invalid_value"),
        ({"top_logprobs": 5}, "top_logprobs", "invalid_value"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs", "invalid_value"),
        ({"stream": "yes"}, "stream", "invalid_type"),
        ({"stream_options": {"include_usage": True}}, "stream_options", "invalid_value"),
        ({"stream": True, "stream_options": {"include_usage": 1}}, "stream_options.include_usage",
         "invalid_type"),
        ({"metadata": {str(n): "x" for n in range(17)}}, "metadata", "invalid_value"),
        ({"metadata": {"k" * 65: "x"}}, "metadata", "invalid_value"),
        ({"metadata": {"k": "x" * 513}}, "metadata[...]", "invalid_value"),
        ({"metadata": {"k": 1}}, "metadata[...]", "invalid_type"),
        ({"tools": {}}, "tools", "invalid_type"),
        ({"tool_choice": 5}, "tool_choice", "invalid_type"),
        ({"response_format": "json"}, "response_format", "invalid_type"),
        ({"functions": [{"name": "f"}], "tools": [TOOL]}, "functions", "invalid_value"),
    ],
)  # fmt: skip
def test_a_wrong_member_at_the_top_is_refused_by_name(
    changes: dict[str, Any], param: str, reason: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        envelope(**changes)
    assert (caught.value.param, caught.value.reason) == (param, reason)


@pytest.mark.parametrize("name", ["model", "messages"])
def test_a_missing_member_is_named(name: str) -> None:
    body = {"model": "m", "messages": [USER]}
    del body[name]
    with pytest.raises(InvalidRequest) as caught:
        decode_envelope(decode_members(json.dumps(body).encode()))
    assert (caught.value.param, caught.value.reason) == (name, "missing_required_parameter")


def test_more_messages_than_anybody_has_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="may hold 20000"):
        envelope(messages=[USER] * 100_000)


def test_a_conversation_becomes_items() -> None:
    generation = content(
        {"role": "system", "content": "be brief"},
        {"role": "developer", "content": [{"type": "text", "text": "and kind"}]},
        {"role": "user", "content": "hi", "name": "ann"},
        {"role": "assistant", "content": "calling", "reasoning_content": "hm", "tool_calls": [
            CALL,
            {"id": "call_2", "type": "custom", "custom": {"name": "g", "input": "free"}},
        ]},
        {"role": "tool", "tool_call_id": "call_2", "content": [{"type": "text", "text": "two"}]},
        {"role": "tool", "tool_call_id": "call_1", "content": "one"},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
    )  # fmt: skip
    assert generation.items == (
        Message(Role.SYSTEM, (Text("be brief"),)),
        Message(Role.DEVELOPER, (Text("and kind"),)),
        Message(Role.USER, (Text("hi"),), "ann"),
        Reasoning("hm"),
        Message(Role.ASSISTANT, (Text("calling"),)),
        ToolCall("call_1", "f", "{}"),
        ToolCall("call_2", "g", "free", "custom"),
        ToolResult("call_2", (Text("two"),)),
        ToolResult("call_1", (Text("one"),)),
        Message(Role.ASSISTANT, (Refusal("no"),)),
    )


def test_either_spelling_of_reasoning_is_read() -> None:
    told = content(USER, {"role": "assistant", "content": "x", "reasoning": "because"}, USER)
    assert Reasoning("because") in told.items


def test_parts_of_every_kind_are_read() -> None:
    parts = [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": "data:image/PNG;base64,QUJD", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "mp3"}},
        {
            "type": "file",
            "file": {"file_data": "data:application/pdf;base64,QUJD", "filename": "a"},
        },
        {"type": "file", "file": {"file_data": "QU\nJD", "filename": "a.txt"}},
        {"type": "file", "file": {"file_id": "file_1"}},
    ]
    (message,) = content({"role": "user", "content": parts}).items
    assert isinstance(message, Message)
    assert message.parts == (
        Text("look"),
        ImageData("image/png", "QUJD", "low"),
        ImageUrl("https://example.com/a.png"),
        Audio("QUJD", "mp3"),
        FileData("application/pdf", "QUJD", "a"),
        FileData("text/plain", "QUJD", "a.txt"),
        FileReference("file_1"),
    )


@pytest.mark.parametrize(
    ("messages", "param"),
    [
        ([{"role": "robot", "content": "x"}], "messages[0].role"),
        ([{"content": "x"}], "messages[0].role"),
        ([5], "messages[0]"),
        ([USER, {"role": "user"}], "messages[1].content"),
        ([{"role": "user", "content": None}], "messages[0].content"),
        ([{"role": "user", "content": NOTHING}], "messages[0].content"),
        ([{"role": "user", "content": [{"type": "smell"}]}], "messages[0].content[0].type"),
        ([{"role": "user", "content": [{"type": "text"}]}], "messages[0].content[0].text"),
        ([{"role": "system", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}],
         "messages[0].content[0].type"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "file:///x"}}]}],
         "messages[0].content[0].image_url.url"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:x,y"}}]}],
         "messages[0].content[0].image_url.url"),
        ([{"role": "user", "content": [{"type": "file", "file": EMPTY}]}],
         "messages[0].content[0].file"),
        ([{"role": "assistant"}], "messages[0].content"),
        ([USER, {"role": "tool", "tool_call_id": "call_1", "content": "x"}],
         "messages[1].tool_call_id"),
        ([{"role": "assistant", "tool_calls": [CALL]}, USER], "messages[0].tool_calls"),
        ([USER, {"role": "assistant", "tool_calls": [CALL]}], "messages[1].tool_calls"),
        ([{"role": "assistant", "tool_calls": [CALL, CALL]}], "messages[0].tool_calls"),
        ([{"role": "assistant", "tool_calls": [CALL]}]
         + [{"role": "tool", "tool_call_id": "call_1", "content": "x"}] * 2,
         "messages[2].tool_call_id"),
        ([{"role": "assistant", "tool_calls": [{**CALL, "function": EMPTY}]}],
         "messages[0].tool_calls[0].function.name"),
        ([{"role": "function", "name": "f", "content": "x"}], "messages[0].name"),
    ],
)  # fmt: skip
def test_a_wrong_message_is_refused_by_its_place(messages: list[object], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        content(*messages)
    assert caught.value.param == param


def test_audio_that_only_its_vendor_keeps_is_refused() -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        content(USER, {"role": "assistant", "audio": {"id": "audio_1"}})
    assert caught.value.param == "messages[1].audio"


@pytest.mark.parametrize(
    ("given", "choice"),
    [
        (None, AUTO),
        ("auto", AUTO),
        ("none", NoTools()),
        ("required", AnyTool()),
        ({"type": "function", "function": {"name": "f"}}, NamedTool("f")),
        ({"type": "custom", "custom": {"name": "g"}}, NamedTool("g")),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [TOOL]}},
         AllowedTools(("f",), required=True)),
    ],
)  # fmt: skip
def test_tools_and_every_form_of_their_choice_are_read(given: object, choice: ToolChoice) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    grammar = {"type": "grammar", "grammar": {"syntax": "regex", "definition": "a+"}}
    generation = content(
        tools=[
            {"type": "function", "function": {"name": "f", "parameters": schema, "strict": True}},
            {"type": "custom", "custom": {"name": "g", "description": "d", "format": grammar}},
        ],
        tool_choice=given,
        parallel_tool_calls=False,
    )
    assert generation.tools == (
        FunctionTool("f", None, schema, True),  # type: ignore[arg-type]  # a dict of dicts is JSON
        CustomTool("g", "d", Grammar("regex", "a+")),
    )
    assert generation.tool_choice == choice
    assert generation.parallel_tool_calls is False


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"tools": [{"type": "oven"}]}, "tools[0].type"),
        ({"tools": [{"type": "function", "function": EMPTY}]}, "tools[0].function.name"),
        ({"tools": [{"function": {"name": "f"}}]}, "tools[0].type"),
        ({"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "x"}}},
         "tool_choice"),
        ({"tools": [TOOL], "tool_choice": "sometimes"}, "tool_choice"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "a b"}}},
         "response_format.json_schema.name"),
        ({"reasoning_effort": "extreme"}, "reasoning_effort"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_tools_or_format_is_named(changes: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        content(**changes)
    assert caught.value.param == param


def test_the_form_before_tools_is_mapped_onto_them() -> None:
    generation = content(
        USER,
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "done"},
        functions=[{"name": "f", "parameters": {"type": "object"}}],
        function_call={"name": "f"},
    )
    call, result = generation.items[1:]
    assert isinstance(call, ToolCall)
    assert isinstance(result, ToolResult)
    assert result.call_id == call.id
    assert generation.tools == (FunctionTool("f", None, {"type": "object"}),)
    assert generation.tool_choice == NamedTool("f")
    assert generation.parallel_tool_calls is False


def test_everything_else_lands_where_it_belongs() -> None:
    generation = content(
        temperature=1, top_p=0.5, presence_penalty=1, frequency_penalty=-1, seed=7, stop="end",
        logit_bias={"5": 1}, n=2, logprobs=True, top_logprobs=3, max_tokens=10,
        reasoning_effort="xhigh", verbosity="low", service_tier="flex", metadata={"a": "b"},
        user="u", stream=True, store=False, top_k=5,
    )  # fmt: skip
    sampling = generation.sampling
    assert (sampling.temperature, sampling.top_p, sampling.seed) == (1.0, 0.5, 7)
    assert (sampling.stop, sampling.candidates, sampling.top_logprobs) == (("end",), 2, 3)
    assert generation.max_output_tokens == 10
    assert content(max_tokens=10, max_completion_tokens=10).max_output_tokens == 10
    assert generation.effort is Effort.XHIGH
    assert (generation.verbosity, generation.service_tier) == ("low", "flex")
    assert (generation.metadata, generation.user) == ({"a": "b"}, "u")
    assert list(generation.extras) == ["store", "top_k"]


def test_the_three_forms_of_output_are_read() -> None:
    assert content(response_format={"type": "text"}).output_format == PlainText()
    assert content(response_format={"type": "json_object"}).output_format == JsonText()
    schema = {"name": "n", "schema": {"type": "object"}, "strict": True}
    told = content(response_format={"type": "json_schema", "json_schema": schema}).output_format
    assert told == SchemaText("n", {"type": "object"}, True)
