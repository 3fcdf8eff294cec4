"""What Ollama refuses, as one function over the body of a chat.

Source: Ollama's API documentation and the types of its server. Members it does not know are
ignored there; here they are refused, because what is ignored is lost.
"""

import base64
from typing import Any

from .fake_upstream import Json

_MESSAGE = {"role", "content", "thinking", "images", "tool_calls", "tool_name"}
_REQUEST = {
    "model", "messages", "stream", "options", "tools", "format", "think", "keep_alive",
    "logprobs", "top_logprobs", "truncate", "shift",
}  # fmt: skip
_OPTIONS: dict[str, type | tuple[type, ...]] = {
    "num_ctx": int,
    "num_predict": int,
    "temperature": (int, float),
    "top_p": (int, float),
    "top_k": int,
    "min_p": (int, float),
    "seed": int,
    "stop": list,
    "presence_penalty": (int, float),
    "frequency_penalty": (int, float),
    "repeat_penalty": (int, float),
    "num_gpu": int,
}


class Refused(Exception):
    """A 400: the words that Ollama would answer with."""


def check(body: Json) -> None:
    """Raise `Refused` as the server would."""
    _known(body, _REQUEST, "request")
    if not isinstance(body.get("stream"), bool):
        raise Refused("stream is not said, and would be true")
    if body.get("truncate") is not False or body.get("shift") is not False:
        raise Refused("what does not fit would be cut in silence")
    for message in body["messages"]:
        _check_message(message)
    for tool in body.get("tools", ()):
        _known(tool, {"type", "function"}, "tool")
        _known(tool["function"], {"name", "description", "parameters"}, "function")
        if tool["type"] != "function" or tool["function"]["parameters"].get("type") != "object":
            raise Refused("invalid tool")
    for name, value in body.get("options", {}).items():
        if name not in _OPTIONS:
            raise Refused(f"invalid option provided: {name}")
        if not isinstance(value, _OPTIONS[name]):
            raise Refused(f"option {name!r} must be of type {_OPTIONS[name]}")
    form = body.get("format")
    if form is not None and form != "json" and not isinstance(form, dict):
        raise Refused('invalid format: expected "json" or a JSON schema')
    _check_think(body)


def _check_message(message: Json) -> None:
    _known(message, _MESSAGE, "message")
    if message["role"] not in ("system", "user", "assistant", "tool"):
        raise Refused(f"invalid role: {message['role']}")
    if not isinstance(message["content"], str):
        raise Refused("json: cannot unmarshal content into a string")
    for image in message.get("images", ()):
        if image.startswith("data:"):
            raise Refused("illegal base64 data at input byte 4")
        base64.b64decode(image, validate=True)
    for call in message.get("tool_calls", ()):
        _known(call, {"function"}, "tool call")
        if not isinstance(call["function"]["arguments"], dict):
            raise Refused("json: cannot unmarshal string into arguments of type object")
    if (message["role"] == "tool") != ("tool_name" in message):
        raise Refused("tool_name is the name of a tool message")


def _check_think(body: Json) -> None:
    think = body.get("think")
    if think is None:
        return
    model = body["model"]
    if not model.startswith(("qwen3", "gpt-oss", "deepseek-r1")):
        raise Refused(f'"{model}" does not support thinking')
    if not isinstance(think, bool) and think not in ("low", "medium", "high"):
        raise Refused(f"invalid think value: {think}")
    if model.startswith("gpt-oss") and isinstance(think, bool):
        raise Refused("gpt-oss takes a level")


def _known(value: Any, known: set[str], what: str) -> None:
    for name in value:
        if name not in known:
            raise Refused(f"unknown member of a {what}: {name}")
