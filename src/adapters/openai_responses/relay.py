"""Passes on answers of the Responses API, read in passing.

Most frames tell a piece of an item. Those that have a whole response, or an error, are told from
them by what they name: a quote inside a JSON string is escaped, so text cannot pass for a member.
The upstream's id of the response stands in frames of the former kind alone; ours takes its place.
vLLM has a name of its own for the parts of thoughts, at which strict clients stumble: it is told as
OpenAI does.
"""

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from ...domain.errors import ProviderError, ProviderProtocolBroken, StreamCut
from ...domain.events import (
    FinishReason,
    RelayedBytes,
    ResponseFinished,
    ResponseStarted,
    StreamEvent,
    Usage,
)
from ..openai_errors.decode import decode_error, decode_error_object
from ..transport.languages import ErrorReply, Relay
from ..transport.sse import FrameSplitter, SseDecoder, SseFrame
from .decode import Reading, decode_whole
from .endings import CALLS, decode_failure, decode_reason, decode_usage
from .wire import NOTHING, WireMark, WirePassing, decode_mark, decode_passing

_DONE: Final = b"data: [DONE]\n\n"
_THOUGHT_PART: Final = b"response.reasoning_part."
_NAMED_PART: Final = re.compile(rb'(^event: ?|"type": ?")response\.reasoning_part\.', re.MULTILINE)
_ENDED: Final = frozenset({"response.completed", "response.incomplete", "response.cancelled"})
_encode: Final = msgspec.json.Encoder().encode


class ResponsesRelay(Relay):
    """One answer on its way through; one relay per answer.

    `response_id` is what the caller knows the response by, None to leave the upstream's.
    `streamed` says that the caller wants a stream: an answer that comes whole all the same is
    decoded, and `translated` says so.
    """

    __slots__ = (
        "_held",
        "_id",
        "_max_event_bytes",
        "_model",
        "_ours",
        "_reading",
        "_splitter",
        "_started",
        "_streamed",
        "_theirs",
        "translated",
    )

    def __init__(
        self,
        reading: Reading,
        *,
        max_event_bytes: int,
        response_id: str | None = None,
        streamed: bool = False,
    ) -> None:
        self._reading = reading
        self._max_event_bytes = max_event_bytes
        self._ours = None if response_id is None else _encode(response_id)
        self._streamed = streamed
        self._splitter = FrameSplitter(max_event_bytes)
        self._held: list[bytes] = []
        self._id = ""
        self._model = reading.model
        self._theirs: bytes | None = None
        self._started = False
        self.translated = False

    def feed(self, data: bytes) -> list[StreamEvent]:
        frames = self._splitter.feed(data)
        if not frames:
            return []
        if (
            self._started
            and b'"response"' not in frames
            and b'"error"' not in frames
            and b"event: error" not in frames
            and b"[DONE]" not in frames
        ):
            return [RelayedBytes(_respelled(frames))]
        return self._read(SseDecoder(self._max_event_bytes).feed(frames))

    def close(self) -> list[StreamEvent]:
        rest = self._splitter.pending
        if rest.strip():
            decoder = SseDecoder(self._max_event_bytes)
            try:
                events = self._read([*decoder.feed(rest), *decoder.flush()])
            except ProviderProtocolBroken as error:
                raise StreamCut("The upstream's answer broke off inside an event.") from error
            if events and type(events[-1]) is ResponseFinished:
                return events
        raise self._cut()

    def whole(self, body: bytes) -> list[StreamEvent]:
        if self._streamed:
            self.translated = True
            return decode_whole(body, reading=self._reading)
        try:
            response = decode_passing(body)
        except msgspec.DecodeError as error:
            raise _no_response(error) from error
        if response.object != "response" and response.output is None:
            raise ProviderProtocolBroken("The upstream's answer has no output.")
        self._note(response)
        reason, usage = self._ending(response)
        return [
            ResponseStarted(self._id, self._model),
            RelayedBytes(self._renamed(body)),
            ResponseFinished((reason,), usage),
        ]

    def decode_error(self, reply: ErrorReply) -> ProviderError:
        return decode_error(reply, hidden=self._reading.hidden)

    def _read(self, frames: Iterable[SseFrame]) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        for frame in frames:
            if frame.data.startswith(b"[DONE]"):
                raise self._cut()
            if not frame.data:
                continue
            mark = self._parse(frame)
            response = mark.response
            if response is not None:
                self._note(response)
            self._held.append(_frame(frame, self._renamed(frame.data)))
            if response is None:
                self._start(events)
            if response is not None and mark.type in _ENDED:
                reason, usage = self._ending(response)
                self._start(events)
                self._held.append(_DONE)
                self._pass(events)
                events.append(ResponseFinished((reason,), usage))
                return events
        if self._started:
            self._pass(events)
        return events

    def _parse(self, frame: SseFrame) -> WireMark:
        try:
            mark = decode_mark(frame.data)
        except msgspec.DecodeError as error:
            raise _no_response(error) from error
        hidden = self._reading.hidden
        if mark.type == "error" or frame.event == b"error" or _is_there(mark.error):
            raise decode_error_object(frame.data, hidden=hidden)
        if mark.type == "response.failed":
            failed = mark.response.error if mark.response is not None else NOTHING
            raise decode_failure(failed, hidden)
        return mark

    def _note(self, response: WirePassing) -> None:
        self._model = response.model or self._model
        if response.id and self._theirs is None:
            self._id, self._theirs = response.id, _encode(response.id)

    def _start(self, events: list[StreamEvent]) -> None:
        """Frames before the first item are held: until then another upstream may answer."""
        if not self._started:
            self._started = True
            events.append(ResponseStarted(self._id, self._model))

    def _pass(self, events: list[StreamEvent]) -> None:
        if self._held:
            events.append(RelayedBytes(_respelled(b"".join(self._held))))
            self._held = []

    def _ending(self, response: WirePassing) -> tuple[FinishReason, Usage | None]:
        if response.status == "failed" or _is_there(response.error):
            raise decode_failure(response.error, self._reading.hidden)
        called = any(item.type in CALLS for item in response.output or ())
        reason = decode_reason(response.status, response.incomplete_details, called=called)
        return reason, decode_usage(response.usage) if response.usage is not None else None

    def _renamed(self, data: bytes) -> bytes:
        if self._ours is None or self._theirs is None:
            return data
        return data.replace(self._theirs, self._ours)

    def _cut(self) -> ProviderError:
        if not self._started and not self._held:
            return ProviderProtocolBroken("The upstream's answer is empty.")
        return StreamCut("The upstream's answer ended before it was finished.")


def _frame(frame: SseFrame, data: bytes) -> bytes:
    name = b"event: %b\n" % frame.event if frame.event else b""
    return b"%bdata: %b\n\n" % (name, data.replace(b"\n", b"\ndata: "))


def _respelled(frames: bytes) -> bytes:
    if _THOUGHT_PART not in frames:
        return frames
    return _NAMED_PART.sub(rb"\1response.content_part.", frames)


def _is_there(value: msgspec.Raw) -> bool:
    return bytes(value) != b"null"


def _no_response(error: msgspec.DecodeError) -> ProviderProtocolBroken:
    return ProviderProtocolBroken(
        "The upstream sent something that is no response.", detail=str(error)
    )
