"""What the demo says: the events of an answer, decided by the request alone."""

import json
from collections.abc import Iterator
from typing import assert_never

from ...domain.conversation import (
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
    ToolKind,
    ToolResult,
)
from ...domain.effort import Effort
from ...domain.events import (
    FinishReason,
    ReasoningDelta,
    ReasoningFinished,
    ResponseFinished,
    ResponseStarted,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    Usage,
)
from ...domain.refusals import callable_tools, refused_choice, refused_item, refused_part
from ...domain.request import Generation, JsonText, SchemaText
from ...domain.tools import (
    AllowedTools,
    AnyTool,
    CallableTool,
    CustomTool,
    HostedChoice,
    NamedTool,
    NoTools,
)
from .samples import sample

_CHARACTERS_A_TOKEN = 4
_MOST_PIECES = 1000


def perform(content: Generation, *, response_id: str, model: str) -> list[list[StreamEvent]]:
    """Return the batches of the answer, each what one network read would bring.

    Raises:
        UnsupportedFeature: a schema the demo cannot fill, or what only a vendor could know.
    """
    last = content.items[-1] if content.items else None
    asked = _tokens(sum(len(_said(item)) for item in content.items))
    thought = "Let me think." if content.effort not in (None, Effort.NONE) else ""
    calls = [] if isinstance(last, ToolResult) else _called(content, last)
    batches: list[list[StreamEvent]] = [[ResponseStarted(response_id, model)]]
    choices = range(content.sampling.candidates)
    if thought:
        batches.extend(
            [ReasoningDelta(thought, choice), ReasoningFinished(None, choice)] for choice in choices
        )
    if calls:
        spent, reason = 0, FinishReason.TOOL_CALLS
        for choice in choices:
            for index, (tool, arguments) in enumerate(calls):
                kind: ToolKind = "custom" if isinstance(tool, CustomTool) else "function"
                call_id = f"call_{response_id[-16:]}{choice}{index}"
                start = ToolCallStarted(index, call_id, tool.name, kind, None, choice)
                batches.append([start])
                batches.extend(
                    [ToolCallDelta(index, piece, choice)] for piece in _pieces(arguments)
                )
                spent += _tokens(len(arguments))
    else:
        text, reason = _cut(_text(content, last), content)
        for choice in choices:
            batches.extend([TextDelta(piece, choice)] for piece in _pieces(text))
        spent = _tokens(len(text)) * len(choices)
    thinking = _tokens(len(thought)) * len(choices)
    usage = Usage(asked, spent + thinking, reasoning_tokens=thinking)
    batches.append([ResponseFinished(tuple(reason for _ in choices), usage)])
    return batches


def _called(content: Generation, last: Item | None) -> list[tuple[CallableTool, str]]:
    """Return the tools to call: those the last message names, else the first that may be."""
    choice = content.tool_choice
    tools = list(callable_tools(content.tools))
    if isinstance(choice, HostedChoice):
        raise refused_choice(choice)
    if isinstance(choice, NoTools):
        return []
    if isinstance(choice, NamedTool):
        tools = [tool for tool in tools if tool.name == choice.name]
    elif isinstance(choice, AllowedTools):
        tools = [tool for tool in tools if tool.name in choice.names]
    if not isinstance(choice, AnyTool | NamedTool) and not isinstance(last, Message):
        return []
    said = _said(last) if last is not None else ""
    named = [tool for tool in tools if tool.name in said]
    most = 1 if content.parallel_tool_calls is False else len(tools)
    return [(tool, _arguments(tool)) for tool in (named or tools[:1])[:most]]


def _arguments(tool: CallableTool) -> str:
    if isinstance(tool, CustomTool):
        return "demo"
    return json.dumps(sample(tool.parameters or {"type": "object"}), separators=(",", ":"))


def _text(content: Generation, last: Item | None) -> str:
    wanted = content.output_format
    if isinstance(wanted, SchemaText):
        return json.dumps(sample(wanted.schema), ensure_ascii=False)
    said = _said(last) if last is not None else ""
    if isinstance(wanted, JsonText):
        return json.dumps({"echo": said}, ensure_ascii=False)
    if isinstance(last, ToolResult):
        names = {item.id: item.name for item in content.items if isinstance(item, ToolCall)}
        told = "failed and said" if last.is_error else "answered"
        return f"The tool {names.get(last.call_id, last.call_id)} {told}: {said}"
    return f"You said: {said}" if said else "You said nothing."


def _cut(text: str, content: Generation) -> tuple[str, FinishReason]:
    for stop in content.sampling.stop:
        text = text.partition(stop)[0]
    most = content.max_output_tokens
    if most is not None and _tokens(len(text)) > most:
        return text[: most * _CHARACTERS_A_TOKEN], FinishReason.LENGTH
    return text, FinishReason.STOP


def _said(item: Item) -> str:
    match item:
        case Message() | ToolResult():
            return " ".join(_shown(part) for part in item.parts)
        case ToolCall():
            return item.arguments
        case Reasoning():
            return ""
        case Compaction() | OpaqueItem():
            raise refused_item(item)
        case _:
            assert_never(item)


def _shown(part: Part) -> str:
    match part:
        case Text() | Refusal():
            return part.text
        case ImageUrl() | ImageData():
            return "[an image]"
        case Audio():
            return "[a sound]"
        case FileData() | FileReference():
            return f"[the file {part.filename or 'without a name'}]"
        case ImageReference() | FileUrl() | OpaquePart():
            raise refused_part(part)
        case _:
            assert_never(part)


def _pieces(text: str) -> Iterator[str]:
    """Yield the words of `text`, each with the space behind it; of a long one, many at once."""
    start = 0
    least = len(text) // _MOST_PIECES
    while start < len(text):
        space = text.find(" ", start + least)
        end = len(text) if space < 0 else space + 1
        yield text[start:end]
        start = end


def _tokens(characters: int) -> int:
    return -(-characters // _CHARACTERS_A_TOKEN)
