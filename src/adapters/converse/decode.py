"""Converse's answers as events. Source: the service model bedrock-runtime 2023-09-30.

A stream's hot case is a delta of text: its message's headers are looked up, and one flat struct is
filled. Blocks of text and thoughts have no start of their own: their first delta opens them.
"""

from functools import partial
from typing import Literal, TypeAlias, assert_never

import msgspec

from ...domain.errors import ProviderProtocolBroken, StreamCut
from ...domain.events import (
    AnnotationAdded,
    FinishReason,
    ReasoningDelta,
    ReasoningFinished,
    ResponseFinished,
    ResponseStarted,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from ..transport.event_stream import EventFrame, EventStreamDecoder
from ..transport.languages import FramedLanguage, Reader
from . import wire
from .endings import decode_reason, decode_usage
from .errors import decode_error, decode_exception
from .reading import Reading, decode_citation, proof_of, unsayable

_decode_answer = msgspec.json.Decoder(wire.ConverseAnswer).decode
_decode_block_start = msgspec.json.Decoder(wire.BlockStart).decode
_decode_block_delta = msgspec.json.Decoder(wire.BlockDelta).decode
_decode_block_stop = msgspec.json.Decoder(wire.BlockStop).decode
_decode_message_stop = msgspec.json.Decoder(wire.MessageStop).decode
_decode_metadata = msgspec.json.Decoder(wire.Metadata).decode
_decode_count = msgspec.json.Decoder(wire.Count).decode
_BlockKind: TypeAlias = Literal["function", "thinking"]


def converse_language(model: str, *, signs: bool) -> FramedLanguage:
    """Return how the answer of `model` is read."""
    reading = Reading(model, signs)
    return FramedLanguage(
        partial(decode_whole, reading=reading), partial(ConverseReader, reading), decode_error
    )


def decode_count(body: bytes) -> int:
    """Return the tokens counted.

    Raises:
        msgspec.DecodeError: `body` holds no count.
    """
    return _decode_count(body).input_tokens


class ConverseReader(Reader):
    """Frames first, then their events; one for each stream."""

    __slots__ = ("_decoder", "_frames")

    def __init__(self, reading: Reading, max_event_bytes: int) -> None:
        self._frames = EventStreamDecoder(max_event_bytes)
        self._decoder = ConverseStreamDecoder(reading)

    def feed(self, data: bytes) -> list[StreamEvent]:
        frames = self._frames.feed(data)
        return self._decoder.feed(frames) if frames else []

    def close(self) -> list[StreamEvent]:
        if self._frames.pending and self._decoder.started:
            raise StreamCut("The upstream's answer broke off inside an event.")
        return self._decoder.close()


class ConverseStreamDecoder:
    """Turns the messages of one stream into events."""

    __slots__ = ("_blocks", "_calls", "_finished", "_reading", "_reason", "started")

    def __init__(self, reading: Reading) -> None:
        self.started = False
        self._reading = reading
        self._blocks: dict[int, _Block] = {}
        self._calls = 0
        self._reason: FinishReason | None = None
        self._finished = False

    def feed(self, frames: list[EventFrame]) -> list[StreamEvent]:
        """Return the events of `frames`; `ResponseFinished` with the figures, which come last.

        Raises:
            ProviderError: a frame is an error, or not the language.
        """
        events: list[StreamEvent] = []
        append = events.append
        try:
            for frame in frames:
                kind, name, payload, _ = frame
                if self._finished:
                    break
                if name == "contentBlockDelta" and kind == "event":
                    delta = _decode_block_delta(payload)
                    body = delta.delta
                    if body.text:
                        append(TextDelta(body.text))
                    else:
                        self._delta(delta.content_block_index, body, events)
                elif kind == "event":
                    self._other(name, payload, events)
                else:
                    raise decode_exception(frame)
        except msgspec.DecodeError as error:
            raise ProviderProtocolBroken(
                "The upstream sent an event that is not of ConverseStream.", detail=str(error)
            ) from error
        if events and not self.started:
            raise ProviderProtocolBroken("The upstream's answer does not begin with its start.")
        return events

    def close(self) -> list[StreamEvent]:
        """Return nothing more, now that the body has ended.

        Raises:
            StreamCut: something came, but not the finish.
            ProviderProtocolBroken: nothing came.
        """
        if self._finished:
            return []
        if self.started:
            raise StreamCut("The upstream's answer ended before it was finished.")
        raise ProviderProtocolBroken("The upstream's answer is empty.")

    def _other(self, name: str, payload: bytes, events: list[StreamEvent]) -> None:
        match name:
            case "messageStart":
                self.started = True
                events.append(ResponseStarted("", self._reading.model))
            case "contentBlockStart":
                start = _decode_block_start(payload)
                if start.start.tool_use is not None:
                    self._begin_call(start.content_block_index, start.start.tool_use, events)
                elif start.start.image is not msgspec.UNSET:
                    raise unsayable("an image")
            case "contentBlockStop":
                self._end_block(_decode_block_stop(payload).content_block_index, events)
            case "messageStop":
                for index in tuple(self._blocks):
                    self._end_block(index, events)
                self._reason = decode_reason(_decode_message_stop(payload).stop_reason)
            case "metadata":
                if self._reason is None:
                    raise ProviderProtocolBroken("The upstream's answer has no end.")
                usage = decode_usage(_decode_metadata(payload).usage)
                self._finished = True
                events.append(ResponseFinished((self._reason,), usage))
            case _:
                pass  # what comes to be

    def _begin_call(self, index: int, call: wire.WrittenToolUse, events: list[StreamEvent]) -> None:
        if call.type == "server_tool_use":
            raise unsayable("a call of its own tool")
        self._blocks[index] = _Block("function", self._calls)
        events.append(ToolCallStarted(self._calls, call.tool_use_id, call.name))
        self._calls += 1

    def _delta(self, index: int, delta: wire.Delta, events: list[StreamEvent]) -> None:
        block = self._blocks.get(index)
        if delta.reasoning_content is not None:
            if block is None:
                block = self._blocks[index] = _Block("thinking", 0)
            thought = delta.reasoning_content
            if thought.text:
                events.append(ReasoningDelta(thought.text))
            block.signature += thought.signature
            block.redacted += thought.redacted_content
        elif delta.tool_use is not None:
            if block is None:
                raise ProviderProtocolBroken("The upstream sent arguments of no call.")
            arguments = delta.tool_use.input
            if arguments:
                block.told = True
                events.append(ToolCallDelta(block.call, arguments))
        elif delta.citation is not None:
            events.append(AnnotationAdded(decode_citation(delta.citation)))
        elif delta.image is not msgspec.UNSET:
            raise unsayable("an image")

    def _end_block(self, index: int, events: list[StreamEvent]) -> None:
        block = self._blocks.pop(index, None)
        if block is None:
            return
        match block.kind:
            case "function":
                if not block.told:
                    events.append(ToolCallDelta(block.call, "{}"))
            case "thinking":
                proof = proof_of(self._reading, block.signature, block.redacted)
                events.append(ReasoningFinished(proof))
            case _:
                assert_never(block.kind)


class _Block:
    """An open block; `call` is the call's index among the calls, not the block's."""

    __slots__ = ("call", "kind", "redacted", "signature", "told")

    def __init__(self, kind: _BlockKind, call: int) -> None:
        self.kind: _BlockKind = kind
        self.call = call
        self.signature = self.redacted = ""
        self.told = False


def decode_whole(body: bytes, *, reading: Reading) -> list[StreamEvent]:
    """Return the events of a whole answer.

    Raises:
        ProviderError: it is none, or the model's words came out as no answer.
    """
    try:
        answer = _decode_answer(body)
    except msgspec.DecodeError as error:
        raise ProviderProtocolBroken(
            "The upstream's answer is not one of Converse.", detail=str(error)
        ) from error
    reason = decode_reason(answer.stop_reason)
    events: list[StreamEvent] = [ResponseStarted("", reading.model)]
    calls = 0
    for block in answer.output.message.content:
        if block.text:
            events.append(TextDelta(block.text))
        elif block.tool_use is not None:
            _whole_call(block.tool_use, calls, events)
            calls += 1
        elif block.reasoning_content is not None:
            thought = block.reasoning_content
            text = thought.reasoning_text
            if text is not None and text.text:
                events.append(ReasoningDelta(text.text))
            signature = text.signature if text is not None else ""
            events.append(ReasoningFinished(proof_of(reading, signature, thought.redacted_content)))
        elif block.citations_content is not None:
            cited = block.citations_content
            events.extend(TextDelta(piece.text) for piece in cited.content if piece.text)
            events.extend(AnnotationAdded(decode_citation(one)) for one in cited.citations)
        else:
            for name in ("image", "audio", "video"):
                if getattr(block, name) is not msgspec.UNSET:  # getattr: these three are its own
                    raise unsayable(f"{name} content")
    events.append(ResponseFinished((reason,), decode_usage(answer.usage)))
    return events


def _whole_call(call: wire.WrittenToolUse, number: int, events: list[StreamEvent]) -> None:
    if call.type == "server_tool_use":
        raise unsayable("a call of its own tool")
    arguments = bytes(call.input)
    if b"\n" in arguments:
        arguments = msgspec.json.format(arguments, indent=0)
    text = arguments.decode()
    events.append(ToolCallStarted(number, call.tool_use_id, call.name))
    if text:
        events.append(ToolCallDelta(number, text))
