"""What Converse refuses, as one function over a request's body.

Source: the service model bedrock-runtime 2023-09-30 and the Bedrock guide. Unknown members are
refused at any depth. Stricter than the service where that makes a mistake of ours visible.
"""

import base64
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from .claude_rules import sign
from .fake_upstream import Json, objects_in

_ANY: Final = object()
_TEXT: Final = {"text": _ANY}
_MARK: Final = {"cachePoint": {"type": _ANY, "ttl": _ANY}}
_SOURCE: Final = {"bytes": _ANY}
_IMAGE: Final = {"image": {"format": _ANY, "source": _SOURCE}}
_DOCUMENT: Final = {
    "document": {
        "format": _ANY,
        "name": _ANY,
        "source": _SOURCE,
        "context": _ANY,
        "citations": {"enabled": _ANY},
    }
}
_BLOCK: Final[Json] = {
    **_TEXT,
    **_MARK,
    **_IMAGE,
    **_DOCUMENT,
    "audio": {"format": _ANY, "source": _SOURCE},
    "toolUse": {"toolUseId": _ANY, "name": _ANY, "input": _ANY},
    "toolResult": {
        "toolUseId": _ANY,
        "content": [_TEXT | _IMAGE | _DOCUMENT | {"json": _ANY}],
        "status": _ANY,
    },
    "reasoningContent": {
        "reasoningText": {"text": _ANY, "signature": _ANY},
        "redactedContent": _ANY,
    },
}
# What may stand where: a dict lists the members of an object, a list holds what its elements are.
_REQUEST: Final[Json] = {
    "messages": [{"role": _ANY, "content": [_BLOCK]}],
    "system": [_TEXT | _MARK],
    "inferenceConfig": {"maxTokens": _ANY, "temperature": _ANY, "topP": _ANY,
                        "stopSequences": _ANY},
    "toolConfig": {
        "tools": [
            {
                "toolSpec": {
                    "name": _ANY,
                    "description": _ANY,
                    "inputSchema": {"json": _ANY},
                    "strict": _ANY,
                },
                **_MARK,
            }
        ],
        "toolChoice": {"auto": {}, "any": {}, "tool": {"name": _ANY}},
    },
    "additionalModelRequestFields": _ANY,
    "outputConfig": {
        "textFormat": {
            "type": _ANY,
            "structure": {"jsonSchema": {"schema": _ANY, "name": _ANY, "description": _ANY}},
        },
        "effort": _ANY,
    },
    "serviceTier": {"type": _ANY},
    "requestMetadata": _ANY,
}  # fmt: skip
_FORMATS: Final[Mapping[str, frozenset[str]]] = {
    "image": frozenset({"png", "jpeg", "gif", "webp"}),
    "document": frozenset({"pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md"}),
    "audio": frozenset({"mp3", "wav"}),
}
_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_ID: Final = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")
_DOCUMENT_NAME: Final = re.compile(r"(?! )(?:[A-Za-z0-9\-()\[\]]| (?! |$)){1,200}")
_LABEL: Final = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,.-]{0,256}")
_OF_ROLE: Final = {
    "user": {"text", "cachePoint", "image", "document", "audio", "toolResult"},
    "assistant": {"text", "cachePoint", "toolUse", "reasoningContent"},
}
_MOST_MARKS: Final = 4


class Refused(Exception):
    """A 400: the words of the ValidationException."""


def check(body: Json, model: str) -> None:
    """Raise `Refused` as the service would."""
    _only(body, _REQUEST, "")
    turns = body.get("messages", [])
    if not turns:
        raise Refused("A conversation must start with a user message.")
    before = "assistant"
    open_calls: list[str] = []
    names: set[str] = set()
    for turn in turns:
        role = turn["role"]
        if role == before or role not in _OF_ROLE:
            raise Refused("roles must alternate between user and assistant")
        before = role
        open_calls = _check_turn(turn, role, open_calls, names, model)
    if open_calls:
        raise Refused(f"Expected toolResult blocks for the following Ids: {open_calls}")
    _check_system(body.get("system"))
    _check_tools(body, turns)
    _check_limits(body)
    marks = json.dumps(body).count('"cachePoint"')
    if marks > _MOST_MARKS:
        raise Refused(f"at most {_MOST_MARKS} cache checkpoints, found {marks}")


def _check_turn(
    turn: Json, role: str, open_calls: list[str], names: set[str], model: str
) -> list[str]:
    blocks: list[Json] = turn["content"]
    if not blocks:
        raise Refused("messages.content: must not be empty")
    kinds = [_kind(block) for block in blocks]
    if not set(kinds) <= _OF_ROLE[role]:
        raise Refused(f"messages: {role} may not have {set(kinds) - _OF_ROLE[role]}")
    if kinds[0] == "cachePoint":
        raise Refused("a cachePoint must stand behind content")
    for block, kind in zip(blocks, kinds, strict=True):
        _check_block(block[kind], kind, names, model)
    if "document" in kinds and "text" not in kinds:
        raise Refused("a text block is required beside a document")
    if role == "user":
        told = [block["toolResult"]["toolUseId"] for block in blocks if "toolResult" in block]
        if sorted(told) != sorted(open_calls):
            raise Refused(f"Expected toolResult blocks for the following Ids: {open_calls}")
        plain = [kind for kind in kinds if kind != "cachePoint"]
        if "toolResult" in plain[plain.count("toolResult") :]:
            raise Refused("toolResult blocks must come first")
        return []
    calls = [block["toolUse"]["toolUseId"] for block in blocks if "toolUse" in block]
    if len(set(calls)) < len(calls):
        raise Refused("toolUse ids must be unique")
    if any(made.startswith("tooluse_T") for made in calls) and kinds[0] != "reasoningContent":
        raise Refused("Expected `thinking` or `redacted_thinking`, but found `tool_use`")
    if kinds[-1] == "reasoningContent":
        raise Refused("a turn may not end with reasoningContent")
    return calls


def _check_block(block: Any, kind: str, names: set[str], model: str) -> None:
    match kind:
        case "text" if not block.strip():
            raise Refused("The text field in the ContentBlock object is blank.")
        case "image" | "audio" | "document":
            if block["format"] not in _FORMATS[kind]:
                raise Refused(f"{kind}.format: {block['format']}")
            if not base64.b64decode(block["source"]["bytes"], validate=True):
                raise Refused(f"{kind}.source.bytes: empty")
            if kind == "document":
                _check_document_name(block["name"], names)
        case "toolUse":
            if not _ID.fullmatch(block["toolUseId"]) or not _NAME.fullmatch(block["name"]):
                raise Refused("toolUse: id or name does not match its pattern")
            if not isinstance(block["input"], dict):
                raise Refused("toolUse.input: must be an object")
        case "toolResult":
            if not block["content"] or block.get("status") not in (None, "success", "error"):
                raise Refused("toolResult: no content, or an unknown status")
            for inner in block["content"]:
                inner_kind = _kind(inner)
                if inner_kind != "json":
                    _check_block(inner[inner_kind], inner_kind, names, model)
        case "reasoningContent":
            _check_thoughts(block, model)
        case "cachePoint" if block.get("ttl") not in (None, "5m", "1h"):
            raise Refused("cachePoint.ttl: unknown")
        case _:
            pass


def _check_document_name(name: str, names: set[str]) -> None:
    if not _DOCUMENT_NAME.fullmatch(name):
        raise Refused(f"The document file name {name!r} has characters that are not allowed.")
    if name in names:
        raise Refused(f"Duplicate document name {name!r}")
    names.add(name)


def _check_thoughts(block: Json, model: str) -> None:
    if len(block) != 1:
        raise Refused("reasoningContent: one of its members")
    thought = block.get("reasoningText")
    good = (
        block["redactedContent"] == redacted(model)
        if thought is None
        else thought.get("signature") == sign(model, thought["text"])
    )
    if not good:
        raise Refused("Invalid `signature` in `thinking` block")


def redacted(model: str) -> str:
    """Return what the model tells of thoughts that it hides."""
    return base64.b64encode(sign(model, "redacted").encode()).decode()


def _check_system(system: list[Json] | None) -> None:
    if system is None:
        return
    if not system or any("text" in block and not block["text"].strip() for block in system):
        raise Refused("system: blank")


def _check_tools(body: Json, turns: list[Json]) -> None:
    called = any("toolUse" in block for turn in turns for block in turn["content"])
    config = body.get("toolConfig")
    if config is None:
        if called:
            raise Refused("The toolConfig field must be defined when using toolUse blocks.")
        return
    specs = [tool["toolSpec"] for tool in config["tools"] if "toolSpec" in tool]
    if not specs:
        raise Refused("toolConfig.tools: at least one")
    for spec in specs:
        if not _NAME.fullmatch(spec["name"]) or spec.get("description") == "":
            raise Refused("toolSpec: name or description")
        if spec["inputSchema"]["json"].get("type") != "object":
            raise Refused("The value at toolConfig.tools.inputSchema.json.type must be object.")
    choice = config.get("toolChoice")
    if choice is not None and len(choice) != 1:
        raise Refused("toolChoice: one of its members")
    if choice and "tool" in choice and choice["tool"]["name"] not in {s["name"] for s in specs}:
        raise Refused("toolChoice names no tool")


def _check_limits(body: Json) -> None:
    drawn = body.get("inferenceConfig", {})
    if drawn.get("maxTokens", 1) < 1:
        raise Refused("inferenceConfig.maxTokens: at least 1")
    if not 0 <= drawn.get("temperature", 0) <= 1 or not 0 <= drawn.get("topP", 0) <= 1:
        raise Refused("inferenceConfig: out of range")
    form = body.get("outputConfig", {}).get("textFormat")
    if form is not None:
        json.loads(form["structure"]["jsonSchema"]["schema"])
    labels = body.get("requestMetadata", {"a": "b"})
    if not 1 <= len(labels) <= 16 or not all(
        name and _LABEL.fullmatch(name) and _LABEL.fullmatch(value)
        for name, value in labels.items()
    ):
        raise Refused("requestMetadata: does not fit")
    fields = body.get("additionalModelRequestFields", {})
    thinking = fields.get("thinking", {})
    if thinking.get("type") == "enabled":
        budget = thinking["budget_tokens"]
        if budget < 1024 or drawn.get("maxTokens", 0) <= budget:
            raise Refused("max_tokens must be greater than thinking.budget_tokens")


def _kind(block: Json) -> str:
    if len(block) != 1:
        raise Refused(f"a block has exactly one member, not {sorted(block)}")
    return next(iter(block))


def _only(value: Any, form: Any, path: str) -> None:
    if form is _ANY:
        return
    if isinstance(form, list):
        for place, element in enumerate(objects_in(value)):
            _only(element, form[0], f"{path}[{place}]")
        return
    for name, inner in value.items():
        if name not in form:
            raise Refused(f"{path}.{name}: unknown member")
        _only(inner, form[name], f"{path}.{name}")
