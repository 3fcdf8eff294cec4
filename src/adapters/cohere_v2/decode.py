"""Cohere's answers as events.

A stream ends with `message-end`, which tells reason and usage; `[DONE]` may follow. Frames and
finish reasons newer than this are no error. Thoughts come as blocks of their own, or as the plan
before calls: both are told as reasoning.
"""

from collections.abc import Sequence
from functools import partial
from typing import Final

import msgspec

from ...domain.errors import ProviderProtocolBroken, StreamCut, UpstreamFailed
from ...domain.events import (
    AnnotationAdded,
    ReasoningDelta,
    ReasoningFinished,
    ResponseFinished,
    ResponseStarted,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from ..transport.languages import StreamDecoder, WireLanguage
from ..transport.sse import SseFrame
from . import wire
from .citations import decode_citation
from .endings import decode_reason, decode_usage
from .errors import decode_error

_DONE: Final = b"[DONE]"
_NO_MESSAGE: Final = wire.MessageDelta()

_decode_answer = msgspec.json.Decoder(wire.ChatAnswer).decode
_decode_frame = msgspec.json.Decoder(wire.StreamFrame).decode
_decode_kind = msgspec.json.Decoder(wire.FrameKind).decode


def cohere_language(model: str) -> WireLanguage:
    """Return how the answer of `model` is read."""
    return WireLanguage(
        partial(decode_whole, model=model),
        partial(CohereStreamDecoder, model),
        decode_error,
    )


class CohereStreamDecoder(StreamDecoder):
    """Turns one stream into events; `model` is the name that was asked: answers tell none."""

    __slots__ = (
        "_begins",
        "_calls",
        "_finished",
        "_model",
        "_said",
        "_started",
        "_thinking",
    )

    def __init__(self, model: str) -> None:
        self._model = model
        self._started = False
        self._finished = False
        self._thinking = False
        # The upstream's numbers of the calls, in the order of ours.
        self._calls: list[int] = []
        # Characters told so far, and where the text of each block begins among them.
        self._said = 0
        self._begins: dict[int, int] = {}

    def feed(self, frames: Sequence[SseFrame]) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        for frame in frames:
            if frame.data != _DONE and not self._finished:
                self._frame(_decode(frame.data), events)
        return events

    def close(self) -> list[StreamEvent]:
        if self._finished:
            return []
        if not self._started:
            raise ProviderProtocolBroken("The upstream's answer is empty.")
        raise StreamCut("The upstream's answer ended before it was finished.")

    def _frame(self, frame: wire.StreamFrame, events: list[StreamEvent]) -> None:
        if not self._started:
            if not frame.type:
                raise ProviderProtocolBroken("The upstream's answer is not one of Cohere's chat.")
            self._started = True
            events.append(ResponseStarted(frame.id, self._model))
        delta = frame.delta
        message = delta.message if delta is not None and delta.message is not None else _NO_MESSAGE
        match frame.type:
            case "content-start" | "content-delta":
                if message.content is not None:
                    self._content(frame.index, message.content, events)
            case "content-end":
                self._end_thoughts(events)
            case "tool-plan-delta":
                if message.tool_plan:
                    self._thinking = True
                    events.append(ReasoningDelta(message.tool_plan))
            case "tool-call-start":
                if message.tool_calls is not None:
                    self._call(frame.index, message.tool_calls, events)
            case "tool-call-delta":
                if message.tool_calls is not None:
                    self._more(frame.index, message.tool_calls.function.arguments, events)
            case "citation-start":
                if message.citations is not None:
                    self._cite(message.citations, events)
            case "message-end":
                self._end(delta, events)
            case _:
                pass  # debug, the ends of calls and citations, and what is newer than this

    def _content(self, index: int, content: wire.ContentSeen, events: list[StreamEvent]) -> None:
        if content.thinking:
            self._thinking = True
            events.append(ReasoningDelta(content.thinking))
        if content.text:
            self._end_thoughts(events)
            if index not in self._begins:
                self._begins[index] = self._said
            self._said += len(content.text)
            events.append(TextDelta(content.text))

    def _call(self, number: int, call: wire.CallSeen, events: list[StreamEvent]) -> None:
        self._end_thoughts(events)
        index = len(self._calls)
        self._calls.append(number)
        name = call.function.name
        if not call.id or not name:
            raise ProviderProtocolBroken("The upstream's answer calls a tool without id or name.")
        events.append(ToolCallStarted(index, call.id, name))
        self._more(number, call.function.arguments, events)

    def _more(self, number: int, arguments: str, events: list[StreamEvent]) -> None:
        calls = self._calls
        if not calls or not arguments:
            if arguments:
                raise ProviderProtocolBroken("The upstream goes on with a call it never began.")
            return
        # The last call is the one that goes on, but for servers that mix them.
        index = len(calls) - 1
        if calls[index] != number and number in calls:
            index = calls.index(number)
        events.append(ToolCallDelta(index, arguments))

    def _end_thoughts(self, events: list[StreamEvent]) -> None:
        if self._thinking:
            self._thinking = False
            events.append(ReasoningFinished())

    def _cite(self, citation: wire.CitationSeen, events: list[StreamEvent]) -> None:
        begin = self._begins.get(citation.content_index)
        if begin is not None:
            events.extend(AnnotationAdded(one) for one in decode_citation(citation, begin))

    def _end(self, delta: wire.Delta | None, events: list[StreamEvent]) -> None:
        if delta is None or not delta.finish_reason:
            raise ProviderProtocolBroken("The upstream's answer ends without a reason.")
        if delta.error:
            raise UpstreamFailed(
                f"The model's answer failed: {delta.finish_reason}.",
                upstream_code=delta.finish_reason,
                detail=delta.error,
            )
        self._end_thoughts(events)
        self._finished = True
        reason = decode_reason(delta.finish_reason)
        events.append(ResponseFinished((reason,), decode_usage(delta.usage)))


def decode_whole(body: bytes, *, model: str) -> list[StreamEvent]:
    """Return the events of a whole answer.

    Raises:
        ProviderProtocolBroken: it is none.
        UpstreamFailed: the model failed.
    """
    try:
        answer = _decode_answer(body)
    except msgspec.DecodeError as error:
        raise _not_cohere(error) from error
    message = answer.message
    if message is None or not answer.finish_reason:
        raise ProviderProtocolBroken("The upstream's answer is not one of Cohere's chat.")
    reason = decode_reason(answer.finish_reason)
    events: list[StreamEvent] = [ResponseStarted(answer.id, model)]
    begins: dict[int, int] = {}
    texts: list[StreamEvent] = []
    said = 0
    for place, block in enumerate(message.content or ()):
        if block.thinking:
            events += (ReasoningDelta(block.thinking), ReasoningFinished())
        if block.text:
            begins[place] = said
            said += len(block.text)
            texts.append(TextDelta(block.text))
    if message.tool_plan:
        events += (ReasoningDelta(message.tool_plan), ReasoningFinished())
    events += texts
    for citation in message.citations or ():
        begin = begins.get(citation.content_index)
        if begin is not None:
            events.extend(AnnotationAdded(one) for one in decode_citation(citation, begin))
    for index, call in enumerate(message.tool_calls or ()):
        events.extend(_whole_call(index, call))
    events.append(ResponseFinished((reason,), decode_usage(answer.usage)))
    return events


def _whole_call(index: int, call: wire.CallSeen) -> list[StreamEvent]:
    name, arguments = call.function.name, call.function.arguments
    if not call.id or not name:
        raise ProviderProtocolBroken("The upstream's answer calls a tool without id or name.")
    started = ToolCallStarted(index, call.id, name)
    return [started, ToolCallDelta(index, arguments)] if arguments else [started]


def _decode(data: bytes) -> wire.StreamFrame:
    try:
        return _decode_frame(data)
    except msgspec.ValidationError as error:
        # A shape of tomorrow is no error where its kind is not one we read.
        try:
            frame = _decode_kind(data)
        except msgspec.DecodeError:
            raise _not_cohere(error) from error
        if not frame.type or frame.type in _READ:
            raise _not_cohere(error) from error
        return wire.StreamFrame(frame.type, frame.id)
    except msgspec.DecodeError as error:
        raise _not_cohere(error) from error


_READ: Final = frozenset(
    {
        "content-start", "content-delta", "content-end", "tool-plan-delta",
        "tool-call-start", "tool-call-delta", "citation-start", "message-end",
    }
)  # fmt: skip


def _not_cohere(error: msgspec.DecodeError) -> ProviderProtocolBroken:
    return ProviderProtocolBroken(
        "The upstream's answer is not one of Cohere's chat.", detail=str(error)
    )
