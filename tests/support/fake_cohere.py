"""Cohere's API v2 on a loopback socket.

    with fake_cohere(token="key-not-secret") as cohere:
        ... cohere.base_url, cohere.requests, cohere.plan(error_reply(429)) ...

It refuses what the service refuses (`cohere_rules`) and answers from the conversation alone
(`fake_upstream`).
"""

import hashlib
import json
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

from .cohere_rules import Refused, check
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

MODELS = ("command-a-reasoning-08-2025", "command-a-vision-07-2025", "embed-v4.0", "rerank-v4.0")
_ENDPOINTS = {"command": ["chat"], "embed": ["embed"], "rerank": ["rerank"]}
_VERSIONS_WITH_TYPES = ("embed-v4", "embed-english-v3", "embed-multilingual-v3")


def error_reply(status: int, message: str = "planned") -> Reply:
    """Return an error in Cohere's shape."""
    return Reply(status, json.dumps({"id": "err-1", "message": message}).encode())


@dataclass(slots=True)
class FakeCohere(FakeUpstream):
    def unauthenticated(self) -> Reply:
        return error_reply(401, "invalid api token")

    def answer(self, request: Received) -> Reply:
        path = request.path.partition("?")[0]
        body = request.body
        try:
            if (request.method, path) == ("GET", "/v1/models"):
                return Reply(
                    body=json.dumps({"models": [_listed(name) for name in MODELS]}).encode()
                )
            if (request.method, path) == ("POST", "/v2/embed"):
                return _embed(body)
            if (request.method, path) != ("POST", "/v2/chat"):
                return error_reply(404, f"no such path: {path}")
            if not body.get("model", "").startswith(("command", "c4ai")):
                return error_reply(404, f"model '{body.get('model')}' not found")
            check(body)
        except Refused as refused:
            return error_reply(400, str(refused))
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            return error_reply(422, f"malformed request: {error!r}")
        return _reply(body)


@contextmanager
def fake_cohere(*, token: str | None = None) -> Generator[FakeCohere, None, None]:
    """Serve until the block ends; with `token` only those who bear it are answered."""
    with serve(FakeCohere(token=token)) as served:
        yield cast("FakeCohere", served)  # serve gives back what it was given


def _listed(name: str) -> Json:
    return {"name": name, "endpoints": _ENDPOINTS[name.partition("-")[0]], "context_length": 256000}


def _embed(body: Json) -> Reply:
    known = {"model", "texts", "input_type", "embedding_types", "output_dimension", "truncate"}
    if set(body) - known:
        raise Refused(f"unknown field: {sorted(set(body) - known)}")
    texts = body["texts"]
    if not texts or len(texts) > 96 or not all(isinstance(t, str) and t for t in texts):
        raise Refused("texts must hold 1 to 96 texts")
    if body["model"].startswith(_VERSIONS_WITH_TYPES) and "input_type" not in body:
        raise Refused("input_type is required for this model")
    size = body.get("output_dimension", 4)
    vectors = [[float(len(text)), *([0.5] * (size - 1))] for text in texts]
    answer = {
        "id": "emb-1",
        "embeddings": {"float": vectors},
        "texts": texts,
        "meta": {"billed_units": {"input_tokens": 2 * len(texts)}},
    }
    return Reply(body=json.dumps(answer).encode())


def _reply(body: Json) -> Reply:
    said, results, steps = _read(body["messages"])
    told = _decide(body, said, results, steps)
    thinks = body.get("thinking", {}).get("type") == "enabled"
    calls = [
        {
            "id": f"{name}_{_digest([name, arguments, number, len(body['messages'])])}",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(arguments)},
        }
        for number, (name, arguments) in enumerate(told.calls)
    ]
    content: list[Json] = []
    if told.thought and thinks:
        content.append({"type": "thinking", "thinking": told.thought})
    if told.text:
        content.append({"type": "text", "text": told.text})
    message: Json = {"role": "assistant"}
    if content:
        message["content"] = content
    if calls:
        names = ", ".join(name for name, _ in told.calls)
        message |= {"tool_plan": f"I will use {names}.", "tool_calls": calls}
    usage = {
        "billed_units": {"input_tokens": 8.0, "output_tokens": 4.0},
        "tokens": {"input_tokens": 11.0, "output_tokens": 5.0},
        "cached_tokens": 3.0,
    }
    answer: Json = {
        "id": f"cohere-{_digest([said, results])}",
        "finish_reason": "TOOL_CALL" if calls else "COMPLETE",
        "message": message,
        "usage": usage,
    }
    if body["stream"]:
        return pacing(said, [_frame(event) for event in _events(answer)])
    return Reply(body=json.dumps(answer).encode(), delay_s=0.05 if "slow" in said else 0.0)


def _digest(value: object) -> str:
    return hashlib.blake2s(json.dumps(value).encode(), digest_size=6).hexdigest()


def _read(messages: Sequence[Json]) -> tuple[str, list[str], int]:
    """Return what the user last said, the tools' results since, and the steps taken since."""
    results: list[str] = []
    steps = 0
    for message in reversed(messages):
        if message["role"] == "assistant":
            steps += 1
        elif message["role"] == "tool":
            results.insert(0, _text(message["content"]))
        elif message["role"] == "user":
            return _text(message["content"]) or "an image", results, steps
    return "", results, steps


def _text(content: str | list[Json]) -> str:
    if isinstance(content, str):
        return content
    return " ".join(block["text"] for block in content if block["type"] == "text")


def _decide(body: Json, said: str, results: list[str], steps: int) -> Said:
    form = body.get("response_format")
    if form is not None:
        schema = form.get("json_schema")
        return Said('{"said": "yes"}' if schema is None else json.dumps(sample(schema)))
    tools: dict[str, Json] = {
        tool["function"]["name"]: tool["function"]["parameters"] for tool in body.get("tools", ())
    }
    choice = body.get("tool_choice")
    if choice == "NONE":
        tools = {}
    if choice == "REQUIRED" and not steps:
        said = f"{said} call"
    return decide(said, tools, results, steps)


def _frame(event: Json) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()


def _events(answer: Json) -> Iterator[Json]:
    message = answer["message"]
    begun: Json = {
        "role": "assistant",
        "content": [],
        "tool_plan": "",
        "tool_calls": [],
        "citations": [],
    }
    yield {"id": answer["id"], "type": "message-start", "delta": {"message": begun}}
    for index, block in enumerate(message.get("content", ())):
        kind = block["type"]
        yield _delta("content-start", index, content={"type": kind, kind: ""})
        for piece in pieces(block[kind]):
            yield _delta("content-delta", index, content={kind: piece})
        yield {"type": "content-end", "index": index}
    for piece in pieces(message["tool_plan"]) if "tool_plan" in message else ():
        yield {"type": "tool-plan-delta", "delta": {"message": {"tool_plan": piece}}}
    for index, call in enumerate(message.get("tool_calls", ())):
        function = call["function"]
        empty = call | {"function": {"name": function["name"], "arguments": ""}}
        yield _delta("tool-call-start", index, tool_calls=empty)
        half = len(function["arguments"]) // 2
        for part in (function["arguments"][:half], function["arguments"][half:]):
            yield _delta("tool-call-delta", index, tool_calls={"function": {"arguments": part}})
        yield {"type": "tool-call-end", "index": index}
    ended = {"finish_reason": answer["finish_reason"], "usage": answer["usage"]}
    yield {"type": "message-end", "delta": ended}


def _delta(kind: str, index: int, **message: object) -> Json:
    return {"type": kind, "index": index, "delta": {"message": message}}
