"""What a fake service answers to POST /v1/responses, whole and streamed.

The answer follows from the conversation alone, as in `fake_upstream`; the words `search` and
`comment` choose besides: a search that the service runs itself, and a commentary before calls.
"""

import json
from collections.abc import Iterator
from typing import Any, Final
from zlib import crc32

from .chat_rules import Json, is_list, is_object
from .fake_upstream import Said, decide, formed, pieces
from .responses_rules import encrypted

_USAGE: Final = {
    "input_tokens": 7,
    "input_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 0},
    "output_tokens": 5,
    "output_tokens_details": {"reasoning_tokens": 1},
    "total_tokens": 12,
}


def whole_response(body: Json, flavour: str) -> Json:
    """Return the response object."""
    return _response(body, output=_output(body, flavour), status="completed", usage=_USAGE)


def response_frames(body: Json, flavour: str) -> list[bytes]:
    """Return the frames of the stream; none marks its end, as OpenAI's have no such mark."""
    whole = whole_response(body, flavour)
    begun: Json = {**whole, "status": "in_progress", "output": [], "usage": None}
    events: list[Json] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
    ]
    for index, item in enumerate(whole["output"]):
        events += [{"output_index": index, **event} for event in _item_events(item, flavour)]
    events.append({"type": "response.completed", "response": whole})
    return [_frame(event, number) for number, event in enumerate(events)]


def first_frames(body: Json) -> list[bytes]:
    """Return the begin of a stream, up to its first word."""
    answered: Json = {**body, "input": "Hello there", "tools": []}
    frames = response_frames(answered, "openai")
    end = next(place for place, frame in enumerate(frames) if b".delta" in frame)
    return frames[: end + 1]


def failed_frames(body: Json, code: str, message: str) -> list[bytes]:
    """Return a stream that fails before its first word."""
    error = {"code": code, "message": message}
    failed = _response(body, output=[], status="failed", usage=None) | {"error": error}
    begun = failed | {"status": "in_progress", "error": None}
    events: list[Json] = [
        {"type": "response.created", "response": begun},
        {"type": "response.failed", "response": failed},
    ]
    return [_frame(event, number) for number, event in enumerate(events)]


def _frame(event: Json, number: int) -> bytes:
    data = json.dumps({**event, "sequence_number": number}, separators=(",", ":"))
    return f"event: {event['type']}\ndata: {data}\n\n".encode()


def _response(body: Json, **members: Any) -> Json:  # Any: members of the response
    return {
        "id": "resp_upstream0000",
        "object": "response",
        "created_at": 1795000000,
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "model": body["model"],
        "previous_response_id": None,
        "tools": body.get("tools", []),
        "tool_choice": body.get("tool_choice", "auto"),
        "parallel_tool_calls": body.get("parallel_tool_calls", True),
        "text": body.get("text", {"format": {"type": "text"}}),
        "reasoning": body.get("reasoning", {"effort": None, "summary": None}),
        "temperature": 1.0,
        "top_p": 1.0,
        "truncation": "disabled",
        "store": False,
        "metadata": body.get("metadata", {}),
        **members,
    }


def _output(body: Json, flavour: str) -> list[Json]:
    said, answer, kinds = _say(body)
    # Two steps of one turn may say the same, and have ids of their own.
    seed = f"{crc32(repr((answer, body['input'])).encode()):08x}"
    output: list[Json] = []
    reasons = flavour != "vllm" and body["model"].startswith(("gpt-5", "gpt-6", "o"))
    if reasons and _reasoning(body).get("effort") != "none":
        output.append(_thoughts(body, seed))
    elif answer.thought:
        content = [{"type": "reasoning_text", "text": answer.thought}]
        output.append({"type": "reasoning", "id": f"rs_{seed}", "summary": [], "content": content})
    searches = any(tool["type"].startswith("web_search") for tool in body.get("tools") or ())
    annotations: list[Json] = []
    if searches and "search" in said:
        action = {"type": "search", "query": said}
        search = {"type": "web_search_call", "id": f"ws_{seed}", "status": "completed"}
        output.append({**search, "action": action})
        cited = {"url": "https://site.example/a", "title": "A", "start_index": 0, "end_index": 3}
        annotations.append({"type": "url_citation", **cited})
    if answer.calls and "comment" in said:
        output.append(_message("I look it up.", f"msg_c{seed}", "commentary", []))
    for place, (name, arguments) in enumerate(answer.calls):
        output.append(_call(name, arguments, kinds[name], f"{seed}{place}"))
    if answer.text:
        output.append(_message(answer.text, f"msg_{seed}", "final_answer", annotations))
    return output


def _thoughts(body: Json, seed: str) -> Json:
    told = "Let me think about it." if _reasoning(body).get("summary") else ""
    item: Json = {"type": "reasoning", "id": f"rs_{seed}"}
    item["summary"] = [{"type": "summary_text", "text": told}] if told else []
    # Told unasked since autumn 2026.
    item["encrypted_content"] = encrypted(body["model"], told or "hidden")
    return item


def _reasoning(body: Json) -> Json:
    asked: Json = body.get("reasoning") or {}
    return asked


def _message(text: str, id_: str, phase: str, annotations: list[Json]) -> Json:
    part = {"type": "output_text", "text": text, "annotations": annotations, "logprobs": []}
    told = {"type": "message", "id": id_, "role": "assistant", "status": "completed"}
    return {**told, "phase": phase, "content": [part]}


def _call(name: str, arguments: Json, tool: Json, seed: str) -> Json:
    told: Json = {"call_id": f"call_{seed}", "name": name, "status": "completed"}
    if "namespace" in tool:
        told["namespace"] = tool["namespace"]
    if tool["type"] == "custom":
        return {"type": "custom_tool_call", "id": f"ctc_{seed}", **told, "input": "free text"}
    written = json.dumps(arguments)
    return {"type": "function_call", "id": f"fc_{seed}", **told, "arguments": written}


def _say(body: Json) -> tuple[str, Said, dict[str, Json]]:
    """Return what was said last, the answer to it, and the tools by their names."""
    given = body["input"]
    items: list[Json] = given if is_list(given) else [{"role": "user", "content": given}]
    users = [place for place, one in enumerate(items) if one.get("role") == "user"]
    turn = items[users[-1] :] if users else items
    results = [_text(one["output"]) for one in turn if one.get("type", "").endswith("call_output")]
    steps = sum(1 for one in turn if one.get("type") in ("function_call", "custom_tool_call"))
    said = _text(turn[0].get("content"))
    kinds = _callable(body) if body.get("tool_choice") != "none" else {}
    text: Json = body.get("text") or {}
    wanted: Json = text.get("format") or {"type": "text"}
    if wanted["type"] != "text" and not results:
        return said, Said(formed(wanted.get("schema"), said)), kinds
    schemas = {name: tool.get("parameters") or {"type": "object"} for name, tool in kinds.items()}
    answer = decide(said, schemas, results, steps)
    forced = body.get("tool_choice") not in (None, "auto", "none")
    if forced and not answer.calls and not steps:
        answer = decide(f"{said} call", schemas, results, steps)
    return said, answer, kinds


def _callable(body: Json) -> dict[str, Json]:
    kinds: dict[str, Json] = {}
    for tool in body.get("tools") or ():
        if tool["type"] == "namespace":
            kinds |= {one["name"]: one | {"namespace": tool["name"]} for one in tool["tools"]}
        elif tool["type"] in ("function", "custom"):
            kinds[tool["name"]] = tool
    choice = body.get("tool_choice")
    if is_object(choice):
        named = [one.get("name") for one in choice.get("tools", [choice])]
        kinds = {name: tool for name, tool in kinds.items() if name in named}
    return kinds


def _text(content: Any) -> str:  # Any: text, parts or null
    if is_list(content):
        return " ".join(part.get("text", f"[{part['type']}]") for part in content)
    return content or ""


def _item_events(item: Json, flavour: str) -> Iterator[Json]:
    """Yield the events of one item, without their place in the output."""
    thought_part = "reasoning_part" if flavour == "vllm" else "content_part"
    begun = item | {"status": "in_progress"}
    for name in ("content", "summary"):
        if name in item:
            begun[name] = []
    begun.pop("encrypted_content", None)
    for name in ("arguments", "input"):
        if name in item:
            begun[name] = ""
    yield {"type": "response.output_item.added", "item": begun}
    at = {"item_id": item["id"]}
    match item["type"]:
        case "message":
            yield from _part_events(at, item["content"][0])
        case "reasoning":
            for number, part in enumerate(item["summary"]):
                place = {**at, "summary_index": number}
                head = "response.reasoning_summary"
                yield {"type": f"{head}_part.added", **place, "part": part | {"text": ""}}
                for piece in pieces(part["text"]):
                    yield {"type": f"{head}_text.delta", **place, "delta": piece}
                yield {"type": f"{head}_text.done", **place, "text": part["text"]}
                yield {"type": f"{head}_part.done", **place, "part": part}
            for number, part in enumerate(item.get("content", ())):
                place = {**at, "content_index": number}
                head = f"response.{thought_part}"
                yield {"type": f"{head}.added", **place, "part": part | {"text": ""}}
                for piece in pieces(part["text"]):
                    yield {"type": "response.reasoning_text.delta", **place, "delta": piece}
                yield {"type": "response.reasoning_text.done", **place, "text": part["text"]}
                yield {"type": f"{head}.done", **place, "part": part}
        case "function_call":
            head, text = "response.function_call_arguments", item["arguments"]
            for piece in (text[:3], text[3:]):
                yield {"type": f"{head}.delta", **at, "delta": piece}
            yield {"type": f"{head}.done", **at, "arguments": text, "name": item["name"]}
        case "custom_tool_call":
            head, text = "response.custom_tool_call_input", item["input"]
            yield {"type": f"{head}.delta", **at, "delta": text}
            yield {"type": f"{head}.done", **at, "input": text}
        case kind:
            for step in ("in_progress", "searching", "completed"):
                yield {"type": f"response.{kind}.{step}", **at}
    yield {"type": "response.output_item.done", "item": item}


def _part_events(at: Json, part: Json) -> Iterator[Json]:
    place = {**at, "content_index": 0}
    begun: Json = {**part, "text": "", "annotations": []}
    yield {"type": "response.content_part.added", **place, "part": begun}
    head = "response.output_text"
    for piece in pieces(part["text"]):
        yield {"type": f"{head}.delta", **place, "delta": piece, "logprobs": []}
    for number, annotation in enumerate(part["annotations"]):
        told = {"annotation_index": number, "annotation": annotation}
        yield {"type": f"{head}.annotation.added", **place, **told}
    yield {"type": f"{head}.done", **place, "text": part["text"], "logprobs": []}
    yield {"type": "response.content_part.done", **place, "part": part}
