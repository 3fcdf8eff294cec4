"""Ollama's own API on a loopback socket.

    with fake_ollama() as ollama:
        ... ollama.base_url, ollama.requests, ollama.plan(error_reply(503)) ...

It refuses what the server refuses (`ollama_rules`) and answers from the conversation alone
(`fake_upstream`); its calls have no ids, and the times of its answers are counted, not measured.
"""

import json
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import cast

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
from .ollama_rules import Refused, check

MODELS = ("qwen3:8b", "gpt-oss:20b", "llava:7b", "nomic-embed-text")


def error_reply(status: int, message: str = "planned") -> Reply:
    """Return an error in Ollama's shape."""
    return Reply(status, json.dumps({"error": message}).encode())


@dataclass(slots=True)
class FakeOllama(FakeUpstream):
    def unauthenticated(self) -> Reply:
        return error_reply(401, "unauthorized")

    def answer(self, request: Received) -> Reply:
        path, body = request.path.partition("?")[0], request.body
        try:
            if (request.method, path) == ("GET", "/api/tags"):
                listed = [{"name": name, "model": name, "size": 1} for name in MODELS]
                return Reply(body=json.dumps({"models": listed}).encode())
            if (request.method, path) not in (("POST", "/api/chat"), ("POST", "/api/embed")):
                return Reply(404, b"404 page not found", content_type="text/plain")
            if body.get("model") not in MODELS:
                return error_reply(404, f"model '{body.get('model')}' not found")
            if path == "/api/embed":
                return _embed(body)
            check(body)
        except Refused as refused:
            return error_reply(400, str(refused))
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            return error_reply(400, f"malformed request: {error!r}")
        return _reply(body, len(self.requests))


@contextmanager
def fake_ollama(*, token: str | None = None) -> Generator[FakeOllama, None, None]:
    """Serve until the block ends; with `token` only those who bear it are answered."""
    with serve(FakeOllama(token=token)) as served:
        yield cast("FakeOllama", served)  # serve gives back what it was given


def _embed(body: Json) -> Reply:
    known = {"model", "input", "truncate", "dimensions", "options", "keep_alive"}
    if set(body) - known or body.get("truncate") is not False:
        raise Refused(f"unknown members, or a silent cut: {sorted(body)}")
    if not all(isinstance(text, str) for text in body["input"]):
        raise Refused("invalid input type")
    size = body.get("dimensions", 4)
    vectors = [[float(len(text)), *([0.5] * (size - 1))] for text in body["input"]]
    answer = {"model": body["model"], "embeddings": vectors, "prompt_eval_count": 2 * len(vectors)}
    return Reply(body=json.dumps(answer).encode())


def _reply(body: Json, number: int) -> Reply:
    said, results, steps = _read(body["messages"])
    told = _decide(body, said, results, steps)
    thinks = body.get("think") not in (None, False)
    parts: list[Json] = []
    if told.thought and thinks:
        parts += [{"content": "", "thinking": piece} for piece in pieces(told.thought)]
    if told.text:
        parts += [{"content": piece} for piece in pieces(told.text)]
    if told.calls:
        calls = [{"function": {"name": name, "arguments": sent}} for name, sent in told.calls]
        parts.append({"content": "", "tool_calls": calls})
    common: Json = {"model": body["model"], "created_at": f"2026-11-21T10:00:00.{number:09}Z"}
    end: Json = {
        "done": True,
        "done_reason": "stop",
        "total_duration": 5_000,
        "prompt_eval_count": 11,
        "eval_count": 5,
    }
    if body["stream"]:
        lines = [
            common | {"message": {"role": "assistant", **part}, "done": False} for part in parts
        ]
        lines.append(common | {"message": {"role": "assistant", "content": ""}} | end)
        reply = pacing(said, [json.dumps(line).encode() + b"\n" for line in lines])
        return replace(reply, content_type="application/x-ndjson")
    message: Json = {"role": "assistant", "content": ""}
    for part in parts:
        for name, value in part.items():
            message[name] = message[name] + value if name in message else value
    answer = common | {"message": message} | end
    return Reply(body=json.dumps(answer).encode(), delay_s=0.05 if "slow" in said else 0.0)


def _read(messages: Sequence[Json]) -> tuple[str, list[str], int]:
    """Return what the user last said, the tools' results since, and the steps taken since."""
    results: list[str] = []
    steps = 0
    for message in reversed(messages):
        if message["role"] == "assistant":
            steps += 1
        elif message["role"] == "tool":
            results.insert(0, message["content"])
        elif message["role"] == "user":
            return message["content"] or "an image", results, steps
    return "", results, steps


def _decide(body: Json, said: str, results: list[str], steps: int) -> Said:
    form = body.get("format")
    if form is not None:
        return Said('{"said": "yes"}' if form == "json" else json.dumps(sample(form)))
    tools: dict[str, Json] = {
        tool["function"]["name"]: tool["function"]["parameters"] for tool in body.get("tools", ())
    }
    asked = [message["content"] for message in body["messages"] if message["role"] == "system"]
    for name in tools:
        # It does what it is told in words: there is no other way to force it.
        if any(f"calling the tool {name}," in one for one in asked) and not steps:
            return decide(f"{said} call", {name: tools[name]}, results, steps)
    if any("Answer by calling" in one for one in asked) and not steps:
        said = f"{said} call"
    return decide(said, tools, results, steps)
