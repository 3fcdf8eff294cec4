"""Claude on a loopback socket, behind its own door and behind Google's.

    with fake_claude() as claude:
        ... claude.base_url, claude.requests, claude.plan(error_reply(529, "overloaded_error")) ...

It refuses what the service refuses (`claude_rules`), signs its thoughts, and answers from the
conversation alone (`fake_upstream`).
"""

import json
import re
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast
from urllib.parse import parse_qs

from .claude_rules import Refused, call_id, check, sign, thinks
from .fake_upstream import (
    FakeUpstream,
    Json,
    Received,
    Reply,
    Said,
    decide,
    pacing,
    pieces,
    sample,
    serve,
)

_VERTEX = re.compile(
    r"/(?:v1|v1beta1)/projects/[^/]+/locations/[^/]+/publishers/anthropic/models/"
    r"(?P<model>[^/:]+):(?P<verb>rawPredict|streamRawPredict)"
)
_MARKERS = ("vertex-2023-10-16", "2026-10-21")
_VERSIONS = ("2023-06-01", "2026-10-21")
MODELS = ("claude-opus-4-6", "claude-opus-4-8", "claude-sonnet-5-5")


def error_reply(status: int, kind: str, message: str = "planned") -> Reply:
    """Return an error in Anthropic's envelope."""
    body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}
    return Reply(status, json.dumps(body).encode())


@dataclass(slots=True)
class FakeClaude(FakeUpstream):
    key: str | None = None

    def unauthenticated(self) -> Reply:
        error = {"code": 401, "message": "Request had invalid credentials.",
                 "status": "UNAUTHENTICATED"}  # fmt: skip
        return Reply(401, json.dumps([{"error": error}]).encode())

    def answer(self, request: Received) -> Reply:
        if self.key is not None and request.headers.get("x-api-key") != self.key:
            return error_reply(401, "authentication_error", "invalid x-api-key")
        body = request.body
        path, _, query = request.path.partition("?")
        if path == "/v1/models":
            return _models(query)
        if path.endswith("/models/count-tokens:rawPredict"):
            return Reply(body=b'{"input_tokens":3}')
        found = _VERTEX.fullmatch(path)
        betas = request.headers.get("anthropic-beta", "").split(",")
        try:
            if path == "/v1/messages/count_tokens":
                return _count(request, betas)
            if found is not None:
                model = found["model"].replace("%40", "@")
                version = body.get("anthropic_version", "")
                if version not in _MARKERS:
                    raise Refused("anthropic_version: Field required")
                if bool(body.get("stream")) != (found["verb"] == "streamRawPredict"):
                    raise Refused("stream: does not fit the method that was called")
            elif path == "/v1/messages":
                model = body.get("model", "")
                version = _demand_version(request)
            else:
                return error_reply(404, "not_found_error", f"no such path: {path}")
            if not model.startswith("claude-"):
                return error_reply(404, "not_found_error", f"model: {model}")
            check(body, model, version=version, vertex=found is not None, betas=betas)
        except Refused as refused:
            return error_reply(400, "invalid_request_error", str(refused))
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            return error_reply(400, "invalid_request_error", f"malformed request: {error!r}")
        return _reply(body, model)


def _count(request: Received, betas: Sequence[str]) -> Reply:
    """Count as the body says: what only an answer needs is refused."""
    body = request.body
    _demand_version(request)
    for name in ("max_tokens", "stream", "temperature", "metadata"):
        if name in body:
            raise Refused(f"{name}: Extra inputs are not permitted")
    filled = {"max_tokens": 64_000} | body
    check(filled, body["model"], version=_VERSIONS[1], vertex=False, betas=betas)
    return Reply(body=json.dumps({"input_tokens": len(json.dumps(body)) // 4}).encode())


def _demand_version(request: Received) -> str:
    version = request.headers.get("anthropic-version", "")
    if version not in _VERSIONS:
        raise Refused("anthropic-version: header is required")
    return version


def _models(query: str) -> Reply:
    """Return two models a page, whatever is asked for: who wants more must turn it."""
    after = parse_qs(query).get("after_id", [""])[0]
    start = MODELS.index(after) + 1 if after else 0
    page = MODELS[start : start + 2]
    listed = [{"type": "model", "id": name, "display_name": name} for name in page]
    more = start + 2 < len(MODELS)
    body = {"data": listed, "has_more": more, "first_id": page[0], "last_id": page[-1]}
    return Reply(body=json.dumps(body).encode())


@contextmanager
def fake_claude(
    *, token: str | None = None, key: str | None = None
) -> Generator[FakeClaude, None, None]:
    """Serve until the block ends; with `token` only those who bear it are answered.

    `key` is asked for in `x-api-key`, as Anthropic does.
    """
    with serve(FakeClaude(token=token, key=key)) as served:
        yield cast("FakeClaude", served)  # serve gives back what it was given


def _reply(body: Json, model: str) -> Reply:
    said, results, steps = _read(body)
    content = _content(body, model, _decide(body, said, results, steps), len(body["messages"]))
    called = any(block["type"] == "tool_use" for block in content)
    usage = {
        "input_tokens": 10,
        "cache_read_input_tokens": 4,
        "cache_creation_input_tokens": 2,
        "output_tokens": 5 * len(content),
    }
    message: Json = {
        "id": f"msg_{sign(model, said)[:12]}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": "tool_use" if called else "end_turn",
        "stop_sequence": None,
        "usage": usage,
    }
    if not body.get("stream"):
        return Reply(body=json.dumps(message).encode(), delay_s=0.05 if "slow" in said else 0.0)
    return pacing(said, [_frame(event) for event in _events(message)])


def _read(body: Json) -> tuple[str, list[str], int]:
    """Return what the user last said, the tools' results since, and the steps taken since."""
    results: list[str] = []
    steps = 0
    for turn in reversed(body["messages"]):
        if turn["role"] == "system":
            continue
        if turn["role"] == "assistant":
            steps += 1
            continue
        if isinstance(turn["content"], str):
            return turn["content"], results, steps
        texts = [block["text"] for block in turn["content"] if block["type"] == "text"]
        own = [_result_text(block) for block in turn["content"] if block["type"] == "tool_result"]
        if texts or not own:  # what was said here came behind this turn's own results
            return " ".join(texts) or "an image", results, steps
        results = own + results
    return "", results, steps


def _result_text(block: Json) -> str:
    content = block.get("content", "")
    text = content if isinstance(content, str) else " ".join(b.get("text", "") for b in content)
    return f"error {text}" if block.get("is_error") else text


def _decide(body: Json, said: str, results: list[str], steps: int) -> Said:
    form = body.get("output_config", {}).get("format")
    if form is not None:
        return Said(json.dumps(sample(form["schema"])))
    tools = {
        tool["name"]: tool["input_schema"]
        for tool in body.get("tools", ())
        if "input_schema" in tool
    }
    choice = body.get("tool_choice", {})
    if choice.get("type") == "none":
        tools = {}
    if choice.get("type") == "tool":
        tools = {choice["name"]: tools[choice["name"]]}
    if choice.get("type") in ("any", "tool") and not steps:
        said = f"{said} call"
    if choice.get("disable_parallel_tool_use"):
        said = said.replace("parallel", "call")
    return decide(said, tools, results, steps)


def _content(body: Json, model: str, said: Said, place: int) -> list[Json]:
    blocks: list[Json] = []
    thought = said.thought if thinks(body, model) else ""
    if thought:
        shown = thought
        if _hides_thoughts(body, model):
            shown = ""
        blocks.append({"type": "thinking", "thinking": shown, "signature": sign(model, shown)})
        if said.calls:
            blocks.append({"type": "redacted_thinking", "data": sign(model, "redacted")})
    if said.text:
        blocks.append({"type": "text", "text": said.text})
    for number, (name, arguments) in enumerate(said.calls):
        made = call_id(model, f"{place} {number} {name}", thought=bool(thought))
        blocks.append({"type": "tool_use", "id": made, "name": name, "input": arguments})
    return blocks


def _hides_thoughts(body: Json, model: str) -> bool:
    """The newest models tell their thoughts only if asked to."""
    newest = re.match(r"claude-[a-z]+-5", model) is not None
    return newest and body.get("thinking", {}).get("display") != "summarized"


def _frame(event: Json) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()


def _events(message: Json) -> Iterator[Json]:
    usage = message["usage"]
    begun: Json = message | {
        "content": [],
        "stop_reason": None,
        "usage": usage | {"output_tokens": 1},
    }
    yield {"type": "message_start", "message": begun}
    yield {"type": "ping"}
    for index, block in enumerate(message["content"]):
        empty = block | {
            key: type(block[key])()
            for key in ("text", "thinking", "signature", "input") & block.keys()
        }
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        for delta in _deltas(block):
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    yield {
        "type": "message_delta",
        "delta": {"stop_reason": message["stop_reason"], "stop_sequence": None},
        "usage": {"output_tokens": usage["output_tokens"]},
    }
    yield {"type": "message_stop"}


def _deltas(block: Json) -> Iterator[Json]:
    match block["type"]:
        case "text":
            for piece in pieces(block["text"]):
                yield {"type": "text_delta", "text": piece}
        case "thinking":
            if block["thinking"]:
                for piece in pieces(block["thinking"]):
                    yield {"type": "thinking_delta", "thinking": piece}
            yield {"type": "signature_delta", "signature": block["signature"]}
        case "tool_use":
            yield {"type": "input_json_delta", "partial_json": ""}
            text = json.dumps(block["input"])
            if block["input"]:
                for piece in pieces(text):
                    yield {"type": "input_json_delta", "partial_json": piece}
        case _:
            pass
