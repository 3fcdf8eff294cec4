"""Claude's answers as events.

A stream's hot case is a text delta: the frame's name chooses a decoder made for that event, and
one flat struct is filled.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec

from ...domain.conversation import OpaqueItem, Proof, Vendor
from ...domain.dialect import Dialect
from ...domain.errors import ProviderProtocolBroken, StreamCut
from ...domain.events import (
    AnnotationAdded,
    OpaqueItemAdded,
    ReasoningDelta,
    ReasoningFinished,
    ResponseStarted,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from ...domain.json_values import JsonObject
from ..transport.languages import StreamDecoder, WireLanguage
from ..transport.sse import SseFrame
from . import wire
from .endings import UsageSoFar, ending
from .errors import decode_error, decode_error_event

_OPAQUE = "opaque"
_KNOWN = frozenset({"text", "thinking", "redacted_thinking"})

_decode_message = msgspec.json.Decoder(wire.WholeMessage).decode
_decode_start = msgspec.json.Decoder(wire.MessageStart).decode
_decode_block_start = msgspec.json.Decoder(wire.BlockStart).decode
_decode_block = msgspec.json.Decoder(wire.ContentBlock).decode
_decode_value: Callable[[bytes | msgspec.Raw], JsonObject] = msgspec.json.Decoder(
    dict[str, Any]  # Any: JSON, whose own type names itself, which msgspec cannot follow
).decode
_decode_block_delta = msgspec.json.Decoder(wire.BlockDelta).decode
_decode_block_stop = msgspec.json.Decoder(wire.BlockStop).decode
_decode_message_delta = msgspec.json.Decoder(wire.MessageDelta).decode
_decode_type = msgspec.json.Decoder(wire.EventType).decode


def messages_language(model: str, *, opaque: bool = False) -> WireLanguage:
    """Return how the answer of `model` is read.

    `opaque` tells blocks and citations that only callers of Messages understand.
    """
    return WireLanguage(
        partial(decode_whole, model=model, opaque=opaque),
        partial(MessagesStreamDecoder, model, opaque=opaque),
        decode_error,
    )


class MessagesStreamDecoder(StreamDecoder):
    """Turns one stream into events; `model` is the name that was asked, for the proofs."""

    __slots__ = (
        "_blocks", "_calls", "_ending", "_finished",
        "_model", "_opaque", "_started", "_usage",
    )  # fmt: skip

    def __init__(self, model: str, *, opaque: bool = False) -> None:
        self._model = model
        self._opaque = opaque
        self._blocks: dict[int, _Block] = {}
        self._calls = 0
        self._ending = wire.FinalDelta()
        self._usage = UsageSoFar()
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
                self._begin_block(start, events)
            case b"content_block_stop":
                self._end_block(_decode_block_stop(data).index, events)
            case b"message_start":
                message = _decode_start(data).message
                self._started = True
                self._usage.add(message.usage)
                events.append(ResponseStarted(message.id, message.model or self._model))
            case b"message_delta":
                final = _decode_message_delta(data)
                if final.delta.stop_reason is not None:
                    self._ending = final.delta
                self._usage.add(final.usage)
            case b"message_stop":
                for index in tuple(self._blocks):
                    self._end_block(index, events)
                self._finished = True
                events.extend(ending(self._ending, self._usage.total()))
            case b"error":
                raise decode_error_event(data)
            case _:
                pass  # `ping`, and whatever comes to be

    def _begin_block(self, start: wire.BlockStart, events: list[StreamEvent]) -> None:
        content = _read_block(start.content_block)
        block: _Block
        match content.type:
            case "text":
                if content.text:
                    events.append(TextDelta(content.text))
                if self._opaque:
                    events.extend(_cited(content))
                return
            case "tool_use":
                block = _Block("function", self._calls)
                self._calls += 1
                events.append(ToolCallStarted(block.call, content.id, content.name))
                given = _on_one_line(content.input)
                if given != "{}":
                    block.arguments = given
            case "thinking":
                block = _Block("thinking", 0, content.signature)
                if content.thinking:
                    events.append(ReasoningDelta(content.thinking))
            case "redacted_thinking":
                block = _Block("redacted_thinking", 0, content.data)
            case _ if self._opaque:
                block = _Block(_OPAQUE, 0)
                block.value = _decode_value(start.content_block)
            case _:
                return
        self._blocks[start.index] = block

    def _delta(self, index: int, delta: wire.Delta, events: list[StreamEvent]) -> None:
        block = self._blocks.get(index)
        if block is None:
            if self._opaque and delta.citation is not None:
                events.append(AnnotationAdded(delta.citation))
            return
        match delta.type:
            case "input_json_delta":
                if block.kind == "function":
                    if delta.partial_json:
                        block.told = True
                        events.append(ToolCallDelta(block.call, delta.partial_json))
                else:
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
            case "opaque":
                events.append(_opaque(block.value, block.arguments))
            case kind:
                events.append(ReasoningFinished(_proof(self._model, kind, block.proof)))


class _Block:
    """An open block; `call` is the call's index among the calls, not the block's."""

    __slots__ = ("arguments", "call", "kind", "proof", "told", "value")

    def __init__(self, kind: str, call: int, proof: str = "") -> None:
        self.kind = kind
        self.call = call
        self.proof = proof
        self.arguments = ""
        self.told = False
        self.value: JsonObject = {}


def _read_block(raw: msgspec.Raw) -> wire.ContentBlock:
    """Return a block; of one that is not known here only the type counts, whatever it holds."""
    try:
        return _decode_block(raw)
    except msgspec.ValidationError:
        kind = _decode_type(raw).type
        if kind in _KNOWN or kind == "tool_use":
            raise
        return wire.ContentBlock(kind)


def _cited(block: wire.ContentBlock) -> list[AnnotationAdded]:
    return [AnnotationAdded(citation) for citation in block.citations or ()]


def _opaque(value: JsonObject, arguments: str = "") -> OpaqueItemAdded:
    """Return a block of the vendor's own tools, with the input that came behind it."""
    if arguments:
        try:
            value = {**value, "input": _decode_value(arguments.encode())}
        except msgspec.DecodeError as error:
            raise ProviderProtocolBroken(
                "The upstream called a tool of its own without valid JSON.", detail=str(error)
            ) from error
    return OpaqueItemAdded(OpaqueItem(str(value.get("type", "")), value, Dialect.MESSAGES))


def _proof(model: str, kind: str, value: str) -> Proof | None:
    if not value:
        return None
    word = "redacted_thinking" if kind == "redacted_thinking" else "signature"
    return Proof(Vendor.ANTHROPIC, model, word, value)


def _on_one_line(value: msgspec.Raw) -> str:
    """Return the text of `value`; a whole body may be laid out over many lines."""
    text = bytes(value)
    return (msgspec.json.format(text, indent=0) if b"\n" in text else text).decode()


def decode_whole(body: bytes, *, model: str, opaque: bool = False) -> list[StreamEvent]:
    """Return the events of a whole answer; `opaque` as in `messages_language`.

    Raises:
        ProviderProtocolBroken: it is none.
    """
    try:
        message = _decode_message(body)
        events: list[StreamEvent] = [ResponseStarted(message.id, message.model or model)]
        calls = 0
        for raw in message.content:
            block = _read_block(raw)
            if block.type == "tool_use":
                events.extend(_whole_call(block, calls))
                calls += 1
            elif block.type in _KNOWN:
                events.extend(_whole_block(block, model))
                if opaque:
                    events.extend(_cited(block))
            elif opaque:
                events.append(_opaque(_decode_value(raw)))
    except msgspec.DecodeError as error:
        raise ProviderProtocolBroken(
            "The upstream's answer is not a message of the Messages API.", detail=str(error)
        ) from error
    usage = UsageSoFar()
    usage.add(message.usage)
    events.extend(ending(message, usage.total()))
    return events


def _whole_call(block: wire.ContentBlock, index: int) -> list[StreamEvent]:
    arguments = _on_one_line(block.input)
    events: list[StreamEvent] = [ToolCallStarted(index, block.id, block.name)]
    if arguments:
        events.append(ToolCallDelta(index, arguments))
    return events


def _whole_block(block: wire.ContentBlock, model: str) -> list[StreamEvent]:
    if block.type == "text":
        return [TextDelta(block.text)] if block.text else []
    events: list[StreamEvent] = []
    if block.thinking:
        events.append(ReasoningDelta(block.thinking))
    value = block.signature if block.type == "thinking" else block.data
    return [*events, ReasoningFinished(_proof(model, block.type, value))]
