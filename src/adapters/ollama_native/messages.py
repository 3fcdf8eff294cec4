"""Writes the items of a conversation as Ollama's messages.

Thoughts, words and calls of one assistant turn are one message. Results bear no ids: they are told
apart by the tool's name and their order, so they follow in the order of the calls. A tool message
holds text alone: what else a tool gave was moved behind it before.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import assert_never

from msgspec import UNSET, Raw

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


def encode_messages(items: Iterable[Item]) -> list[wire.Message]:
    """Return the messages.

    Raises:
        InvalidRequest: nothing is said in them, or a result answers no call.
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
    calls: list[ToolCall] = field(default_factory=list[ToolCall])

    def encode(self) -> wire.Message | None:
        if not self.texts and not self.calls:
            return None  # thoughts alone are no message
        return wire.Message(
            "assistant",
            "\n\n".join(self.texts),
            "\n\n".join(self.thoughts) or UNSET,
            tool_calls=[_call(call) for call in self.calls] or UNSET,
        )


@dataclass(slots=True)
class _Writer:
    """`names` are the tools of all calls; `order` the calls of the turn that is answered."""

    messages: list[wire.Message] = field(default_factory=list[wire.Message])
    turn: _Turn | None = None
    names: dict[str, str] = field(default_factory=dict[str, str])
    order: list[str] = field(default_factory=list[str])
    results: dict[str, wire.Message] = field(default_factory=dict[str, wire.Message])

    def add_message(self, message: Message) -> None:
        self._end_turn()
        self._end_results()
        if message.role is Role.USER:
            self.messages.append(_asked(message.parts))
            return
        texts = _texts(message.parts, f"{message.role} messages")
        if texts:
            self.messages.append(wire.Message("system", "\n\n".join(texts)))

    def add_thoughts(self, thoughts: Reasoning) -> None:
        turn = self._next_turn()
        # A proof is for its maker: what he lets nobody else read is not told here either.
        if thoughts.proof is None and thoughts.text:
            turn.thoughts.append(thoughts.text)

    def add_words(self, message: Message) -> None:
        self._next_turn().texts.extend(_texts(message.parts, "assistant messages"))

    def add_call(self, call: ToolCall) -> None:
        self._open_turn().calls.append(call)
        self.names[call.id] = call.name

    def add_result(self, result: ToolResult) -> None:
        self._end_turn()
        name = self.names.get(result.call_id)
        if name is None:
            raise InvalidRequest(
                f"The tool result {result.call_id[:200]!r} answers no call before it.",
                param=_PARAM,
            )
        if result.call_id in self.results:
            raise InvalidRequest(
                f"Two tool results answer the call {result.call_id[:200]!r}.", param=_PARAM
            )
        refuse_failure(result)
        content = "\n\n".join(_texts(result.parts, "tool results"))
        self.results[result.call_id] = wire.Message("tool", content, tool_name=name)

    def close(self) -> list[wire.Message]:
        self._end_turn()
        self._end_results()
        return self.messages

    def _open_turn(self) -> _Turn:
        if self.turn is None:
            self._end_results()
            self.turn = _Turn()
        return self.turn

    def _next_turn(self) -> _Turn:
        """Return the turn that is open, or another if that has spoken and called nothing."""
        turn = self._open_turn()
        if turn.texts and not turn.calls:
            self._end_turn()
            turn = self._open_turn()
        return turn

    def _end_turn(self) -> None:
        turn, self.turn = self.turn, None
        if turn is None:
            return
        message = turn.encode()
        if message is not None:
            self.messages.append(message)
        self.order = [call.id for call in turn.calls]

    def _end_results(self) -> None:
        results = self.results
        for call_id in self.order:
            if call_id in results:
                self.messages.append(results.pop(call_id))
        self.messages.extend(results.values())
        results.clear()


def _asked(parts: Iterable[Part]) -> wire.Message:
    texts: list[str] = []
    images: list[str] = []
    for part in parts:
        match part:
            case Text() | Refusal():
                if part.text:
                    texts.append(part.text)
            case ImageData():
                images.append(part.data)
            case ImageUrl():
                raise UnsupportedFeature("The model takes no images by URL.", param=_PARAM)
            case Audio():
                raise UnsupportedFeature("The model takes no audio input.", param=_PARAM)
            case FileData():
                raise UnsupportedFeature("The model takes no file input.", param=_PARAM)
            case ImageReference() | FileReference() | FileUrl() | OpaquePart():
                raise refused_part(part)
            case _:
                assert_never(part)
    return wire.Message("user", "\n\n".join(texts), images=images or UNSET)


def _call(call: ToolCall) -> wire.ToolCalled:
    return wire.ToolCalled(wire.FunctionCalled(call.name, Raw(encode_arguments(call))))


def _texts(parts: Iterable[Part], where: str) -> list[str]:
    texts: list[str] = []
    for part in parts:
        if not isinstance(part, Text | Refusal):
            raise UnsupportedFeature(f"The model takes only text in {where}.", param=_PARAM)
        if part.text:
            texts.append(part.text)
    return texts
