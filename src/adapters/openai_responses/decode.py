"""Reads answers and streams of the Responses API; `responses_language` is the face of this folder.

Deltas are passed on as they come; what is known only of a whole item (a proof, the result of a
tool the vendor ran) when the item ends. Events that are newer than this file, and those that tell
no more than how far a hosted tool has come, are skipped.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Final

import msgspec

from ...domain.errors import ProviderProtocolBroken, StreamCut
from ...domain.events import ResponseFinished, ResponseStarted, StreamEvent
from ..openai_errors.decode import decode_error, decode_error_object
from ..transport.languages import StreamDecoder, WireLanguage
from ..transport.sse import SseFrame
from .endings import decode_failure, decode_reason, decode_usage
from .items import ItemReader
from .wire import NOTHING, WireEvent, WireResponse, decode_event, decode_response

_BEGUN: Final = frozenset({"response.created", "response.queued", "response.in_progress"})
_ENDED: Final = frozenset({"response.completed", "response.incomplete", "response.cancelled"})
_ARGUMENTS: Final = frozenset(
    {"response.function_call_arguments.delta", "response.custom_tool_call_input.delta"}
)
# Open Responses names the raw thoughts otherwise than OpenAI and vLLM do.
_THOUGHTS: Final = frozenset({"response.reasoning_text.delta", "response.reasoning.delta"})


@dataclass(frozen=True, slots=True)
class Reading:
    """How the answers of one target are read.

    `model` is the upstream's name for it, and whose proofs its thoughts are; `hidden` words of
    ours that an upstream's message may echo and a caller must not see (host, key).
    """

    model: str
    hidden: tuple[str, ...] = ()


@lru_cache(maxsize=1024)
def responses_language(reading: Reading) -> WireLanguage:
    """Return the language as one target speaks it."""
    return WireLanguage(
        decode_whole=partial(decode_whole, reading=reading),
        stream_decoder=partial(EventDecoder, reading),
        decode_error=partial(decode_error, hidden=reading.hidden),
    )


def decode_whole(body: bytes, *, reading: Reading) -> list[StreamEvent]:
    """Return the events of a whole answer.

    Raises:
        ProviderProtocolBroken: it is none.
        ProviderError: the response failed.
    """
    try:
        return EventDecoder(reading).feed_whole(body)
    except msgspec.DecodeError as error:
        raise _no_response(error) from error


@dataclass(slots=True)
class EventDecoder(StreamDecoder):
    """Turns one answer into events; one decoder per answer."""

    reading: Reading
    _items: ItemReader = field(init=False)
    _id: str = ""
    _model: str = ""
    _started: bool = False
    _finished: bool = False

    def __post_init__(self) -> None:
        self._items = ItemReader(self.reading.model)

    def feed(self, frames: Sequence[SseFrame]) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        for frame in frames:
            if self._finished:
                break
            if frame.data.startswith(b"[DONE]"):
                self._cut()
            elif frame.data:
                try:
                    self._add(frame, events)
                except msgspec.DecodeError as error:
                    raise _no_response(error) from error
        return events

    def feed_whole(self, body: bytes) -> list[StreamEvent]:
        """Return the events of a body that is one answer."""
        response = decode_response(body)
        if response.object != "response" and response.output is None:
            raise ProviderProtocolBroken("The upstream's answer has no output.")
        events: list[StreamEvent] = []
        self._begin(response)
        self._end(response, events)
        return events

    def close(self) -> list[StreamEvent]:
        if not self._finished:
            self._cut()
        return []

    def _cut(self) -> None:
        if not self._started and not self._id:
            raise ProviderProtocolBroken("The upstream's answer is empty.")
        raise StreamCut("The upstream's answer ended before it was finished.")

    def _add(self, frame: SseFrame, events: list[StreamEvent]) -> None:
        event = decode_event(frame.data)
        kind = event.type or frame.event.decode("utf-8", "replace")
        if kind == "response.output_text.delta":
            place, part, text = _part(event)
            self._items.add_text(place, part, text, event.logprobs, events)
        elif kind in _ARGUMENTS:
            self._items.add_arguments(event.output_index or 0, event.delta or "", events)
        elif kind == "response.reasoning_summary_text.delta":
            place, number = event.output_index or 0, event.summary_index or 0
            self._items.add_thought(place, "summary", number, event.delta or "", events)
        elif kind in _THOUGHTS:
            place, part, text = _part(event)
            self._items.add_thought(place, "content", part, text, events)
        elif kind == "response.refusal.delta":
            place, part, text = _part(event)
            self._items.add_refusal(place, part, text, events)
        elif kind == "response.output_text.annotation.added":
            if event.annotation is not None:
                place, part, _ = _part(event)
                self._items.add_annotation(place, part, event.annotation, events)
        elif kind == "response.output_item.added":
            self._start(events)
            self._items.begin(event.output_index or 0, event.item, events)
        elif kind == "response.output_item.done":
            self._start(events)
            self._items.end(event.output_index or 0, event.item, events)
        elif kind in _BEGUN:
            self._begin(decode_response(event.response))
        elif kind in _ENDED:
            self._end(decode_response(event.response), events)
        elif kind == "response.failed":
            raise decode_failure(decode_response(event.response).error, self.reading.hidden)
        elif kind == "error" or bytes(event.error) != b"null":
            raise decode_error_object(frame.data, hidden=self.reading.hidden)

    def _begin(self, response: WireResponse) -> None:
        """Note who answers; it is told with the first item, for until then others still may."""
        if response.status == "failed":
            raise decode_failure(response.error, self.reading.hidden)
        self._id = response.id or self._id
        self._model = response.model or self._model

    def _start(self, events: list[StreamEvent]) -> None:
        if not self._started:
            self._started = True
            events.append(ResponseStarted(self._id, self._model or self.reading.model))

    def _end(self, response: WireResponse, events: list[StreamEvent]) -> None:
        if response.status == "failed" or bytes(response.error) != bytes(NOTHING):
            raise decode_failure(response.error, self.reading.hidden)
        self._begin(response)
        self._start(events)
        self._items.close(response.output or (), events)
        reason = decode_reason(
            response.status, response.incomplete_details, called=self._items.called
        )
        usage = decode_usage(response.usage) if response.usage is not None else None
        self._finished = True
        events.append(ResponseFinished((reason,), usage))


def _part(event: WireEvent) -> tuple[int, int, str]:
    return event.output_index or 0, event.content_index or 0, event.delta or ""


def _no_response(error: msgspec.DecodeError) -> ProviderProtocolBroken:
    return ProviderProtocolBroken(
        "The upstream sent something that is no response.", detail=str(error)
    )
