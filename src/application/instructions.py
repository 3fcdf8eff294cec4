"""What a model is told in words where its provider has no switch for it."""

import json
from collections.abc import Sequence

from ..domain.request import SchemaText
from ..domain.tools import AllowedTools, NamedTool, ToolChoice


def for_choice(choice: ToolChoice) -> str:
    """Return the words that ask for a tool call."""
    match choice:
        case NamedTool():
            return f"Answer by calling the tool {choice.name}, and only that tool."
        case AllowedTools():
            return f"Answer by calling one of these tools: {', '.join(choice.names)}."
        case _:
            return "Answer by calling at least one of the tools."


def for_json() -> str:
    """Return the words that ask for a JSON object."""
    return "Answer with one JSON object and nothing else: no prose, no code fence."


def for_schema(wanted: SchemaText) -> str:
    """Return the words that ask for JSON of a schema."""
    schema = json.dumps(wanted.schema, ensure_ascii=False, separators=(",", ":"))
    purpose = f" {wanted.description}" if wanted.description else ""
    return (
        f"{for_json()} The object must be valid for this JSON Schema, called {wanted.name}."
        f"{purpose}\n{schema}"
    )


def for_repair(faults: Sequence[str]) -> str:
    """Return the words that ask for an answer once more, without its faults."""
    listed = "\n".join(f"- {fault}" for fault in faults)
    return (
        f"Your answer is not valid for the JSON Schema that was asked for:\n{listed}\n"
        "Give the whole answer again, corrected, and nothing else."
    )
