"""What Cohere's v2 chat refuses, as one function over a request's body.

Source: Cohere's API reference (v2 chat, structured outputs, tool use). Members it does not know
are refused at any depth but in schemas.
"""

import re
from typing import Any

from .fake_upstream import Json, objects_in

_ANY = object()
_TEXT = {"type": _ANY, "text": _ANY}
_BLOCK = {**_TEXT, "thinking": _ANY, "image_url": {"url": _ANY, "detail": _ANY}}
_FUNCTION = {"name": _ANY, "arguments": _ANY}
_CALL = {"id": _ANY, "type": _ANY, "function": _FUNCTION}
_MEMBERS: dict[str, dict[str, Any]] = {
    "system": {"role": _ANY, "content": [_TEXT]},
    "user": {"role": _ANY, "content": [_BLOCK]},
    "assistant": {
        "role": _ANY,
        "content": [_BLOCK],
        "tool_plan": _ANY,
        "tool_calls": [_CALL],
        "citations": _ANY,
    },
    "tool": {
        "role": _ANY,
        "tool_call_id": _ANY,
        "content": [{**_TEXT, "document": {"data": _ANY, "id": _ANY}}],
    },
}
_TOOL = {"type": _ANY, "function": {"name": _ANY, "description": _ANY, "parameters": _ANY}}
_REQUEST: dict[str, Any] = {
    "model": _ANY,
    "messages": _ANY,
    "stream": _ANY,
    "tools": [_TOOL],
    "tool_choice": _ANY,
    "strict_tools": _ANY,
    "response_format": {"type": _ANY, "json_schema": _ANY},
    "thinking": {"type": _ANY, "token_budget": _ANY},
    "max_tokens": _ANY,
    "stop_sequences": _ANY,
    "temperature": _ANY,
    "p": _ANY,
    "k": _ANY,
    "seed": _ANY,
    "presence_penalty": _ANY,
    "frequency_penalty": _ANY,
    "logprobs": _ANY,
    "safety_mode": _ANY,
    "citation_options": _ANY,
    "documents": _ANY,
    "priority": _ANY,
}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RANGES = {
    "temperature": (0, 1),
    "p": (0.01, 0.99),
    "k": (0, 500),
    "presence_penalty": (0, 1),
    "frequency_penalty": (0, 1),
}
_UNSUPPORTED = {
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minItems",
    "maxItems", "uniqueItems", "minLength", "maxLength", "not", "if", "patternProperties",
}  # fmt: skip


class Refused(Exception):
    """A 400: the words that Cohere would answer with."""


def check(body: Json) -> None:
    """Raise `Refused` as the service would."""
    _known_only(body, _REQUEST, "")
    if not isinstance(body.get("stream"), bool):
        raise Refused("stream: field required")
    if not body.get("messages"):
        raise Refused("invalid request: message must be at least 1 token long")
    open_calls: list[str] = []
    for place, message in enumerate(body["messages"]):
        role = message.get("role")
        if role not in _MEMBERS:
            raise Refused(f"messages[{place}].role: unknown role {role}")
        _known_only(message, _MEMBERS[role], f"messages[{place}]")
        if role == "tool":
            if message["tool_call_id"] not in open_calls:
                raise Refused("tool message does not answer a tool call before it")
            open_calls.remove(message["tool_call_id"])
            continue
        if open_calls:
            raise Refused(f"tool calls without a tool message: {open_calls}")
        if role == "assistant":
            calls = message.get("tool_calls", ())
            if not calls and not message.get("content"):
                raise Refused("an assistant message needs content or tool_calls")
            if "tool_plan" in message and not calls:
                raise Refused("tool_plan is for messages with tool_calls")
            open_calls = [call["id"] for call in calls]
            for call in calls:
                if call["type"] != "function" or not isinstance(call["function"]["arguments"], str):
                    raise Refused("tool_calls: arguments must be a string")
        _check_images(message, body["model"])
    if body["messages"][-1]["role"] not in ("user", "tool"):
        raise Refused("the last message must be from the user or a tool")
    _check_tools(body)
    _check_rest(body)


def _known_only(value: Any, known: Any, where: str) -> None:
    if isinstance(known, list):
        if not isinstance(value, str):
            for inner in value:
                _known_only(inner, known[0], where)
    elif isinstance(known, dict):
        for name, inner in value.items():
            if name not in known:
                raise Refused(f"unknown field: parameter '{where}.{name}' is not a valid field")
            _known_only(inner, known[name], f"{where}.{name}".lstrip("."))


def _check_images(message: Json, model: str) -> None:
    if isinstance(message.get("content"), list):
        for block in message["content"]:
            if block["type"] == "image_url":
                if "vision" not in model and "plus" not in model:
                    raise Refused(f"model {model} does not support image input")
                if not block["image_url"]["url"].startswith(("https://", "http://", "data:image/")):
                    raise Refused("invalid image url")


def _check_tools(body: Json) -> None:
    names: list[str] = []
    for tool in body.get("tools", ()):
        function = tool["function"]
        if tool["type"] != "function" or not isinstance(function.get("parameters"), dict):
            raise Refused("tools: parameters is required")
        if not _NAME.fullmatch(function["name"]):
            raise Refused(
                f"tool name {function['name']!r} can only contain certain characters "
                "(A-Za-z0-9_) and can't begin with a digit"
            )
        names.append(function["name"])
        if body.get("strict_tools"):
            _check_schema(function["parameters"])
    if len(set(names)) != len(names):
        raise Refused("tool names must be unique")
    if "tools" in body and not names:
        raise Refused("tools must not be empty")
    choice = body.get("tool_choice")
    if choice is not None and choice not in ("REQUIRED", "NONE"):
        raise Refused("tool_choice must be one of REQUIRED, NONE")
    if choice == "REQUIRED" and not names:
        raise Refused("tool_choice REQUIRED needs tools")


def _check_rest(body: Json) -> None:
    for name, (low, high) in _RANGES.items():
        if name in body and not low <= body[name] <= high:
            raise Refused(f"{name} must be between {low} and {high}")
    if len(body.get("stop_sequences", ())) > 5:
        raise Refused("at most 5 stop_sequences are supported")
    form = body.get("response_format")
    if form is not None:
        if form["type"] not in ("text", "json_object"):
            raise Refused("response_format.type must be text or json_object")
        if body.get("tools"):
            raise Refused("response_format is not supported with tools")
        if "json_schema" in form:
            _check_schema(form["json_schema"])
            if form["json_schema"].get("type") != "object":
                raise Refused("json_schema: the top level must be an object")
    thinking = body.get("thinking")
    if thinking is not None:
        if "reasoning" not in body["model"] and "plus" not in body["model"]:
            raise Refused(f"model {body['model']} does not support thinking")
        if thinking["type"] not in ("enabled", "disabled"):
            raise Refused("thinking.type must be enabled or disabled")
        if thinking["type"] == "disabled" and "token_budget" in thinking:
            raise Refused("thinking.token_budget is for thinking that is enabled")


def _check_schema(value: Any) -> None:
    for schema in objects_in(value):
        for name, inner in schema.items():
            if name in _UNSUPPORTED:
                raise Refused(f"invalid schema: unsupported keyword {name}")
            if name in ("properties", "$defs", "definitions"):
                _check_schema(list(inner.values()))
            elif name in ("items", "anyOf"):
                _check_schema(inner)
