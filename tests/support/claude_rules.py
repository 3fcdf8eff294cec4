"""What the Messages API refuses, as one function over a request's body.

Source: Anthropic's platform documentation and error messages. Stricter than the service where
that makes a mistake of ours visible: neighbours of one role, which it would merge, are refused.
"""

import hashlib
import hmac
import re
from collections.abc import Collection, Sequence
from typing import Any

from .fake_upstream import Json, objects_in

_KEY = b"only the fake model knows"
_FIELDS = {
    "anthropic_version", "model", "max_tokens", "messages", "system", "tools", "tool_choice",
    "thinking", "output_config", "temperature", "top_p", "top_k", "stop_sequences", "metadata",
    "service_tier", "stream", "cache_control", "anthropic_beta",
}  # fmt: skip
# What a beta brings, and its name for it.
_BETAS = {
    "context_management": "context-management-2025-06-27",
    "mcp_servers": "mcp-client-2025-11-20",
}
_MOST_MARKS = 4
_BLOCK_FIELDS = {
    "text": {"text", "cache_control", "citations"},
    "image": {"source", "cache_control"},
    "document": {"source", "title", "context", "citations", "cache_control"},
    "search_result": {"source", "title", "content", "citations", "cache_control"},
    "tool_use": {"id", "name", "input", "cache_control"},
    "tool_result": {"tool_use_id", "content", "is_error", "cache_control"},
    "server_tool_use": {"id", "name", "input"},
    "web_search_tool_result": {"tool_use_id", "content"},
    "thinking": {"thinking", "signature"},
    "redacted_thinking": {"data"},
}
_OF_ROLE = {
    "user": {"text", "image", "document", "search_result", "tool_result"},
    "assistant": {
        "text", "tool_use", "thinking", "redacted_thinking", "server_tool_use",
        "web_search_tool_result",
    },
    "system": {"text"},
}  # fmt: skip
_IN_RESULT = {"text", "image", "document", "search_result"}
_SOURCES = {"base64", "text", "content", "url", "file"}
_TOOL_FIELDS = {
    "name", "description", "input_schema", "strict", "cache_control", "type", "defer_loading",
    "eager_input_streaming", "allowed_callers", "input_examples",
}  # fmt: skip
_NO_KEYWORDS = {
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength",
    "maxLength", "maxItems", "uniqueItems", "patternProperties", "minProperties", "maxProperties",
}  # fmt: skip
_IMAGE_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_THOUGHTS = ("thinking", "redacted_thinking")


class Refused(Exception):
    """A 400: the words that Anthropic would answer with."""


def sign(model: str, text: str) -> str:
    return hmac.new(_KEY, f"{model}\0{text}".encode(), hashlib.sha256).hexdigest()


def call_id(model: str, place: str, *, thought: bool) -> str:
    """Return an id that tells whether thinking stood before the call."""
    return f"toolu_{'T' if thought else 'n'}{sign(model, place)[:20]}"


def check(
    body: Json, model: str, *, version: str, vertex: bool, betas: Collection[str] = ()
) -> None:
    """Raise `Refused` as the service would; `betas` are those that were asked for."""
    known = _FIELDS - ({"model"} if vertex else {"anthropic_version", "anthropic_beta"})
    known |= {name for name, beta in _BETAS.items() if beta in betas}
    if version == "2026-10-21":
        known -= {"temperature", "top_p", "top_k"}
    _no_others(body, known, "")
    if "max_tokens" not in body:
        raise Refused("max_tokens: Field required")
    if not isinstance(body["max_tokens"], int) or not 1 <= body["max_tokens"] <= 128_000:
        raise Refused("max_tokens: out of range")
    if not 0 <= body.get("temperature", 1.0) <= 1:
        raise Refused("temperature: Input should be less than or equal to 1")
    if any(not stop.strip() for stop in body.get("stop_sequences", ())):
        raise Refused("stop_sequences: each stop sequence must contain non-whitespace")
    _check_system(body)
    _check_marks(body)
    turns = [_turn(turn, place, vertex) for place, turn in enumerate(body.get("messages", ()))]
    if not turns:
        raise Refused("messages: at least one message is required")
    _check_system_turns(turns, model)
    turns = [turn for turn in turns if turn[0] != "system"]
    _check_order(turns)
    _check_tools(body, turns)
    _check_thinking(body, model)
    _check_proofs(body, turns, model)
    form = body.get("output_config", {}).get("format")
    if form is not None:
        _no_others(form, {"type", "schema"}, "output_config.format.")
        _check_schema(form["schema"], "output_config.format.schema")


def _check_system(body: Json) -> None:
    system = body.get("system")
    if system is None or (isinstance(system, str) and system):
        return
    if not system:
        raise Refused("system: text content blocks must be non-empty")
    for block in system:
        _check_block(block, {"text"}, "system", vertex=False)


def _check_system_turns(turns: Sequence[tuple[str, list[Json]]], model: str) -> None:
    for place, (role, _) in enumerate(turns):
        if role != "system":
            continue
        if not (_family_5(model) or "-4-8" in model):
            raise Refused(f"messages.{place}.role: Input should be 'user' or 'assistant'")
        if place == 0 or turns[place - 1][0] != "user":
            raise Refused(f"messages.{place}: system messages may only follow a user turn")


def _check_marks(body: Json) -> None:
    marks = [mark for name in ("tools", "system", "messages") for mark in _marks_in(body.get(name))]
    if "cache_control" in body:
        marks.append(body["cache_control"])
    for mark in marks:
        _no_others(mark, {"type", "ttl"}, "cache_control.")
        if mark["type"] != "ephemeral" or mark.get("ttl", "5m") not in ("5m", "1h"):
            raise Refused("cache_control: Input should be 'ephemeral', for '5m' or '1h'")
    if len(marks) > _MOST_MARKS:
        raise Refused(
            f"A maximum of {_MOST_MARKS} blocks with cache_control may be provided. "
            f"Found {len(marks)}."
        )


def _marks_in(blocks: Any) -> list[Json]:
    """Return the marks of `blocks` and of what stands in them, in their order."""
    marks: list[Json] = []
    for block in objects_in(blocks):
        marks += _marks_in(block.get("content"))
        if "cache_control" in block:
            marks.append(block["cache_control"])
    return marks


def _no_others(value: Json, known: set[str], where: str) -> None:
    for name in value:
        if name not in known:
            raise Refused(f"{where}{name}: Extra inputs are not permitted")


def _turn(turn: Json, place: int, vertex: bool) -> tuple[str, list[Json]]:
    where = f"messages.{place}"
    _no_others(turn, {"role", "content"}, f"{where}.")
    role, content = turn["role"], turn["content"]
    if role not in _OF_ROLE:
        raise Refused(f"{where}.role: Input should be 'user' or 'assistant'")
    blocks: list[Json] = (
        [{"type": "text", "text": content}] if isinstance(content, str) else content
    )
    if not blocks:
        raise Refused(f"{where}: all messages must have non-empty content")
    for block in blocks:
        _check_block(block, _OF_ROLE[role], f"{where}.content", vertex)
    return role, blocks


def _check_block(block: Json, allowed: set[str], where: str, vertex: bool) -> None:
    kind = block.get("type", "")
    if kind not in allowed:
        raise Refused(f"{where}: Input tag '{kind}' does not match any of the expected tags")
    _no_others(block, _BLOCK_FIELDS[kind] | {"type"}, f"{where}.")
    if kind == "text" and not block["text"].strip():
        raise Refused("messages: text content blocks must contain non-whitespace text")
    if kind in ("image", "document"):
        source = block["source"]
        if source["type"] not in _SOURCES:
            raise Refused(f"{where}.source: Input tag does not match any of the expected tags")
        if vertex and source["type"] in ("url", "file"):
            raise Refused(f"{where}.source: URL sources are not supported")
        if kind == "image" and source.get("media_type", "image/png") not in _IMAGE_TYPES:
            raise Refused(f"{where}.source.media_type: Input should be 'image/jpeg', …")
    if kind == "tool_use":
        if not re.fullmatch(r"[a-zA-Z0-9_-]+", block["id"]):
            raise Refused(f"{where}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'")
        if not isinstance(block["input"], dict):
            raise Refused(f"{where}.tool_use.input: Input should be a valid dictionary")
    if kind == "tool_result" and not isinstance(block.get("content", ""), str):
        for inner in block["content"]:
            _check_block(inner, _IN_RESULT, f"{where}.tool_result", vertex)


def _merged(turns: Sequence[tuple[str, list[Json]]]) -> list[tuple[str, list[Json]]]:
    """Return the turns as the service reads them: neighbours of one role are one."""
    merged: list[tuple[str, list[Json]]] = []
    for role, blocks in turns:
        if merged and merged[-1][0] == role:
            merged[-1][1].extend(blocks)
        else:
            merged.append((role, list(blocks)))
    return merged


def _check_order(asked_turns: Sequence[tuple[str, list[Json]]]) -> None:
    turns = _merged(asked_turns)
    seen: set[str] = set()
    for place, (role, blocks) in enumerate(turns):
        if role != ("user", "assistant")[place % 2]:
            raise Refused("messages: roles must alternate, beginning with the user")
        before = turns[place - 1][1] if place else []
        asked = [block["id"] for block in before if block["type"] == "tool_use"]
        kinds = [block["type"] for block in blocks]
        answered = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        if role == "user":
            if sorted(answered) != sorted(asked):
                raise Refused(
                    f"messages.{place}: `tool_use` ids were found without `tool_result` blocks "
                    f"immediately after, or the other way round: {asked} {answered}"
                )
            if kinds != sorted(kinds, key=lambda kind: kind != "tool_result"):
                raise Refused(f"messages.{place}: tool_result blocks must come first")
        for block in blocks:
            if block["type"] == "tool_use":
                if block["id"] in seen:
                    raise Refused("messages: `tool_use` ids must be unique")
                seen.add(block["id"])
        if role == "assistant" and kinds[-1] in _THOUGHTS:
            raise Refused("messages: the final block in an assistant message cannot be `thinking`")
    role, blocks = turns[-1]
    if role == "assistant":
        if any(block["type"] == "tool_use" for block in blocks):
            raise Refused("messages: `tool_use` ids were found without `tool_result` blocks")
        if blocks[-1]["text"] != blocks[-1]["text"].rstrip():
            raise Refused("messages: final assistant content cannot end with trailing whitespace")


def _check_tools(body: Json, turns: Sequence[tuple[str, list[Json]]]) -> None:
    tools = body.get("tools", [])
    for place, tool in enumerate(tools):
        where = f"tools.{place}"
        if tool.get("type", "custom") != "custom":
            continue  # of a type of Anthropic's own
        _no_others(tool, _TOOL_FIELDS, f"{where}.")
        if not re.fullmatch(r"[a-zA-Z0-9_-]{1,128}", tool["name"]):
            raise Refused(f"{where}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
        if tool["input_schema"].get("type") != "object":
            raise Refused(f"{where}.input_schema.type: Field required")
        if tool.get("strict"):
            _check_schema(tool["input_schema"], f"{where}.input_schema")
    called = any(block["type"] == "tool_use" for _, blocks in turns for block in blocks)
    if called and not tools:
        raise Refused("Requests which include `tool_use` or `tool_result` blocks must define tools")
    choice = body.get("tool_choice")
    if choice is None:
        return
    _no_others(choice, {"type", "name", "disable_parallel_tool_use"}, "tool_choice.")
    if not tools:
        raise Refused("tool_choice: may only be specified while providing tools")
    if choice["type"] == "tool" and choice["name"] not in [tool["name"] for tool in tools]:
        raise Refused(f"tool_choice.name: tool '{choice['name']}' not found in provided tools")
    if choice["type"] == "none" and "disable_parallel_tool_use" in choice:
        raise Refused("tool_choice.none.disable_parallel_tool_use: Extra inputs are not permitted")


def thinks(body: Json, model: str) -> bool:
    """Whether the model thinks: from the fifth family on also if nobody says so."""
    form = body.get("thinking", {}).get("type")
    return form in ("enabled", "adaptive", "between_tools") or (
        form is None and bool(_family_5(model))
    )


def _family_5(model: str) -> re.Match[str] | None:
    return re.match(r"claude-[a-z]+-5", model)


def _check_thinking(body: Json, model: str) -> None:
    thinking = body.get("thinking", {})
    _no_others(thinking, {"type", "budget_tokens", "display"}, "thinking.")
    form = thinking.get("type")
    forced = body.get("tool_choice", {}).get("type") in ("any", "tool")
    newer = bool(_family_5(model)) or re.search(r"-4-[78]", model) is not None
    if form == "enabled":
        if newer:
            raise Refused("thinking.type.enabled: not supported by this model; use adaptive")
        if not 1024 <= thinking["budget_tokens"] < body["max_tokens"]:
            raise Refused("thinking.budget_tokens: must be at least 1024 and below max_tokens")
        if body.get("temperature", 1) != 1:
            raise Refused("`temperature` may only be set to 1 when thinking is enabled")
    if form == "adaptive" and not newer and "-4-6" not in model:
        raise Refused("thinking.type.adaptive: not supported by this model")
    if form == "between_tools" and "sonnet-5-5" not in model:
        raise Refused("thinking.type.between_tools: not supported by this model")
    if thinking.get("display", "omitted") not in ("summarized", "omitted"):
        raise Refused("thinking.display: Input should be 'summarized' or 'omitted'")
    always = re.match(r"claude-(opus|sonnet)-5-5|claude-fable-5-1", model)
    if form == "disabled" and always:
        raise Refused("thinking.type.disabled: not supported by this model")
    if forced and (form in ("enabled", "adaptive") or always):
        raise Refused("Thinking may not be enabled when tool_choice forces tool use.")
    if newer and {"temperature", "top_p", "top_k"} & body.keys():
        raise Refused("temperature: not supported by this model")


def _check_proofs(body: Json, turns: Sequence[tuple[str, list[Json]]], model: str) -> None:
    for place, (_, blocks) in enumerate(turns):
        for block in blocks:
            if block["type"] == "thinking" and block["signature"] != sign(model, block["thinking"]):
                raise Refused(f"messages.{place}: Invalid `signature` in `thinking` block")
            if block["type"] == "redacted_thinking" and block["data"] != sign(model, "redacted"):
                raise Refused(f"messages.{place}: Invalid `data` in `redacted_thinking` block")
    if not thinks(body, model):
        return
    opened = _open_turn(turns)
    for blocks in opened:
        calls = [block for block in blocks if block["type"] == "tool_use"]
        if any(call["id"].startswith("toolu_T") for call in calls) and not _thought(blocks):
            raise Refused("the thinking that led to a `tool_use` must come back before it")
    if body.get("thinking", {}).get("type") == "enabled" and opened and not _thought(opened[0]):
        raise Refused("Expected `thinking` or `redacted_thinking`, but found `tool_use`.")


def _open_turn(turns: Sequence[tuple[str, list[Json]]]) -> list[list[Json]]:
    """Return the assistant's turns since the user last spoke, if tools have the last word."""
    opened: list[list[Json]] = []
    for place, (role, blocks) in reversed(list(enumerate(turns))):
        if role == "assistant":
            opened.insert(0, blocks)
        elif any(block["type"] != "tool_result" for block in blocks) and place < len(turns) - 1:
            break
        elif all(block["type"] != "tool_result" for block in blocks):
            return []
    return opened


def _thought(blocks: Sequence[Json]) -> bool:
    return blocks[0]["type"] in _THOUGHTS


def _check_schema(value: Any, where: str) -> None:
    for schema in objects_in(value):
        if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
            raise Refused(f"{where}: 'additionalProperties' must be explicitly set to false")
        for name, inner in schema.items():
            if name in _NO_KEYWORDS:
                raise Refused(f"{where}: property '{name}' is not supported")
            _check_schema(list(inner.values()) if name in ("properties", "$defs") else inner, where)
