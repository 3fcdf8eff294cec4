"""Writes the items of a conversation as Cohere's messages.

Thoughts, words and calls of one assistant turn are one message; the thoughts before its calls are
its plan. A tool message holds text alone: what else a tool gave was moved behind it before.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from msgspec import UNSET

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
from ...domain.errors import InvalidRequest, UnsupportedFeature
from ...domain.refusals import refuse_failure, refused_item, refused_part
from ..calls.arguments import encode_arguments
from . import wire

_PARAM = "messages"


def encode_messages(items: Iterable[Item]) -> list[wire.ChatMessage]:
    """Return the messages.

    Raises:
        InvalidRequest: nothing is said in them.
        UnsupportedFeature: a part that a message of its role cannot hold.
    """
    writer = _Writer()
    for item in items:
        match item:
            case Message(role=Role.ASSISTANT):
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
    messages = writer.close()
    if not messages:
        raise InvalidRequest("The conversation has no content.", param=_PARAM)
    return messages


@dataclass(slots=True)
class _Turn:
    """An assistant message in the making."""

    thoughts: list[str] = field(default_factory=list[str])
    texts: list[str] = field(default_factory=list[str])
    calls: list[wire.ToolCalled] = field(default_factory=list[wire.ToolCalled])

    def encode(self) -> wire.AssistantMessage | None:
        if not self.texts and not self.calls:
            return None  # thoughts alone are no message
        return wire.AssistantMessage(
            _content([wire.TextBlock(text) for text in self.texts]) if self.texts else UNSET,
            "\n\n".join(self.thoughts) if self.thoughts and self.calls else UNSET,
            self.calls or UNSET,
        )


@dataclass(slots=True)
class _Writer:
    messages: list[wire.ChatMessage] = field(default_factory=list[wire.ChatMessage])
    turn: _Turn | None = None

    def add_message(self, message: Message) -> None:
        self._end_turn()
        if message.role is Role.USER:
            blocks = [_user_block(part) for part in message.parts if not _is_blank(part)]
            self.messages.append(wire.UserMessage(_content(blocks)))
            return
        texts = _texts(message.parts, f"{message.role} messages")
        if texts:
            self.messages.append(wire.SystemMessage(_content([wire.TextBlock(t) for t in texts])))

    def add_thoughts(self, thoughts: Reasoning) -> None:
        turn = self._open_turn()
        if turn.texts and not turn.calls:
            self._end_turn()
            turn = self._open_turn()
        # A proof is for its maker: what he lets nobody else read is not told here either.
        if thoughts.proof is None and thoughts.text:
            turn.thoughts.append(thoughts.text)

    def add_words(self, message: Message) -> None:
        turn = self._open_turn()
        if turn.texts and not turn.calls:
            self._end_turn()
            turn = self._open_turn()
        turn.texts.extend(_texts(message.parts, "assistant messages"))

    def add_call(self, call: ToolCall) -> None:
        self._open_turn().calls.append(
            wire.ToolCalled(
                call.id, wire.FunctionCalled(call.name, encode_arguments(call).decode())
            )
        )

    def add_result(self, result: ToolResult) -> None:
        self._end_turn()
        refuse_failure(result)
        texts = _texts(result.parts, "tool results")
        self.messages.append(
            wire.ToolMessage(result.call_id, _content([wire.TextBlock(text) for text in texts]))
        )

    def close(self) -> list[wire.ChatMessage]:
        self._end_turn()
        return self.messages

    def _open_turn(self) -> _Turn:
        if self.turn is None:
            self.turn = _Turn()
        return self.turn

    def _end_turn(self) -> None:
        turn, self.turn = self.turn, None
        message = turn.encode() if turn is not None else None
        if message is not None:
            self.messages.append(message)


def _content(blocks: Sequence[wire.TextBlock | wire.ImageBlock]) -> wire.Content:
    if not blocks:
        return ""
    if len(blocks) == 1 and isinstance(blocks[0], wire.TextBlock):
        return blocks[0].text
    return list(blocks)


def _user_block(part: Part) -> wire.TextBlock | wire.ImageBlock:
    match part:
        case Text() | Refusal():
            return wire.TextBlock(part.text)
        case ImageUrl() | ImageData():
            return _image_block(part)
        case Audio():
            raise UnsupportedFeature("The model takes no audio input.", param=_PARAM)
        case FileData():
            raise UnsupportedFeature("The model takes no file input.", param=_PARAM)
        case ImageReference() | FileReference() | FileUrl() | OpaquePart():
            raise refused_part(part)
        case _:
            assert_never(part)


def _image_block(image: ImageUrl | ImageData) -> wire.ImageBlock:
    if isinstance(image, ImageData):
        url = f"data:{image.media_type};base64,{image.data}"
    else:
        url = image.url
        if not url.startswith(("http://", "https://", "data:")):
            raise UnsupportedFeature(
                "The model takes images by http or https address, or by value.", param=_PARAM
            )
    return wire.ImageBlock(wire.ImageAddress(url, image.detail or UNSET))


def _texts(parts: Iterable[Part], where: str) -> list[str]:
    texts: list[str] = []
    for part in parts:
        if not isinstance(part, Text | Refusal):
            raise UnsupportedFeature(f"The model takes only text in {where}.", param=_PARAM)
        if part.text:
            texts.append(part.text)
    return texts


def _is_blank(part: Part) -> bool:
    return isinstance(part, Text | Refusal) and not part.text
