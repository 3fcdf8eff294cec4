"""Responses -> the domain -> Responses: what the dialect knows comes through.

Not so: what names state here (`previous_response_id`, `conversation`, `background`), which the
gateway acts on; the name beside a file's id or address, by which the vendor names it; the name of
the tool beside its output, which the call says. Told as dropped, so not drawn: `detail` of files,
what custom tools have beside their format, who called a tool if not the model itself.
"""

import json

import pytest
from hypothesis import example, given, settings

from modelmux.adapters.openai_responses.encode import encode_request
from modelmux.adapters.openai_responses.spelling import Spelling
from modelmux.domain.request import Caller, Generation
from modelmux.entrypoints.members import decode_members
from modelmux.entrypoints.responses.decode import content_decoder
from modelmux.entrypoints.responses.envelope import decode_envelope
from tests.matrix import responses
from tests.matrix.samples import CITY
from tests.support.json_texts import Json, without_none
from tests.support.responses_bodies import responses_bodies
from tests.support.responses_records import OpenSealer

# A server that takes all the dialect has, and the thoughts that nobody sealed.
WIDEST = Spelling(open_thoughts=True)
DECODE = content_decoder(OpenSealer())
# Thoughts that a client brings from OpenAI itself: it cannot say which model they are of.
BROUGHT: Json = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA="}


def decoded(body: Json) -> Generation:
    members = decode_members(json.dumps(body).encode())
    decode_envelope(members)
    return DECODE(members, Caller("acme"))


def encoded(content: Generation, body: Json) -> Json:
    stream = body.get("stream") is True
    written = encode_request(content, model=body["model"], stream=stream, spelling=WIDEST)
    found: Json = json.loads(written)
    return found


@given(responses_bodies())
@example({"model": "gpt-x", "input": [BROUGHT], "store": False})
@settings(max_examples=200, deadline=None)
def test_a_body_comes_through(body: Json) -> None:
    check(body)


@pytest.mark.parametrize("name", responses.REQUESTS)
def test_a_body_of_the_matrix_comes_through(name: str) -> None:
    check({"model": "gpt-x", **responses.REQUESTS[name]})


def test_tools_among_the_items_come_through_beside_the_others() -> None:
    one, other = ({"type": "function", "name": name, "parameters": CITY} for name in "ab")
    asked: Json = {"role": "user", "content": "Hi"}
    added = {"type": "additional_tools", "role": "developer", "tools": [other]}
    body: Json = {"model": "m", "input": [asked, added], "tools": [one]}
    plain: Json = {"model": "m", "input": [asked], "tools": [one, other]}
    assert encoded(decoded(body), body) == encoded(decoded(plain), plain)


def test_the_old_name_of_the_summary_comes_through_as_the_new_one() -> None:
    body: Json = {"model": "m", "input": "Hi", "reasoning": {"generate_summary": "concise"}}
    assert encoded(decoded(body), body)["reasoning"] == {"summary": "concise"}


def check(body: Json) -> None:
    content = decoded(body)
    assert content.ignored == ()
    found = encoded(content, body)
    assert usual(found) == usual(body)
    assert encoded(decoded(found), body) == found, "what was written once is written so again"


# What may be said in several ways, in one of them; everything else has to stand as it stood.


def usual(body: Json) -> Json:
    told = without_none(body)
    if isinstance(told["input"], str):
        told["input"] = [{"role": "user", "content": told["input"]}]
    told["input"] = [usual_item(item) for item in told["input"]]
    # Upstreams keep nothing for us, whatever is kept here, and must say what we need for that.
    told["store"] = False
    included = {"reasoning.encrypted_content", *told.get("include", ())}
    if told.get("top_logprobs") or "message.output_text.logprobs" in included:
        included.add("message.output_text.logprobs")
        told.setdefault("top_logprobs", 0)
    else:
        told.pop("top_logprobs", None)  # none are asked for
    told["include"] = sorted(included)
    nothing: Json = {}
    told["text"] = usual_text(told.get("text", nothing))
    for name, value in (
        # What holds anyway.
        ("stream", False), ("tool_choice", "auto"), ("truncation", "disabled"), ("text", nothing),
        ("reasoning", nothing),
    ):  # fmt: skip
        if told.get(name) == value and name in told:
            del told[name]
    if "tools" in told:
        told["tools"] = [usual_tool(tool) for tool in told["tools"]]
    return told


def usual_text(text: Json) -> Json:
    if text.get("format") == {"type": "text"}:
        return {name: said for name, said in text.items() if name != "format"}
    return text


def usual_item(item: Json) -> Json:
    told = without_none(item)
    match told.setdefault("type", "message"):
        case "message":
            told["content"] = usual_content(told["content"])
        case "function_call":
            told["arguments"] = told["arguments"] or "{}"
        case "function_call_output" | "custom_tool_call_output":
            told["output"] = usual_content(told["output"])
        case "reasoning":
            return usual_thoughts(told)
        case "custom_tool_call":
            pass
        case _:
            return told  # whole, its id too
    # Ids and status were an upstream's or ours, and mean nothing to the next one.
    return {name: said for name, said in told.items() if name not in ("id", "status")}


def usual_thoughts(told: Json) -> Json:
    """Thoughts are one text, with the id that the vendor's proof is of."""
    name = "summary" if "encrypted_content" in told else "content"
    parts = [*told.get("summary", ()), *told.get("content", ())]
    text = "\n\n".join(part["text"] for part in parts)
    one: Json = {"type": "reasoning", name: text}
    if "encrypted_content" in told:
        one |= {"id": told["id"], "encrypted_content": told["encrypted_content"]}
    return one


def usual_content(content: str | list[Json]) -> str | list[Json]:
    if isinstance(content, str):
        return content
    parts = [usual_part(part) for part in content]
    # A lone text is said as a string.
    if len(parts) == 1 and parts[0].keys() == {"type", "text"}:
        return str(parts[0]["text"])
    return parts


def usual_part(part: Json) -> Json:
    told = dict(part)
    match told["type"]:
        case "input_image":
            told.setdefault("detail", "auto")
        case "output_text" if not told.get("annotations"):
            told.pop("annotations", None)
        case "input_file" if "file_data" in told:
            # Plain base64 is a data: URL without its head, and a file by value needs a name.
            if not told["file_data"].startswith("data:"):
                told["file_data"] = f"data:application/pdf;base64,{told['file_data']}"
            told.setdefault("filename", "document.pdf")
        case _:
            pass
    return told


def usual_tool(tool: Json) -> Json:
    told = dict(tool)
    if told["type"] == "namespace":
        told["tools"] = [usual_tool(one) for one in told["tools"]]
    if told.get("format") == {"type": "text"}:
        del told["format"]  # any text is what it takes anyway
    return told
