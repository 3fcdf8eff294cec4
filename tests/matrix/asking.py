"""Asks one request of the matrix over a real socket, and says in a few words what came of it."""

import json
from collections.abc import Mapping
from typing import Final

import httpx

from ..support.families import CALLER_KEY, House
from ..support.messages_laws import MessagesStreamLaws
from ..support.responses_laws import ResponsesStreamLaws
from . import chat, messages, responses
from .samples import IMAGE_URL, Json

DIALECTS: Final[Mapping[str, tuple[str, Mapping[str, Json]]]] = {
    "chat": ("/v1/chat/completions", chat.REQUESTS),
    "responses": ("/v1/responses", responses.REQUESTS),
    "messages": ("/v1/messages", messages.REQUESTS),
}


def outcome(
    client: httpx.Client, house: House, family: str, dialect: str, name: str, *, stream: bool
) -> str:
    """Return `ok`, `ok, told: ...` or `refused: ...`; the answer's form was checked.

    Raises:
        AssertionError: it is neither an answer nor a refusal in the dialect's own form.
    """
    path, requests = DIALECTS[dialect]
    text = json.dumps(requests[name]).replace(IMAGE_URL, house.image_url)
    body: Json = {"model": house.families[family].model, **json.loads(text)}
    if dialect == "responses":
        body["store"] = False
    if stream:
        body["stream"] = True
    reply = client.post(house.gateway.url + path, json=body)
    where = f"{dialect} {name} -> {family}{' streamed' if stream else ''}"
    if reply.status_code != 200:
        return _refused(reply, dialect, where)
    if stream:
        _check_stream(dialect, reply.content)
    else:
        _check_whole(dialect, reply.json(), where)
    told = reply.headers.get("x-modelmux-adjusted")
    return "ok" if told is None else f"ok, told: {told}"


def client() -> httpx.Client:
    return httpx.Client(
        headers={"authorization": f"Bearer {CALLER_KEY}"}, timeout=30, trust_env=False
    )


def _refused(reply: httpx.Response, dialect: str, where: str) -> str:
    assert reply.status_code == 400, f"{where}: {reply.status_code} {reply.text[:500]}"
    error: Json = reply.json()["error"]
    if dialect == "messages":
        assert reply.json()["type"] == "error", where
        code, param = error["details"]["error_code"], ""
        assert error["type"] == "invalid_request_error", where
    else:
        code, param = error["code"], error["param"] or ""
    # What the gateway says by itself; an upstream's own complaint would be ours to prevent.
    assert code == "unsupported_parameter", f"{where}: {reply.text[:500]}"
    return f"refused: {error['message'].partition(' (request id')[0]}{f' [{param}]' * bool(param)}"


def _check_stream(dialect: str, content: bytes) -> None:
    match dialect:
        case "responses":
            laws = ResponsesStreamLaws()
            laws.feed(content)
            laws.close()
        case "messages":
            others = MessagesStreamLaws()
            others.feed(content)
            others.close()
        case _:
            frames = [line[6:] for line in content.split(b"\n") if line.startswith(b"data: ")]
            assert frames[-1] == b"[DONE]"
            choices = [json.loads(frame)["choices"] for frame in frames[:-1]]
            reasons = [one[0]["finish_reason"] for one in choices if one]
            assert [reason for reason in reasons if reason] in (["stop"], ["tool_calls"])


def _check_whole(dialect: str, body: Json, where: str) -> None:
    match dialect:
        case "responses":
            assert body["status"] == "completed", where
            assert body["output"], where
            assert body["usage"]["output_tokens"] > 0, where
        case "messages":
            assert body["type"] == "message", where
            assert body["content"], where
            assert body["stop_reason"] in ("end_turn", "tool_use", "stop_sequence"), where
            assert body["usage"]["output_tokens"] > 0, where
        case _:
            assert body["choices"][0]["finish_reason"] in ("stop", "tool_calls"), where
            assert body["usage"]["completion_tokens"] > 0, where
