"""The top level of Responses requests: what is refused by name, and what the rest means."""

import json
from typing import Any

import pytest

from modelmux.adapters.memory.sealer import MemorySealer
from modelmux.domain.errors import InvalidRequest
from modelmux.domain.request import Caller
from modelmux.domain.turn import Status
from modelmux.entrypoints.members import decode_members
from modelmux.entrypoints.responses.envelope import (
    ResponsesEnvelope,
    begin_turn,
    decode_envelope,
)
from modelmux.entrypoints.responses.turn_wire import ResponsesWire
from tests.support.responses_schemas import needs_schemas, open_responses_faults, openai_faults

NOTHING: list[object] = []
EMPTY: dict[str, object] = {}


def envelope(**changes: Any) -> ResponsesEnvelope:
    body = {"model": "m", "input": "hello", **changes}
    return decode_envelope(decode_members(json.dumps(body).encode()))


def settings(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(envelope(**changes).settings)
    return found


def test_a_plain_request_is_kept_and_neither_streamed_nor_relayed() -> None:
    asked = envelope()
    assert (asked.model, asked.stream, asked.store, asked.background) == ("m", False, True, False)
    assert (asked.previous, asked.conversation, asked.include) == (None, None, ())
    assert not asked.relayable
    assert asked == envelope(stream=None, store=None, background=None, include=None, prompt=None)


@pytest.mark.parametrize("conversation", ["conv_1", {"id": "conv_1"}])
def test_what_is_continued_is_known(conversation: object) -> None:
    assert envelope(previous_response_id="resp_1", input=NOTHING).previous == "resp_1"
    asked = envelope(conversation=conversation, input=None)
    assert (asked.conversation, asked.previous) == ("conv_1", None)


@pytest.mark.parametrize(
    ("changes", "param", "reason"),
    [
        ({"model": ""}, "model", "invalid_value"),
        ({"model": 5}, "model", "invalid_type"),
        ({"input": 5}, "input", "invalid_type"),
        ({"input": EMPTY}, "input", "invalid_type"),
        ({"input": NOTHING}, "input", "empty_array"),
        ({"input": None}, "input", "missing_required_parameter"),
        ({"instructions": ["be kind"]}, "instructions", "invalid_type"),
        ({"previous_response_id": 5}, "previous_response_id", "invalid_type"),
        ({"previous_response_id": ""}, "previous_response_id", "invalid_value"),
        ({"previous_response_id": "a" * 513}, "previous_response_id", "invalid_value"),
        ({"conversation": 5}, "conversation", "invalid_type"),
        ({"conversation": EMPTY}, "conversation.id", "missing_required_parameter"),
        ({"conversation": "conv_1", "previous_response_id": "resp_1"}, "previous_response_id",
         "mutually_exclusive_parameters"),
        ({"background": True, "store": False}, "background", "invalid_value"),
        ({"background": "yes"}, "background", "invalid_type"),
        ({"store": 1}, "store", "invalid_type"),
        ({"stream": "yes"}, "stream", "invalid_type"),
        ({"stream_options": {"include_obfuscation": True}}, "stream_options", "invalid_value"),
        ({"stream": True, "stream_options": {"include_obfuscation": 1}},
         "stream_options.include_obfuscation", "invalid_type"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt", "unsupported_parameter"),
        ({"include": ["reasoning.encrypted_content", "everything"]}, "include[1]",
         "invalid_value"),
        ({"include": "reasoning.encrypted_content"}, "include", "invalid_type"),
        ({"max_output_tokens": 0}, "max_output_tokens", "invalid_value"),
        ({"max_output_tokens": 1.5}, "max_output_tokens", "invalid_type"),
        ({"max_output_tokens": 10**30}, "max_output_tokens", "invalid_value"),
        ({"max_tool_calls": 0}, "max_tool_calls", "invalid_value"),
        ({"parallel_tool_calls": "no"}, "parallel_tool_calls", "invalid_type"),
        ({"temperature": 2.1}, "temperature", "invalid_value"),
        ({"temperature": True}, "temperature", "invalid_type"),
        ({"top_p": 1.5}, "top_p", "invalid_value"),
        ({"presence_penalty": 3}, "presence_penalty", "invalid_value"),
        ({"frequency_penalty": -3}, "frequency_penalty", "invalid_value"),
        ({"top_logprobs": 21}, "top_logprobs", "invalid_value"),
        ({"truncation": "some"}, "truncation", "invalid_value"),
        ({"reasoning": {"effort": "enormous"}}, "reasoning.effort", "invalid_value"),
        ({"reasoning": {"summary": "long"}}, "reasoning.summary", "invalid_value"),
        ({"reasoning": "high"}, "reasoning", "invalid_type"),
        ({"text": {"verbosity": "chatty"}}, "text.verbosity", "invalid_value"),
        ({"text": "json"}, "text", "invalid_type"),
        ({"text": {"format": "json"}}, "text.format", "invalid_type"),
        ({"service_tier": 1}, "service_tier", "invalid_type"),
        ({"metadata": {str(n): "x" for n in range(17)}}, "metadata", "invalid_value"),
        ({"metadata": {"k" * 65: "x"}}, "metadata", "invalid_value"),
        ({"metadata": {"k": "x" * 513}}, "metadata[...]", "invalid_value"),
        ({"metadata": {"k": 1}}, "metadata[...]", "invalid_type"),
        ({"user": 5}, "user", "invalid_type"),
        ({"tools": EMPTY}, "tools", "invalid_type"),
        ({"tools": ["web_search"]}, "tools[0]", "invalid_type"),
        ({"tool_choice": 5}, "tool_choice", "invalid_type"),
    ],
)  # fmt: skip
def test_a_wrong_member_at_the_top_is_refused_by_name(
    changes: dict[str, Any], param: str, reason: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        envelope(**changes)
    assert (caught.value.param, caught.value.reason) == (param, reason)


def test_a_value_that_cannot_be_included_is_named_in_words() -> None:
    with pytest.raises(InvalidRequest, match="everything"):
        envelope(include=["everything"])


@pytest.mark.parametrize("name", ["model", "input"])
def test_a_missing_member_is_named(name: str) -> None:
    body = {"model": "m", "input": "hello"}
    del body[name]
    with pytest.raises(InvalidRequest) as caught:
        decode_envelope(decode_members(json.dumps(body).encode()))
    assert (caught.value.param, caught.value.reason) == (name, "missing_required_parameter")


def test_too_many_items_are_refused_before_they_are_read() -> None:
    items = [{"role": "user", "content": "hello"}] * 20_001
    with pytest.raises(InvalidRequest) as caught:
        envelope(input=items)
    assert caught.value.reason == "array_above_max_length"


@pytest.mark.parametrize("effort", ["none", "minimal", "low", "medium", "high", "xhigh", "max"])
def test_every_effort_is_known_and_repeated(effort: str) -> None:
    assert settings(reasoning={"effort": effort})["reasoning"] == {
        "effort": effort,
        "summary": None,
    }


@pytest.mark.parametrize(
    ("changes", "relayable"),
    [
        ({"store": False}, True),
        ({"store": False, "stream": True}, True),
        ({"store": False, "input": "A page on mmx1 and mmx."}, True),
        ({}, False),
        ({"store": False, "previous_response_id": "resp_1"}, False),
        ({"store": False, "conversation": "conv_1"}, False),
        ({"background": True}, False),
        ({"store": False, "input": [{"type": "item_reference", "id": "msg_mmx1_o0"}]}, False),
        ({"store": False, "input": [
            {"type": "reasoning", "summary": NOTHING, "encrypted_content": "mmx1.abc"}]}, False),
        ({"store": False, "input": [
            {"type": "reasoning", "id": "rs_1", "summary": NOTHING}]}, False),
        ({"store": False, "input": [
            {"type": "reasoning", "id": "rs_1", "encrypted_content": None}]}, False),
        ({"store": False, "input": [
            {"type": "reasoning", "id": "rs_1", "encrypted_content": "gAAA"}]}, True),
        ({"store": False, "input": [{"type": 7, "x": "reasoning"}]}, True),
    ],
)  # fmt: skip
def test_only_what_others_understand_as_we_do_is_relayed(
    changes: dict[str, Any], relayable: bool
) -> None:
    assert envelope(**changes).relayable is relayable


def test_the_turn_begins_as_the_envelope_says() -> None:
    asked = envelope(conversation="conv_1", stream=True, metadata={"a": "b"})
    turn = begin_turn(asked, Caller("acme", "k1"), "resp_mmx1", 12.5)
    record = turn.asked
    assert (record.tenant, record.id, record.created_at) == ("acme", "resp_mmx1", 12.5)
    assert (record.status, record.store, record.streamed) == (Status.IN_PROGRESS, True, True)
    assert (record.conversation, record.previous) == ("conv_1", None)
    assert record.settings == asked.settings
    assert not turn.relayable
    assert turn.record is None


def test_background_turns_are_queued_and_stateless_ones_relayable() -> None:
    turn = begin_turn(envelope(background=True), Caller("acme"), "resp_mmx1", 1)
    assert (turn.asked.status, turn.asked.background) == (Status.QUEUED, True)
    turn = begin_turn(envelope(store=False), Caller("acme"), "resp_mmx1", 1)
    assert (turn.relayable, turn.asked.store) == (True, False)


def test_settings_of_a_plain_request_are_the_defaults() -> None:
    assert settings() == {
        "instructions": None,
        "model": "m",
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


def test_nulls_are_repeated_as_the_defaults() -> None:
    nulls = dict.fromkeys([*settings(), "user", "prompt_cache_retention", "include"])
    del nulls["model"]
    assert settings(**nulls) == settings()


def test_settings_repeat_what_was_asked() -> None:
    asked = {
        "instructions": "Be\nkind.",
        "tool_choice": {"type": "function", "name": "f"},
        "parallel_tool_calls": False,
        "temperature": 0.25,
        "top_p": 0.5,
        "presence_penalty": 1,
        "frequency_penalty": -1,
        "truncation": "auto",
        "max_output_tokens": 100,
        "max_tool_calls": 3,
        "service_tier": "flex",
        "metadata": {"a": "b"},
        "safety_identifier": "s",
        "prompt_cache_key": "k",
        "user": "u",
        "prompt_cache_retention": "24h",
        "prompt_cache_options": {"mode": "explicit", "ttl": "30m"},
    }
    found = settings(**asked)
    assert {name: found[name] for name in asked} == asked


def test_functions_are_repeated_with_every_member_that_is_required() -> None:
    bare = {"type": "function", "name": "f"}
    full = {"type": "function", "name": "g", "description": "d", "parameters": {"type": "object"},
            "strict": True, "defer_loading": True}  # fmt: skip
    hosted = {"type": "web_search", "filters": {"allowed_domains": ["a.org"]}}
    assert settings(tools=[bare, full, hosted])["tools"] == [
        {**bare, "description": None, "parameters": None, "strict": None},
        full,
        hosted,
    ]


@pytest.mark.parametrize(
    ("text", "repeated"),
    [
        ({"verbosity": "low"}, {"format": {"type": "text"}, "verbosity": "low"}),
        ({"format": None, "verbosity": None}, {"format": {"type": "text"}}),
        ({"format": {"type": "json_object"}}, {"format": {"type": "json_object"}}),
        (
            {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}}},
            {
                "format": {
                    "type": "json_schema",
                    "name": "n",
                    "schema": {"type": "object"},
                    "strict": False,
                }
            },
        ),
    ],
)
def test_the_form_of_the_text_is_repeated_whole(text: object, repeated: object) -> None:
    assert settings(text=text)["text"] == repeated


@pytest.mark.parametrize(
    ("url", "repeated"),
    [
        ("https://mcp.example.com:8443/tenant/s3cret?token=s3cret#s3cret", "https://mcp.example.com:8443"),
        ("https://s3cret:s3@cret@mcp.example.com", "https://mcp.example.com"),
        ("HTTPS://[2001:db8::1]/s3cret", "HTTPS://[2001:db8::1]"),
        ("https://s3cret:s3/cret@mcp.example.com", None),
        ("s3cret", None),
        (None, None),
    ],
)  # fmt: skip
def test_what_opens_somebodys_server_is_neither_kept_nor_repeated(
    url: str | None, repeated: str | None
) -> None:
    tool = {"type": "mcp", "server_label": "crm", "server_url": url, "require_approval": "never"}
    secrets = {"authorization": "s3cret", "headers": {"x-api-key": "s3cret"}}
    kept = settings(tools=[{**tool, **secrets}])
    assert kept["tools"] == [{**tool, "server_url": repeated}]
    assert "s3" not in json.dumps(kept)


def test_the_old_name_of_the_summary_is_repeated_under_the_new_one() -> None:
    assert settings(reasoning={"generate_summary": "concise"})["reasoning"] == {
        "effort": None,
        "summary": "concise",
    }


def test_what_is_to_be_included_stands_in_the_settings_once() -> None:
    word = "reasoning.encrypted_content"
    assert settings(include=[word, word])["include"] == [word]
    assert settings(top_logprobs=2)["include"] == ["message.output_text.logprobs"]
    assert "include" not in settings(top_logprobs=0)


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_settings_are_one_line_however_the_request_was_written(line_end: str) -> None:
    body = {"model": "m", "input": "hello", "metadata": {"a": "b"}, "tools": [{"type": "mcp"}]}
    text = json.dumps(body, indent=2).replace("\n", line_end)
    asked = decode_envelope(decode_members(text.encode())).settings
    assert b"\n" not in asked
    assert b"\r" not in asked
    assert json.loads(asked)["metadata"] == {"a": "b"}


FUNCTION = {"type": "function", "name": "f"}
SCHEMA = {"format": {"type": "json_schema", "name": "n", "schema": EMPTY}}
TOOLS_OF_OPENAI = [
    {"type": "custom", "name": "c"},
    {"type": "namespace", "name": "n", "description": "d", "tools": [FUNCTION]},
    {"type": "web_search"},
]


@needs_schemas
@pytest.mark.parametrize(
    ("changes", "open_too"),
    [
        ({}, True),
        ({"user": None, "store": False}, True),
        ({"tools": [FUNCTION], "tool_choice": FUNCTION}, True),
        ({"tools": [FUNCTION], "tool_choice": {
            "type": "allowed_tools", "mode": "required", "tools": [FUNCTION]}}, True),
        ({"text": {"format": {"type": "json_object"}, "verbosity": "low"}}, True),
        ({"reasoning": {"effort": "high", "summary": "auto"}, "truncation": "auto"}, True),
        ({"user": "u", "prompt_cache_key": "k", "service_tier": "flex", "metadata": {"a": "b"},
          "instructions": "x", "temperature": 0, "max_output_tokens": 5}, True),
        ({"text": SCHEMA}, False),
        ({"tools": TOOLS_OF_OPENAI}, False),
    ],
)  # fmt: skip
def test_what_is_repeated_is_as_the_published_schemas_have_it(
    changes: dict[str, Any], open_too: bool
) -> None:
    turn = begin_turn(envelope(**changes), Caller("acme"), "resp_mmx0123456789abcdef", 1)
    body = json.loads(ResponsesWire(MemorySealer()).body(turn.asked))
    assert openai_faults("Response", body) == []
    assert (open_responses_faults("ResponseResource", body) == []) is open_too
