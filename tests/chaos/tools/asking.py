"""Asks a gateway in each dialect, whole or streamed, and says what became of it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import httpx

KEY: Final = "test-caller-key-not-secret"
DIALECTS: Final = ("chat", "responses", "messages")
_PATHS: Final = {
    "chat": "/v1/chat/completions",
    "responses": "/v1/responses",
    "messages": "/v1/messages",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """`complete`: it was told to be whole. `error` is the one error told, in the dialect."""

    status: int
    text: str
    complete: bool
    error: dict[str, Any] | None
    headers: httpx.Headers


def body_of(dialect: str, model: str, *, stream: bool = False, text: str = "hi") -> dict[str, Any]:
    """Return a small request that keeps nothing."""
    said = [{"role": "user", "content": text}]
    match dialect:
        case "responses":
            return {"model": model, "input": text, "stream": stream, "store": False}
        case "messages":
            return {"model": model, "messages": said, "max_tokens": 64, "stream": stream}
        case _:
            return {"model": model, "messages": said, "stream": stream}


def caller_of(url: str, *, timeout_s: float = 20.0) -> httpx.Client:
    """Return a client that shows the key; whoever made it closes it."""
    return httpx.Client(
        base_url=url,
        headers={"authorization": f"Bearer {KEY}"},
        trust_env=False,
        timeout=timeout_s,
    )


def ask(client: httpx.Client, dialect: str, model: str, *, stream: bool = False) -> Outcome:
    """Return what came of one call; fails if it is no well-formed answer of the dialect."""
    answer = client.post(path_of(dialect), json=body_of(dialect, model, stream=stream))
    if answer.headers.get("content-type", "").startswith("text/event-stream"):
        return _streamed(dialect, answer)
    body: dict[str, Any] = answer.json()
    if answer.status_code != 200:
        return Outcome(answer.status_code, "", False, _error(dialect, body), answer.headers)
    return Outcome(200, _text(dialect, body), True, None, answer.headers)


def path_of(dialect: str) -> str:
    return _PATHS[dialect]


def _error(dialect: str, body: dict[str, Any]) -> dict[str, Any]:
    error: dict[str, Any] = body["error"]
    if dialect == "messages":
        assert body["type"] == "error"
        assert error.keys() >= {"type", "message"}
    else:
        assert error.keys() == {"message", "type", "param", "code"}
    return error


def _text(dialect: str, body: dict[str, Any]) -> str:
    match dialect:
        case "responses":
            assert body["status"] == "completed"
            parts = [part for item in body["output"] for part in item.get("content", ())]
            return "".join(part.get("text", "") for part in parts)
        case "messages":
            return "".join(part.get("text", "") for part in body["content"])
        case _:
            return str(body["choices"][0]["message"]["content"])


def _streamed(dialect: str, answer: httpx.Response) -> Outcome:
    text, complete = "", False
    error: dict[str, Any] | None = None
    for event in _events(answer.text):
        # Responses says [DONE] after a failure as well: there it is no word on the answer.
        assert error is None or event == "[DONE]", "an error is the last event"
        if event == "[DONE]":
            assert dialect != "messages"
            complete = complete or dialect == "chat"
            continue
        data: dict[str, Any] = json.loads(event)
        kind = data.get("type")
        if dialect == "chat":
            if "error" in data:
                error = data["error"]
                continue
            for choice in data["choices"]:
                text += choice["delta"].get("content") or ""
        elif kind == "response.output_text.delta":
            text += data["delta"]
        elif kind == "content_block_delta":
            text += data["delta"].get("text", "")
        elif kind in ("response.completed", "message_stop"):
            complete = True
        elif kind == "response.failed":
            error = data["response"]["error"]
        elif kind == "error":
            error = data["error"]
    return Outcome(answer.status_code, text, complete, error, answer.headers)


def _events(body: str) -> Iterator[str]:
    for line in body.splitlines():
        if line.startswith("data: "):
            yield line.removeprefix("data: ")
