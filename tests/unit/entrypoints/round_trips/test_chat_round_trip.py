"""Chat completions -> the domain -> chat completions: what the dialect knows comes through.

Not so: the name that a file's vendor keeps with it already, given again beside its `file_id`;
thoughts that stand alone in a message, which servers refuse; audio of an earlier answer, which is
refused by name. The old `functions` come through as the tools they are.
"""

import json

import pytest
from hypothesis import given, settings

from modelmux.adapters.openai_chat.encode import encode_request
from modelmux.adapters.openai_chat.spelling import Spelling
from modelmux.domain.request import Caller, Generation
from modelmux.entrypoints.chat_completions.decode import decode_content
from modelmux.entrypoints.chat_completions.envelope import decode_envelope
from modelmux.entrypoints.members import decode_members
from tests.matrix import chat
from tests.matrix.samples import CITY
from tests.support.chat_bodies import chat_bodies
from tests.support.json_texts import Json, without_none

# A server that takes all the dialect has, and the thoughts of models that prove nothing.
WIDEST = Spelling(echo_reasoning=True)


def decoded(body: Json) -> Generation:
    members = decode_members(json.dumps(body).encode())
    decode_envelope(members)
    return decode_content(members, Caller("acme"))


def encoded(content: Generation, body: Json) -> Json:
    stream = body.get("stream") is True
    written = encode_request(content, model=body["model"], stream=stream, spelling=WIDEST)
    found: Json = json.loads(written)
    return found


@given(chat_bodies())
@settings(max_examples=200, deadline=None)
def test_a_body_comes_through(body: Json) -> None:
    check(body)


@pytest.mark.parametrize("name", chat.REQUESTS)
def test_a_body_of_the_matrix_comes_through(name: str) -> None:
    check({"model": "gpt-x", **chat.REQUESTS[name]})


def test_functions_come_through_as_tools() -> None:
    call = {"name": "get_weather", "arguments": '{"city":"Oslo"}'}
    body: Json = {
        "model": "gpt-x",
        "messages": [
            {"role": "user", "content": "Weather?"},
            {"role": "assistant", "content": None, "function_call": call},
            {"role": "function", "name": "get_weather", "content": "Rain."},
        ],
        "functions": [{"name": "get_weather", "parameters": CITY}],
        "function_call": {"name": "get_weather"},
    }
    found = encoded(decoded(body), body)
    said, answered = found["messages"][1:]
    (called,) = said["tool_calls"]
    assert called["function"] == call
    assert answered == {"role": "tool", "tool_call_id": called["id"], "content": "Rain."}
    assert [tool["function"] for tool in found["tools"]] == body["functions"]
    assert found["tool_choice"]["function"] == body["function_call"]
    assert found["parallel_tool_calls"] is False, "the old form has room for one call"


def check(body: Json) -> None:
    content = decoded(body)
    assert content.ignored == ()
    found = encoded(content, body)
    assert usual(found) == usual(body)
    assert encoded(decoded(found), body) == found, "what was written once is written so again"


# What may be said in several ways, in one of them; everything else has to stand as it stood.


def usual(body: Json) -> Json:
    told = dict(body)
    # The old name of the same.
    if "max_tokens" in told:
        told["max_completion_tokens"] = told.pop("max_tokens")
    if isinstance(told.get("stop"), str):
        told["stop"] = [told["stop"]]
    # We always ask for usage, which callers are only told if they asked.
    told.pop("stream_options", None)
    for name, value in (
        # What holds anyway.
        ("stream", False), ("n", 1), ("logprobs", False), ("tool_choice", "auto"),
        ("response_format", {"type": "text"}),
    ):  # fmt: skip
        if told.get(name) == value and name in told:
            del told[name]
    told["messages"] = joined([usual_message(message) for message in told["messages"]])
    if "tools" in told:
        told["tools"] = [usual_tool(tool) for tool in told["tools"]]
    return told


def usual_message(message: Json) -> Json:
    told = without_none(message)
    content: str | list[Json] | None = told.get("content")
    if isinstance(content, list):
        parts = [usual_part(part) for part in content]
        # A lone text is said as a string.
        told["content"] = parts[0]["text"] if is_plain(parts) else parts
    if told["role"] == "assistant":
        gather_refusals(told)
        if "tool_calls" in told:
            if told.get("content") == "":
                del told["content"]  # no words stand beside the calls
            told["tool_calls"] = [usual_call(call) for call in told["tool_calls"]]
    return told


def joined(messages: list[Json]) -> list[Json]:
    """Calls alone, right behind words of the assistant, are of the same turn, so one message."""
    told: list[Json] = []
    for message in messages:
        last = told[-1] if told else {}
        alone = message.keys() <= {"role", "tool_calls"} and message["role"] == "assistant"
        if alone and last.get("role") == "assistant" and "tool_calls" not in last:
            told[-1] = {**last, "tool_calls": message["tool_calls"]}
        else:
            told.append(message)
    return told


def is_plain(parts: list[Json]) -> bool:
    return len(parts) == 1 and parts[0].keys() == {"type", "text"}


def gather_refusals(told: Json) -> None:
    """A refusal alone is the message's `refusal`; one beside texts is the last of its parts."""
    content: str | list[Json] | None = told.get("content")
    refusal: str | None = told.pop("refusal", None)
    parts = content if isinstance(content, list) else []
    if isinstance(content, str):
        parts = [{"type": "text", "text": content}]
    if refusal is not None:
        parts = [*parts, {"type": "refusal", "refusal": refusal}]
    if parts and all(part["type"] == "refusal" for part in parts):
        told["refusal"] = "".join(part["refusal"] for part in parts)
        told.pop("content", None)
    elif parts and not is_plain(parts):
        told["content"] = parts


def usual_part(part: Json) -> Json:
    if part["type"] != "file" or "file_data" not in part["file"]:
        return part
    # Plain base64 is a data: URL without its head, and a file by value needs a name.
    file = dict(part["file"])
    if not file["file_data"].startswith("data:"):
        file["file_data"] = f"data:application/pdf;base64,{file['file_data']}"
    file.setdefault("filename", "document.pdf")
    return {**part, "file": file}


def usual_call(call: Json) -> Json:
    if call["type"] == "custom":
        return call
    function = call["function"]
    return {**call, "function": {**function, "arguments": function["arguments"] or "{}"}}


def usual_tool(tool: Json) -> Json:
    if tool.get("custom", {}).get("format") == {"type": "text"}:
        custom = {name: said for name, said in tool["custom"].items() if name != "format"}
        return {**tool, "custom": custom}  # any text is what it takes anyway
    return tool
