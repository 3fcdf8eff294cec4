"""Claude's answers as events.

A stream's hot case is a text delta: the frame's name chooses a decoder made for that event, and
one flat struct is filled.
"""

from collections.abc import Collection, Sequence
from functools import partial

import msgspec

from ...domain.conversation import Proof, Vendor
from ...domain.errors import ProviderProtocolBroken, StreamCut
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
from ...domain.request import Generation
from ...domain.tools import CustomTool
from ..transport.answers import StreamDecoder, WireLanguage
from ..transport.sse import SseFrame
from . import wire
from .errors import decode_error, decode_error_event

_REASONS = {
    "end_turn": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    # Only tools run by the vendor pause a turn, and we send none.
    "pause_turn": FinishReason.STOP,
    "tool_use": FinishReason.TOOL_CALLS,
    "max_tokens": FinishReason.LENGTH,
    "model_context_window_exceeded": FinishReason.LENGTH,
    "refusal": FinishReason.CONTENT_FILTER,
}
NO_CUSTOM_TOOLS: frozenset[str] = frozenset()

_decode_message = msgspec.json.Decoder(wire.WholeMessage).decode
_decode_start = msgspec.json.Decoder(wire.MessageStart).decode
_decode_block_start = msgspec.json.Decoder(wire.BlockStart).decode
_decode_block_delta = msgspec.json.Decoder(wire.BlockDelta).decode
_decode_block_stop = msgspec.json.Decoder(wire.BlockStop).decode
_decode_message_delta = msgspec.json.Decoder(wire.MessageDelta).decode
_decode_type = msgspec.json.Decoder(wire.EventType).decode
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_text = msgspec.json.Decoder(str).decode


def messages_language(model: str, content: Generation) -> WireLanguage:
    """Return how the answer to `content`, asked of `model`, is read."""
    custom = frozenset(tool.name for tool in content.tools if isinstance(tool, CustomTool))
    return WireLanguage(
        partial(decode_whole, model=model, custom_tools=custom),
        partial(MessagesStreamDecoder, model, custom),
        decode_error,
    )


def decode_reason(stop_reason: str | None) -> FinishReason:
    return _REASONS.get(stop_reason or "", FinishReason.OTHER)


class MessagesStreamDecoder(StreamDecoder):
    """Turns one stream into events; `model` is the name that was asked, for the proofs."""

    __slots__ = (
        "_blocks", "_calls", "_custom_tools", "_finished",
        "_model", "_reason", "_started", "_usage",
    )  # fmt: skip

    def __init__(self, model: str, custom_tools: Collection[str] = NO_CUSTOM_TOOLS) -> None:
        self._model = model
        self._custom_tools = custom_tools
        self._blocks: dict[int, _Block] = {}
        self._calls = 0
        self._reason: str | None = None
        self._usage = _UsageSoFar()
        self._started = False
        self._finished = False

    def feed(self, frames: Sequence[SseFrame]) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        append = events.append
        try:
            for name, data in frames:
                if self._finished:
                    break
                if not name:
                    # A server that leaves the names out still has the type in the data.
                    name = _decode_type(data).type.encode()
                if name == b"content_block_delta":
                    delta = _decode_block_delta(data)
                    body = delta.delta
                    if body.type == "text_delta":
                        if body.text:
                            append(TextDelta(body.text))
                    else:
                        self._delta(delta.index, body, events)
                else:
                    self._other(name, data, events)
        except msgspec.DecodeError as error:
            raise ProviderProtocolBroken(
                "The upstream sent an event that is not of the Messages API.", detail=str(error)
            ) from error
        if events and not self._started:
            raise ProviderProtocolBroken("The upstream's answer does not begin with its start.")
        return events

    def close(self) -> list[StreamEvent]:
        if self._finished:
            return []
        if self._started:
            raise StreamCut("The upstream's answer ended before it was finished.")
        raise ProviderProtocolBroken("The upstream's answer is empty.")

    def _other(self, name: bytes, data: bytes, events: list[StreamEvent]) -> None:
        match name:
            case b"content_block_start":
                start = _decode_block_start(data)
                self._begin_block(start.index, start.content_block, events)
            case b"content_block_stop":
                self._end_block(_decode_block_stop(data).index, events)
            case b"message_start":
                message = _decode_start(data).message
                self._started = True
                self._usage.add(message.usage)
                events.append(ResponseStarted(message.id, message.model or self._model))
            case b"message_delta":
                final = _decode_message_delta(data)
                self._reason = final.delta.stop_reason or self._reason
                self._usage.add(final.usage)
            case b"message_stop":
                for index in tuple(self._blocks):
                    self._end_block(index, events)
                self._finished = True
                events.append(ResponseFinished((decode_reason(self._reason),), self._usage.total()))
            case b"error":
                raise decode_error_event(data)
            case _:
                pass  # `ping`, and whatever comes to be

    def _begin_block(
        self, index: int, content: wire.ContentBlock, events: list[StreamEvent]
    ) -> None:
        block: _Block
        match content.type:
            case "text":
                if content.text:
                    events.append(TextDelta(content.text))
                return
            case "tool_use":
                custom = content.name in self._custom_tools
                block = _Block("custom" if custom else "function", self._calls)
                self._calls += 1
                events.append(
                    ToolCallStarted(
                        block.call, content.id, content.name, "custom" if custom else "function"
                    )
                )
                given = _on_one_line(content.input)
                if given != "{}":
                    block.arguments = given
            case "thinking":
                block = _Block("thinking", 0, content.signature)
                if content.thinking:
                    events.append(ReasoningDelta(content.thinking))
            case "redacted_thinking":
                block = _Block("redacted_thinking", 0, content.data)
            case _:
                return
        self._blocks[index] = block

    def _delta(self, index: int, delta: wire.Delta, events: list[StreamEvent]) -> None:
        block = self._blocks.get(index)
        if block is None:
            return
        match delta.type:
            case "input_json_delta":
                if block.kind == "function":
                    if delta.partial_json:
                        block.told = True
                        events.append(ToolCallDelta(block.call, delta.partial_json))
                else:
                    # Text inside JSON: the escapes cannot be undone piece by piece.
                    block.arguments += delta.partial_json
            case "thinking_delta":
                if delta.thinking:
                    events.append(ReasoningDelta(delta.thinking))
            case "signature_delta":
                block.proof = delta.signature
            case _:
                pass

    def _end_block(self, index: int, events: list[StreamEvent]) -> None:
        block = self._blocks.pop(index, None)
        if block is None:
            return
        match block.kind:
            case "function":
                if not block.told:
                    events.append(ToolCallDelta(block.call, block.arguments or "{}"))
            case "custom":
                text = decode_custom_input(block.arguments)
                if text:
                    events.append(ToolCallDelta(block.call, text))
            case kind:
                events.append(ReasoningFinished(_proof(self._model, kind, block.proof)))


class _Block:
    """An open block; `call` is the call's index among the calls, not the block's."""

    __slots__ = ("arguments", "call", "kind", "proof", "told")

    def __init__(self, kind: str, call: int, proof: str = "") -> None:
        self.kind = kind
        self.call = call
        self.proof = proof
        self.arguments = ""
        self.told = False


class _UsageSoFar:
    """The latest of each figure: the last event's are cumulative, and not all are repeated."""

    __slots__ = ("_known", "cache_read", "cache_write", "input", "output", "thinking")

    def __init__(self) -> None:
        self.input = self.output = self.cache_read = self.cache_write = self.thinking = 0
        self._known = False

    def add(self, usage: wire.WireUsage | None) -> None:
        if usage is None:
            return
        self._known = True
        if usage.input_tokens is not None:
            self.input = usage.input_tokens
        if usage.output_tokens is not None:
            self.output = usage.output_tokens
        if usage.cache_read_input_tokens is not None:
            self.cache_read = usage.cache_read_input_tokens
        if usage.cache_creation_input_tokens is not None:
            self.cache_write = usage.cache_creation_input_tokens
        details = usage.output_tokens_details
        if details is not None and details.thinking_tokens is not None:
            self.thinking = details.thinking_tokens

    def total(self) -> Usage | None:
        """Return OpenAI's figures: theirs leave cache reads and writes out of the input."""
        if not self._known:
            return None
        return Usage(
            self.input + self.cache_read + self.cache_write,
            self.output,
            self.cache_read,
            self.cache_write,
            self.thinking,
        )


def _proof(model: str, kind: str, value: str) -> Proof | None:
    if not value:
        return None
    word = "redacted_thinking" if kind == "redacted_thinking" else "signature"
    return Proof(Vendor.ANTHROPIC, model, word, value)


def decode_custom_input(arguments: str) -> str:
    """Return the text for a custom tool out of the object the model filled in."""
    try:
        return _decode_text(_decode_object(arguments)["input"])
    except (msgspec.DecodeError, KeyError):
        return arguments


def _on_one_line(value: msgspec.Raw) -> str:
    """Return the text of `value`; a whole body may be laid out over many lines."""
    text = bytes(value)
    return (msgspec.json.format(text, indent=0) if b"\n" in text else text).decode()


def decode_whole(
    body: bytes, *, model: str, custom_tools: Collection[str] = NO_CUSTOM_TOOLS
) -> list[StreamEvent]:
    """Return the events of a whole answer.

    Raises:
        ProviderProtocolBroken: it is none.
    """
    try:
        message = _decode_message(body)
    except msgspec.DecodeError as error:
        raise ProviderProtocolBroken(
            "The upstream's answer is not a message of the Messages API.", detail=str(error)
        ) from error
    events: list[StreamEvent] = [ResponseStarted(message.id, message.model or model)]
    calls = 0
    for block in message.content:
        match block.type:
            case "text":
                if block.text:
                    events.append(TextDelta(block.text))
            case "tool_use":
                arguments = _on_one_line(block.input)
                if block.name in custom_tools:
                    events.append(ToolCallStarted(calls, block.id, block.name, "custom"))
                    arguments = decode_custom_input(arguments)
                else:
                    events.append(ToolCallStarted(calls, block.id, block.name))
                if arguments:
                    events.append(ToolCallDelta(calls, arguments))
                calls += 1
            case "thinking" | "redacted_thinking" as kind:
                if block.thinking:
                    events.append(ReasoningDelta(block.thinking))
                value = block.signature if kind == "thinking" else block.data
                events.append(ReasoningFinished(_proof(model, kind, value)))
            case _:
                pass
    usage = _UsageSoFar()
    usage.add(message.usage)
    events.append(ResponseFinished((decode_reason(message.stop_reason),), usage.total()))
    return events
