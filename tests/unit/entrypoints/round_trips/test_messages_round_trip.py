"""Messages -> the domain -> Messages: what the dialect knows comes through.

Not so: what Anthropic refuses anyway (blank texts, white space at the very end of an assistant's
last turn, thoughts that end a turn), thoughts without a signature, which it did not make, and who
called a tool (`caller`, `toolset_name`), told as dropped unless it was the model itself.
"""

import json

import pytest
from hypothesis import given, settings

from modelmux.adapters.anthropic_messages.encode import encode_request
from modelmux.domain.capabilities import Capabilities, Thinking
from modelmux.domain.request import Caller, Generation
from modelmux.entrypoints.members import decode_members
from modelmux.entrypoints.messages.decode import content_decoder
from modelmux.entrypoints.messages.envelope import decode_envelope
from tests.matrix import messages
from tests.matrix.samples import PERSON
from tests.support.json_texts import Json, without_none
from tests.support.messages_bodies import messages_bodies
from tests.support.responses_records import OpenSealer

# A model that takes all the dialect has.
WIDEST = Capabilities(
    thinking=Thinking.EFFORT, takes_budgets=True, between_tools=True, file_urls=True
)
DECODE = content_decoder(OpenSealer())


def decoded(body: Json) -> Generation:
    members = decode_members(json.dumps(body).encode())
    decode_envelope(members)
    return DECODE(members, Caller("acme"))


def encoded(content: Generation, body: Json) -> Json:
    stream = body.get("stream") is True
    written = encode_request(content, model=body["model"], stream=stream, capabilities=WIDEST)
    found: Json = json.loads(written)
    return found


@given(messages_bodies())
@settings(max_examples=200, deadline=None)
def test_a_body_comes_through(body: Json) -> None:
    check(body)


@pytest.mark.parametrize("name", messages.REQUESTS)
def test_a_body_of_the_matrix_comes_through(name: str) -> None:
    check({"model": "claude-x", **messages.REQUESTS[name]})


def test_the_old_name_of_the_form_comes_through_as_the_new_one() -> None:
    form = {"type": "json_schema", "schema": PERSON}
    body: Json = {"model": "claude-x", **messages.REQUESTS["text"], "output_format": form}
    found = encoded(decoded(body), body)
    assert found["output_config"] == {"format": form}
    assert "output_format" not in found


def test_thoughts_of_others_are_not_told_to_claude() -> None:
    unsigned: Json = {"type": "thinking", "thinking": "Hm.", "signature": ""}
    answer: Json = {"type": "text", "text": "Yes."}
    asked: Json = {"role": "user", "content": "Well?"}
    body: Json = {
        "model": "claude-x",
        "max_tokens": 9,
        "messages": [asked, {"role": "assistant", "content": [unsigned, answer]}, asked],
    }
    said = encoded(decoded(body), body)["messages"][1]
    assert said == {"role": "assistant", "content": "Yes."}


def check(body: Json) -> None:
    content = decoded(body)
    assert content.ignored == ()
    found = encoded(content, body)
    assert usual(found) == usual(body)
    assert encoded(decoded(found), body) == found, "what was written once is written so again"


# What may be said in several ways, in one of them; everything else has to stand as it stood.


def usual(body: Json) -> Json:
    told = without_none(body)
    told["messages"] = turns([usual_message(message) for message in told["messages"]])
    if "system" in told:
        told["system"] = usual_content(told["system"])
    nothing: Json = {}
    for name, value in (
        # What holds anyway.
        ("stream", False), ("service_tier", "auto"), ("output_config", nothing),
    ):  # fmt: skip
        if told.get(name) == value and name in told:
            del told[name]
    if "tools" in told:
        told["tools"] = [usual_tool(tool) for tool in told["tools"]]
    if "tool_choice" in told:
        # Several may be called unless it is said that they may not.
        choice = {name: said for name, said in told["tool_choice"].items() if said is not False}
        told["tool_choice"] = choice
        if choice == {"type": "auto"}:
            del told["tool_choice"]
    # A conversation with calls in it must define tools, though none may be called any more.
    called = {block["name"]: None for block in blocks_of(told) if block["type"] == "tool_use"}
    if called and "tools" not in told:
        empty: Json = {"type": "object", "properties": {}}
        told["tools"] = [{"name": name, "input_schema": empty} for name in called]
        told["tool_choice"] = {"type": "none"}
    return told


def blocks_of(body: Json) -> list[Json]:
    return [block for message in body["messages"] for block in message["content"]]


def turns(told: list[Json]) -> list[Json]:
    """Neighbours of one role are one turn."""
    joined: list[Json] = []
    for message in told:
        if joined and joined[-1]["role"] == message["role"]:
            content = [*joined[-1]["content"], *message["content"]]
            joined[-1] = {**message, "content": content}
        else:
            joined.append(message)
    return joined


def usual_message(message: Json) -> Json:
    return {**message, "content": usual_content(message["content"])}


def usual_content(content: str | list[Json]) -> list[Json]:
    """A string is a lone text; nothing is no text at all."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return [usual_block(block) for block in content]


def usual_block(block: Json) -> Json:
    told = dict(block)
    match told["type"]:
        case "tool_result":
            told["content"] = usual_content(told.get("content", ""))
            if told.get("is_error") is False:
                del told["is_error"]
        case "document" if told.get("citations") == {"enabled": False}:
            if told["source"]["type"] != "content":  # those stay as they are, as a whole
                del told["citations"]
        case _:
            pass
    return told


def usual_tool(tool: Json) -> Json:
    if tool.get("type", "custom") != "custom":
        return tool  # of the vendor's, whole
    told = {name: said for name, said in tool.items() if name != "type"}
    if not told.get("strict"):
        told.pop("strict", None)
    return told
