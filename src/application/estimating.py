"""An estimate of a request's tokens, for targets without a counter of their own.

Tokenizers differ by some 30 per cent on the same text; what is told as an estimate is no better.
"""

import json

from ..domain.conversation import (
    Audio,
    Compaction,
    FileData,
    FileReference,
    FileUrl,
    ImageData,
    ImageReference,
    ImageUrl,
    Item,
    Message,
    OpaqueItem,
    OpaquePart,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from ..domain.request import Generation, SchemaText
from ..domain.tools import (
    BuiltinTool,
    CustomTool,
    FunctionTool,
    HostedTool,
    ToolDefinition,
    ToolNamespace,
)

# English prose has about four letters a token; what is not ASCII about one and a half.
_ASCII_A_TOKEN = 4
_OTHERS_A_TOKEN = 1.5
_AN_ITEM = 4
_AN_IMAGE = 1000
_BASE64_A_TOKEN = 16


def estimate_tokens(content: Generation) -> int:
    """Return about how many input tokens `content` is."""
    tokens = 3.0 + sum(_of_item(item) for item in content.items)
    tokens += sum(_of_tool(tool) for tool in content.tools)
    if content.instructions:
        tokens += _AN_ITEM + _of_text(content.instructions)
    if isinstance(content.output_format, SchemaText):
        tokens += _of_text(json.dumps(content.output_format.schema))
    return round(tokens)


def _of_text(text: str) -> float:
    if text.isascii():
        return len(text) / _ASCII_A_TOKEN
    plain = sum(letter < "\x80" for letter in text)
    return plain / _ASCII_A_TOKEN + (len(text) - plain) / _OTHERS_A_TOKEN


def _of_item(item: Item) -> float:
    match item:
        case Message() | ToolResult():
            return _AN_ITEM + sum(_of_part(part) for part in item.parts)
        case Reasoning():
            return _AN_ITEM + _of_text(item.text)
        case ToolCall():
            return _AN_ITEM + _of_text(item.name) + _of_text(item.arguments)
        case Compaction():
            return _AN_ITEM + _of_text(item.summary)
        case OpaqueItem():
            return _AN_ITEM + _of_text(json.dumps(item.value))


def _of_part(part: Part) -> float:
    match part:
        case Text() | Refusal():
            return _of_text(part.text)
        case ImageUrl() | ImageData() | ImageReference() | FileReference() | FileUrl():
            return _AN_IMAGE
        case Audio() | FileData():
            return len(part.data) / _BASE64_A_TOKEN
        case OpaquePart():
            return _of_text(json.dumps(part.value))


def _of_tool(tool: ToolDefinition) -> float:
    match tool:
        case FunctionTool():
            schema = json.dumps(tool.parameters) if tool.parameters else ""
            return 8 + _of_text(f"{tool.name}{tool.description or ''}{schema}")
        case CustomTool():
            grammar = tool.grammar.definition if tool.grammar else ""
            return 8 + _of_text(f"{tool.name}{tool.description or ''}{grammar}")
        case ToolNamespace():
            return _of_text(tool.description or "") + sum(_of_tool(inner) for inner in tool.tools)
        case HostedTool() | BuiltinTool():
            return 8 + _of_text(json.dumps(tool.value))
