"""A coding agent as it speaks Messages: a request of some 40 KB, and its loop with the tools.

The request has what such agents send: a long system prompt and two dozen tools with cache marks,
context management under a beta header, a thinking budget. The loop answers every call until the
model stops, each turn streamed through the official SDK.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

import anthropic

# Any: JSON as the SDK takes it.
Json = dict[str, Any]

BETA: Final = "context-management-2025-06-27,interleaved-thinking-2025-05-14"
_MARK: Final[Json] = {"type": "ephemeral"}
_RULES: Final = (
    "Work in small steps. Read a file before you change it. Say what you did in one sentence. "
)
_VERBS: Final = ("read", "write", "search", "list", "move", "run", "watch", "format")
_THINGS: Final = ("file", "folder", "process")


def tools() -> list[Json]:
    """Return two dozen tools, the last of them marked."""
    made: list[Json] = [
        {
            "name": f"{verb}_{thing}",
            "description": f"Can {verb} a {thing}. " + _RULES * 13,
            "input_schema": {
                "type": "object",
                "properties": {
                    "path": {"type": "string", "description": f"Which {thing}."},
                    "limit": {"type": "integer", "minimum": 1, "maximum": 2000},
                },
                "required": ["path"],
            },
        }
        for verb in _VERBS
        for thing in _THINGS
    ]
    made[-1]["cache_control"] = _MARK
    return made


def request(model: str, messages: Sequence[Json]) -> Json:
    """Return the body of one turn."""
    return {
        "model": model,
        "max_tokens": 32_000,
        "thinking": {"type": "enabled", "budget_tokens": 8000},
        "system": [
            {"type": "text", "text": "You are a coding agent."},
            {"type": "text", "text": _RULES * 60, "cache_control": {**_MARK, "ttl": "1h"}},
        ],
        "tools": tools(),
        "messages": list(messages),
        "metadata": {"user_id": "user_7_session_9"},
        "context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]},
    }


@dataclass(slots=True)
class Run:
    """What a loop saw: the pieces as they arrived, and the final messages."""

    turns: list[anthropic.types.Message] = field(default_factory=list[anthropic.types.Message])
    pieces: list[str] = field(default_factory=list[str])
    adjusted: list[str] = field(default_factory=list[str])

    @property
    def calls(self) -> list[str]:
        return [
            block.name for turn in self.turns for block in turn.content if block.type == "tool_use"
        ]

    @property
    def text(self) -> str:
        return "".join(block.text for block in self.turns[-1].content if block.type == "text")


def work(client: anthropic.Anthropic, model: str, task: str, *, most_turns: int = 6) -> Run:
    """Give the agent a task; return when the model has no more calls."""
    run = Run()
    messages: list[Json] = [{"role": "user", "content": [{"type": "text", "text": task}]}]
    for _ in range(most_turns):
        body = request(model, messages)
        beta = {"anthropic-beta": BETA}
        managed = {"context_management": body.pop("context_management")}
        with client.messages.stream(**body, extra_body=managed, extra_headers=beta) as stream:
            for event in stream:
                _note(run, event)
            final = stream.get_final_message()
        run.adjusted.append(stream.response.headers.get("x-modelmux-adjusted", ""))
        run.turns.append(final)
        # As it came, byte for byte: signatures hold for nothing else.
        said = [block.model_dump(mode="json", exclude_unset=True) for block in final.content]
        messages.append({"role": "assistant", "content": said})
        results = [
            _result(block.id, block.name) for block in final.content if block.type == "tool_use"
        ]
        if not results:
            return run
        messages.append({"role": "user", "content": results})
    raise AssertionError(f"the model went on after {most_turns} turns")


def _result(id_: str, name: str) -> Json:
    text: Json = {"type": "text", "text": f"{name} is done", "cache_control": _MARK}
    return {"type": "tool_result", "tool_use_id": id_, "content": [text]}


def _note(run: Run, event: object) -> None:
    # cast: the SDK's union of events has a dozen members, of which two matter here
    kind = cast("str", getattr(event, "type", ""))
    if kind == "content_block_start":
        block = cast("anthropic.types.RawContentBlockStartEvent", event).content_block
        name = f" {block.name}" if block.type == "tool_use" else ""
        run.pieces.append(f"[{block.type}{name}]")
    elif kind == "content_block_delta":
        delta = cast("anthropic.types.RawContentBlockDeltaEvent", event).delta.model_dump()
        run.pieces.append(_piece(delta))
    elif kind == "message_stop":
        run.pieces.append("\n")


def _piece(delta: Mapping[str, Any]) -> str:
    match delta["type"]:
        case "text_delta":
            return f"{delta['text']}|"
        case "thinking_delta":
            return f"{delta['thinking']}|"
        case "input_json_delta":
            return f"{delta['partial_json']}|"
        case "signature_delta":
            return f"(signature {delta['signature'][:5]}...)"
        case other:
            return f"({other})"


def size_bytes(model: str) -> int:
    """Return how large the first request is."""
    return len(json.dumps(request(model, [])))
