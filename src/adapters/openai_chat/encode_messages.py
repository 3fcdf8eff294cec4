"""Writes the items of a conversation as chat messages.

Thoughts, words and calls of one assistant turn are one message; each tool result is one of its
own, directly behind, and holds text alone: what else a tool gave was moved behind it before.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias, assert_never

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
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from ...domain.errors import UnsupportedFeature
from ...domain.refusals import refuse_failure, refused_item, refused_part
from .spelling import Spelling, encode_mark

Wire: TypeAlias = dict[str, object]


def encode_messages(items: Iterable[Item], spelling: Spelling) -> list[Wire]:
    """Return the messages.

    Raises:
        UnsupportedFeature: a part that a message of its role cannot hold.
    """
    writer = _Writer(spelling)
    for item in items:
        match item:
            case Message(Role.ASSISTANT):
                writer.add_words(item)
            case Message():
                writer.add_message(item)
            case Reasoning():
                writer.add_thoughts(item)
            case ToolCall():
                writer.add_call(item)
            case ToolResult():
                writer.add_result(item)
            case Compaction() | OpaqueItem():
                raise refused_item(item)
            case _:
                assert_never(item)
    return writer.close()


class _Turn:
    """An assistant message in the making."""

    __slots__ = ("calls", "name", "parts", "spoke", "thoughts")

    def __init__(self) -> None:
        self.thoughts: list[str] = []
        self.parts: list[Part] = []
        self.calls: list[Wire] = []
        self.name: str | None = None
        self.spoke = False

    def encode(self) -> Wire | None:
        if not (self.spoke or self.calls):
            return None  # thoughts alone are no message
        message: Wire = {"role": "assistant"}
        if all(isinstance(part, Refusal) for part in self.parts):
            message["content"] = None if self.parts or self.calls else ""
            if self.parts:
                message["refusal"] = "".join(_words(part) for part in self.parts)
        else:
            message["content"] = _encode_parts(self.parts, _encode_assistant_part)
        if self.name is not None:
            message["name"] = self.name
        if self.thoughts:
            message["reasoning_content"] = "".join(self.thoughts)
        if self.calls:
            message["tool_calls"] = self.calls
        return message


class _Writer:
    def __init__(self, spelling: Spelling) -> None:
        self._spelling = spelling
        self._messages: list[Wire] = []
        self._turn: _Turn | None = None

    def add_message(self, message: Message) -> None:
        self._end_turn()
        role = message.role
        if role is Role.DEVELOPER and not self._spelling.developer_role:
            role = Role.SYSTEM
        encode = _encode_user_part if role is Role.USER else _encode_instruction
        wire: Wire = {"role": role.value, "content": _encode_parts(message.parts, encode)}
        if message.name is not None:
            wire["name"] = message.name
        self._messages.append(wire)

    def add_thoughts(self, thoughts: Reasoning) -> None:
        turn = self._open_turn()
        if turn.spoke and not turn.calls:
            turn = self._next_turn()
        proof = thoughts.proof
        if proof is not None and proof.vendor is self._spelling.proofs:
            turn.thoughts.append(proof.value)
        elif proof is None and self._spelling.echo_reasoning:
            turn.thoughts.append(thoughts.text)

    def add_words(self, message: Message) -> None:
        turn = self._open_turn()
        if turn.spoke and not turn.calls:
            turn = self._next_turn()
        turn.spoke = True
        turn.name = message.name or turn.name
        turn.parts.extend(message.parts)

    def add_call(self, call: ToolCall) -> None:
        wire: Wire
        if call.kind == "custom":
            custom = {"name": call.name, "input": call.arguments}
            wire = {"id": call.id, "type": "custom", "custom": custom}
        else:
            function = {"name": call.name, "arguments": call.arguments or "{}"}
            wire = {"id": call.id, "type": "function", "function": function}
        self._open_turn().calls.append(wire)

    def add_result(self, result: ToolResult) -> None:
        self._end_turn()
        refuse_failure(result)
        self._messages.append(
            {
                "role": "tool",
                "tool_call_id": result.call_id,
                "content": _encode_parts(result.parts, _encode_result_part),
            }
        )

    def close(self) -> list[Wire]:
        self._end_turn()
        return self._messages

    def _open_turn(self) -> _Turn:
        if self._turn is None:
            self._turn = _Turn()
        return self._turn

    def _next_turn(self) -> _Turn:
        self._end_turn()
        return self._open_turn()

    def _end_turn(self) -> None:
        turn, self._turn = self._turn, None
        message = turn.encode() if turn is not None else None
        if message is not None:
            self._messages.append(message)


def _encode_parts(parts: Sequence[Part], encode: Callable[[Part], Wire]) -> str | list[Wire]:
    if not parts:
        return ""
    match parts:
        case (Text(text, cache=None),):
            return text
        case _:
            return [_marked(encode(part), part) for part in parts]


def _marked(wire: Wire, part: Part) -> Wire:
    """Return `wire` with the part's cache mark, where it has one."""
    if isinstance(part, Refusal | Audio | OpaquePart) or part.cache is None:
        return wire
    return {**wire, "prompt_cache_breakpoint": encode_mark(part.cache)}


def _encode_user_part(part: Part) -> Wire:
    match part:
        case Text(text):
            return {"type": "text", "text": text}
        case ImageUrl(url, detail):
            if not url.startswith(("http://", "https://", "data:")):
                raise UnsupportedFeature(
                    "The model takes images by http or https address, or by value.",
                    param="messages",
                )
            return _encode_image(url, detail)
        case ImageData(media_type, data, detail):
            return _encode_image(f"data:{media_type};base64,{data}", detail)
        case Audio(data, sound):
            return {"type": "input_audio", "input_audio": {"data": data, "format": sound}}
        case FileData(media_type, data, filename):
            # A file by value needs a name.
            name = filename or f"document.{media_type.rpartition('/')[2]}"
            file = {"filename": name, "file_data": f"data:{media_type};base64,{data}"}
            return {"type": "file", "file": file}
        case FileReference(file_id):
            return {"type": "file", "file": {"file_id": file_id}}
        case ImageReference() | FileUrl() | OpaquePart():
            raise refused_part(part)
        case Refusal():
            raise UnsupportedFeature("Only the assistant can refuse.", param="messages")
        case _:
            assert_never(part)


def _encode_image(url: str, detail: str | None) -> Wire:
    image = {"url": url} if detail is None else {"url": url, "detail": detail}
    return {"type": "image_url", "image_url": image}


def _encode_instruction(part: Part) -> Wire:
    if not isinstance(part, Text):
        raise UnsupportedFeature("System messages hold text alone.", param="messages")
    return {"type": "text", "text": part.text}


def _encode_result_part(part: Part) -> Wire:
    if not isinstance(part, Text):
        raise UnsupportedFeature("Tool results hold text alone.", param="messages")
    return {"type": "text", "text": part.text}


def _encode_assistant_part(part: Part) -> Wire:
    if isinstance(part, Refusal):
        return {"type": "refusal", "refusal": part.text}
    if not isinstance(part, Text):
        raise UnsupportedFeature("Assistant messages hold text alone.", param="messages")
    return {"type": "text", "text": part.text}


def _words(part: Part) -> str:
    return part.text if isinstance(part, Refusal) else ""
