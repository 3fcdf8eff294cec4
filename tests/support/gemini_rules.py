"""What generateContent refuses, as one function over a request's body.

Source: Vertex documentation (thought signatures, function calling, structured output) and its
error messages. Unknown fields are refused at any depth, as the service does.
"""

import base64
import hashlib
import hmac
import json
import re
from typing import Any

from .fake_upstream import Json, objects_in

STAND_IN = "skip_thought_signature_validator"
_KEY = b"only the fake model knows"
_ANY = object()
_BLOB = {"mimeType": _ANY, "data": _ANY}
_PART = {
    "text": _ANY,
    "thought": _ANY,
    "thoughtSignature": _ANY,
    "inlineData": _BLOB,
    "fileData": {"mimeType": _ANY, "fileUri": _ANY},
    "functionCall": {"id": _ANY, "name": _ANY, "args": _ANY},
    "functionResponse": {"id": _ANY, "name": _ANY, "response": _ANY},
}
# What may stand where: a dict lists the fields of an object, a list holds what its elements are.
_REQUEST: dict[str, Any] = {
    "contents": [{"role": _ANY, "parts": [_PART]}],
    "systemInstruction": {"role": _ANY, "parts": [_PART]},
    "tools": [
        {
            "functionDeclarations": [
                {
                    "name": _ANY,
                    "description": _ANY,
                    "parameters": _ANY,
                    "parametersJsonSchema": _ANY,
                }
            ]
        }
    ],
    "toolConfig": {"functionCallingConfig": {"mode": _ANY, "allowedFunctionNames": _ANY}},
    "generationConfig": {
        "temperature": _ANY,
        "topP": _ANY,
        "topK": _ANY,
        "candidateCount": _ANY,
        "maxOutputTokens": _ANY,
        "stopSequences": _ANY,
        "seed": _ANY,
        "presencePenalty": _ANY,
        "frequencyPenalty": _ANY,
        "responseLogprobs": _ANY,
        "logprobs": _ANY,
        "responseMimeType": _ANY,
        "responseJsonSchema": _ANY,
        "thinkingConfig": {
            "includeThoughts": _ANY,
            "thinkingBudget": _ANY,
            "thinkingLevel": _ANY,
        },
    },
    "labels": _ANY,
    "serviceTier": _ANY,
}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}")
_SCHEMA_KEYWORDS = {
    "$id", "$defs", "$ref", "$anchor", "type", "format", "title", "description", "enum", "items",
    "prefixItems", "minItems", "maxItems", "minimum", "maximum", "anyOf", "oneOf", "properties",
    "additionalProperties", "required", "propertyOrdering", "definitions", "const", "allOf",
}  # fmt: skip


class Refused(Exception):
    """A 400: the words that Google would answer with."""


def sign(model: str, content: Any) -> str:
    """Return the signature of a part's content."""
    text = json.dumps(content, sort_keys=True)
    made = hmac.new(_KEY, f"{model}\0{text}".encode(), hashlib.sha256).digest()
    return base64.b64encode(made).decode()


def sign_call(model: str, call: Json) -> str:
    return sign(model, [call["name"], call.get("args", {})])


def checks_signatures(model: str) -> bool:
    return model.startswith("gemini-3")


def check(body: Json, model: str) -> None:
    """Raise `Refused` as the service would."""
    _known_only(body, _REQUEST, "")
    contents = body.get("contents")
    if not contents:
        raise Refused("GenerateContentRequest.contents: contents is not specified")
    for place, content in enumerate(contents):
        if content.get("role") not in ("user", "model"):
            raise Refused("Please use a valid role: user, model.")
        for part in content.get("parts") or _no_parts(place):
            _check_part(part, f"contents[{place}]")
    if contents[0]["role"] == "model" and any("functionCall" in p for p in contents[0]["parts"]):
        raise Refused("a function call turn comes immediately after a user turn")
    _check_pairs(contents)
    _check_signatures(contents, model)
    _check_tools(body)
    _check_config(body, model)
    for key, value in body.get("labels", {}).items():
        if not re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", key) or not re.fullmatch(
            r"[a-z0-9_-]{0,63}", value
        ):
            raise Refused(f"Invalid label {key}={value}")


def _no_parts(place: int) -> list[Json]:
    raise Refused(f"contents[{place}].parts must not be empty.")


def _known_only(value: Any, known: Any, where: str) -> None:
    if isinstance(known, list):
        for inner in value:
            _known_only(inner, known[0], where)
    elif isinstance(known, dict):
        for name, inner in value.items():
            if name not in known:
                raise Refused(
                    f"Invalid JSON payload received. Unknown name \"{name}\" at '{where}': "
                    "Cannot find field."
                )
            _known_only(inner, known[name], f"{where}.{name}".lstrip("."))


def _check_part(part: Json, where: str) -> None:
    data = set(part) - {"thought", "thoughtSignature"}
    if len(data) > 1:
        raise Refused(f"{where}: parts have one oneof field `data`, found {sorted(data)}")
    if not data and "thoughtSignature" not in part:
        raise Refused(f"{where}: part must have one initialized field")
    if data == {"text"} and not part["text"] and "thoughtSignature" not in part:
        raise Refused(f"{where}: text parameter must not be empty")
    if "fileData" in part and not part["fileData"].get("mimeType"):
        raise Refused(f"{where}: mimeType is required")
    if "inlineData" in part:
        base64.b64decode(part["inlineData"]["data"], validate=True)
    for kind, member in (("functionCall", "args"), ("functionResponse", "response")):
        if kind in part:
            if not _NAME.fullmatch(part[kind]["name"]):
                raise Refused(f"{where}: Invalid function name {part[kind]['name']}")
            if not isinstance(part[kind].get(member, {}), dict):
                raise Refused(f"{where}.{member}: must be an object")


def _check_pairs(contents: list[Json]) -> None:
    for place, content in enumerate(contents):
        asked = [p["functionCall"]["name"] for p in content["parts"] if "functionCall" in p]
        after: list[Json] = contents[place + 1]["parts"] if place + 1 < len(contents) else []
        given = [p["functionResponse"]["name"] for p in after if "functionResponse" in p]
        if asked != given:
            raise Refused(
                "Please ensure that the number of function response parts is equal to the number "
                f"of function call parts of the function call turn: {asked} {given}"
            )
        ids = [p["functionCall"].get("id") for p in content["parts"] if "functionCall" in p]
        if ids != [p["functionResponse"].get("id") for p in after if "functionResponse" in p]:
            raise Refused("the ids of function responses differ from those of their calls")


def _check_signatures(contents: list[Json], model: str) -> None:
    if not checks_signatures(model):
        return
    begin = 0
    for place, content in enumerate(contents):
        spoken = any("functionResponse" not in part for part in content["parts"])
        if content["role"] == "user" and spoken:
            begin = place
    for place, content in enumerate(contents[begin:], begin):
        calls = [part for part in content["parts"] if "functionCall" in part]
        if calls and "thoughtSignature" not in calls[0]:
            raise Refused(
                f"Function call `{calls[0]['functionCall']['name']}` in the {place}. content block "
                "is missing a thought_signature in functionCall parts."
            )
        for part in calls:
            signature = part.get("thoughtSignature")
            if signature is not None and signature not in (
                STAND_IN,
                sign_call(model, part["functionCall"]),
            ):
                raise Refused("Thought signature is not valid.")


def _check_tools(body: Json) -> None:
    declared = [
        function for tool in body.get("tools", ()) for function in tool["functionDeclarations"]
    ]
    names = [function["name"] for function in declared]
    for function in declared:
        if not _NAME.fullmatch(function["name"]):
            raise Refused(f"Invalid function name {function['name']}")
        if "parameters" in function and "parametersJsonSchema" in function:
            raise Refused("parameters and parametersJsonSchema are mutually exclusive")
        _check_schema(function.get("parametersJsonSchema", {}))
    if len(set(names)) != len(names):
        raise Refused("Duplicate function declaration found")
    config = body.get("toolConfig", {}).get("functionCallingConfig", {})
    allowed = config.get("allowedFunctionNames")
    if config.get("mode", "AUTO") not in ("AUTO", "ANY", "NONE", "VALIDATED"):
        raise Refused("Invalid value at 'tool_config.function_calling_config.mode'")
    if allowed is not None:
        if config.get("mode") not in ("ANY", "VALIDATED"):
            raise Refused("allowed_function_names is only for mode ANY or VALIDATED")
        if not set(allowed) <= set(names):
            raise Refused("allowed_function_names: not among the function declarations")
    if config and not declared:
        raise Refused("Function calling config is set without function_declarations.")


def _check_config(body: Json, model: str) -> None:
    config = body.get("generationConfig", {})
    if not 0 <= config.get("temperature", 1) <= 2:
        raise Refused("temperature must be in the range [0.0, 2.0]")
    if len(config.get("stopSequences", ())) > 5:
        raise Refused("stop_sequences must have at most 5 elements")
    if "logprobs" in config and not config.get("responseLogprobs"):
        raise Refused("logprobs needs response_logprobs")
    if "responseJsonSchema" in config:
        if config.get("responseMimeType") != "application/json":
            raise Refused("response_json_schema needs response_mime_type: 'application/json'")
        if body.get("tools") and not checks_signatures(model):
            raise Refused("Function calling with a response mime type is unsupported")
        _check_schema(config["responseJsonSchema"])
    thinking = config.get("thinkingConfig", {})
    if "thinkingLevel" in thinking and "thinkingBudget" in thinking:
        raise Refused("You can only set only one of thinking budget and thinking level.")
    if "thinkingLevel" in thinking and not checks_signatures(model):
        raise Refused("Thinking level is not supported for this model.")


def _check_schema(value: Any) -> None:
    for schema in objects_in(value):
        for name, inner in schema.items():
            if name not in _SCHEMA_KEYWORDS:
                raise Refused(f'Invalid JSON payload received. Unknown name "{name}" in a schema')
            if name in ("properties", "$defs", "definitions"):
                _check_schema(list(inner.values()))
            elif name in ("items", "anyOf", "oneOf", "allOf", "prefixItems"):
                _check_schema(inner)
