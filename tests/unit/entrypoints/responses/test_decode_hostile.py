"""Whatever a caller sends, it is read or refused; and what real agents send is read."""

import json
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmux.adapters.memory.sealer import MemorySealer
from modelmux.domain.conversation import Message, Proof, Reasoning, Role, ToolCall, Vendor
from modelmux.domain.errors import InvalidRequest, RequestError
from modelmux.domain.request import Caller, Generation
from modelmux.domain.tools import HostedTool, ToolNamespace
from modelmux.entrypoints.members import decode_members
from modelmux.entrypoints.responses.decode import content_decoder
from modelmux.entrypoints.responses.envelope import decode_envelope
from modelmux.entrypoints.sealing import seal_reasoning

SEALER = MemorySealer()
decode_content = content_decoder(SEALER)

_TYPES = st.sampled_from(
    [
        "message", "function_call", "function_call_output", "custom_tool_call",
        "custom_tool_call_output", "reasoning", "item_reference", "compaction",
        "compaction_trigger", "additional_tools", "web_search_call", "function", "custom",
        "namespace", "web_search", "allowed_tools", "text", "json_object", "json_schema",
        "input_text", "output_text", "input_image", "input_file", "input_audio", "refusal",
        "grammar", "of_tomorrow",
    ]
)  # fmt: skip
_NAMES = st.sampled_from(
    [
        "role", "content", "call_id", "name", "arguments", "output", "input", "summary",
        "encrypted_content", "id", "status", "tools", "mode", "format", "schema", "text",
        "image_url", "file_data", "detail", "annotations", "namespace", "effort", "verbosity",
        "parameters", "strict", "extra", "caller", "async",
    ]
)  # fmt: skip
_WORDS = st.sampled_from(
    ["user", "assistant", "auto", "required", "mmx1.abc", "data:image/png;base64,aGk=", "f", ""]
)
_LEAVES: st.SearchStrategy[object] = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | _WORDS
    | st.text(max_size=6)
)


def _typed(kind: str, members: dict[str, object]) -> object:
    return {"type": kind, **members}


def _nested(inner: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    members = st.dictionaries(_NAMES, inner, max_size=5)
    return st.lists(inner, max_size=4) | members | st.builds(_typed, _TYPES, members)


_JSON: st.SearchStrategy[object] = st.recursive(
    _LEAVES,
    _nested,
    max_leaves=25,
)


def read(members: dict[str, Any]) -> Generation | None:
    """Return what is read of a request, None where it is refused; anything else is raised."""
    given = decode_members(json.dumps({"model": "m", "input": "hello", **members}).encode())
    with suppress(RequestError):
        decode_envelope(given)
    with suppress(RequestError):
        return decode_content(given, Caller("acme"))
    return None


@given(value=_JSON)
def test_anything_among_the_items_is_read_or_refused(value: object) -> None:
    read({"input": value})
    read({"input": [value]})


@given(
    name=st.sampled_from(
        ["tools", "tool_choice", "text", "reasoning", "include", "conversation", "metadata"]
    ),
    value=_JSON,
)
def test_anything_elsewhere_is_read_or_refused(name: str, value: object) -> None:
    read({name: value})
    read({name: [value], "tools": [{"type": "function", "name": "f"}]})


@pytest.mark.parametrize("depth", [100, 400, 900])
@pytest.mark.parametrize("name", ["input", "tools", "tool_choice", "text"])
def test_what_nests_deeply_is_read_or_refused(name: str, depth: int) -> None:
    nest = b'{"type":"x","a":' * depth + b"1" + b"}" * depth
    value = nest if name in ("tool_choice", "text") else b"[%b]" % nest
    rest = b"" if name == "input" else b',"input":"hello"'
    text = b'{"model":"m","%b":%b%b}' % (name.encode(), value, rest)
    with suppress(InvalidRequest):
        decode_content(decode_members(text), Caller("acme"))


@pytest.mark.parametrize(
    "value", [b"1e999", b"-1e999", b"9" * 5000, rb'"\ud800"', b"-0", b"1E-400"]
)
@pytest.mark.parametrize(
    "place",
    [
        b'"input":[{"type":"x","a":%b}]',
        b'"input":[{"role":"user","content":"x","a":%b}]',
        b'"input":[{"type":"function_call","call_id":"c","name":"f","arguments":"","caller":%b}]',
        b'"input":"x","tools":[{"type":"x","a":%b}]',
        b'"input":"x","tools":[{"type":"function","name":"f","parameters":{"a":%b}}]',
        b'"input":"x","tools":[{"type":"mcp"}],"tool_choice":{"type":"mcp","a":%b}',
        b'"input":"x","text":{"format":{"type":"json_schema","name":"n","schema":{"a":%b}}}',
        b'"input":"x","metadata":{"a":%b}',
        b'"input":"x","prompt_cache_options":{"a":%b}',
    ],
)
def test_numbers_and_letters_out_of_range_are_read_or_refused(place: bytes, value: bytes) -> None:
    text = b'{"model":"m",%b}' % (place % value)
    with suppress(RequestError):
        decode_envelope(decode_members(text))
    with suppress(RequestError):
        decode_content(decode_members(text), Caller("acme"))


def test_a_member_that_is_unknown_in_every_part_costs_no_pass_for_each() -> None:
    parts = [{"type": "input_text", "text": "a", "x": number} for number in range(20_000)]
    parts.append({"type": "refusal", "refusal": "no", "x": 1})
    started = time.perf_counter()
    found = read({"input": [{"role": "user", "content": parts}]})
    assert time.perf_counter() - started < 2  # one pass each took half a minute
    assert found is not None
    assert found.ignored == ("input.x",)
    message = found.items[0]
    assert isinstance(message, Message)
    assert len(message.parts) == 20_001


def test_more_unknown_members_than_anybody_means_are_refused() -> None:
    item = {"role": "user", "content": "x" * 4_000_000}
    item |= {f"x{number}": "y" for number in range(100)}
    given = decode_members(json.dumps({"model": "m", "input": [item]}).encode())
    with pytest.raises(InvalidRequest) as caught:
        decode_content(given, Caller("acme"))
    assert (caught.value.param, caught.value.reason) == ("input[0]", "unknown_parameter")


def _codex_request() -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": {"command": {"type": "array", "items": {"type": "string"}}},
        "required": ["command"],
        "additionalProperties": False,
    }
    function = {"type": "function", "name": "shell", "description": "Runs a command. " * 20,
                "strict": False, "parameters": schema}  # fmt: skip
    sealed = seal_reasoning(
        SEALER, "acme", Reasoning("Look first.", Proof(Vendor.GOOGLE, "g", "signature", "c2ln"))
    )
    turn: list[dict[str, Any]] = [
        {"type": "reasoning", "id": "rs_1", "summary": [
            {"type": "summary_text", "text": "Look first."}], "content": None,
         "encrypted_content": sealed},
        {"type": "reasoning", "summary": [], "encrypted_content": "gAAAAB" + "x" * 900},
        {"type": "function_call", "id": "fc_1", "name": "shell", "call_id": "call_1",
         "arguments": json.dumps({"command": ["ls"]})},
        {"type": "function_call_output", "call_id": "call_1", "output": "a file\n" * 60},
        {"type": "function_call", "name": "find", "namespace": "mcp__crm", "call_id": "call_2",
         "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_2",
         "output": [{"type": "input_text", "text": "found"}]},
        {"type": "custom_tool_call", "status": "completed", "call_id": "call_3",
         "name": "apply_patch", "input": "*** Begin Patch\n" * 10},
        {"type": "custom_tool_call_output", "call_id": "call_3", "output": "Done"},
        {"type": "message", "role": "assistant", "phase": "commentary", "content": [
            {"type": "output_text", "text": "It is there. " * 10}]},
    ]  # fmt: skip
    return {
        "model": "gpt-6-codex",
        "instructions": "You are a coding agent. " * 300,
        "input": [
            {"type": "message", "role": "developer",
             "content": [{"type": "input_text", "text": "Sandboxed. " * 100}]},
            {"type": "message", "role": "user",
             "content": [{"type": "input_text", "text": "Mend the test."}]},
            *turn * 12,
        ],
        "tools": [
            function,
            {"type": "custom", "name": "apply_patch", "description": "Patches files.",
             "format": {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}},
            {"type": "namespace", "name": "mcp__crm", "description": "Customers.",
             "tools": [{**function, "name": "find", "defer_loading": None}]},
            {"type": "web_search", "external_web_access": True},
        ],
        "tool_choice": "auto",
        "parallel_tool_calls": False,
        "reasoning": {"effort": "high", "summary": "auto"},
        "store": False,
        "stream": True,
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": "0197",
        "text": {"verbosity": "low"},
        "client_metadata": {"x": "y"},
    }  # fmt: skip


def test_what_a_coding_agent_sends_is_read_whole() -> None:
    text = json.dumps(_codex_request()).encode()
    assert len(text) > 40_000
    members = decode_members(text)
    envelope = decode_envelope(members)
    assert (envelope.stream, envelope.store, envelope.relayable) == (True, False, False)
    found = decode_content(members, Caller("acme"))
    assert len(found.items) == 2 + 12 * 9
    assert isinstance(found.items[0], Message)
    assert found.items[0].role is Role.DEVELOPER
    thought = found.items[2]
    assert isinstance(thought, Reasoning)
    assert thought.proof == Proof(Vendor.GOOGLE, "g", "signature", "c2ln")
    call = found.items[6]
    assert isinstance(call, ToolCall)
    assert (call.namespace, call.name) == ("mcp__crm", "find")
    assert isinstance(found.tools[2], ToolNamespace)
    assert isinstance(found.tools[3], HostedTool)
    assert found.ignored == ()
    assert set(found.extras) == {"prompt_cache_key", "client_metadata"}
