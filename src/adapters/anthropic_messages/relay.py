"""Passes on answers of the Messages API, read in passing.

Most frames tell a piece of a block. They are told from the others by their names, which stand in
lines of their own: a line feed inside a JSON string is escaped, so text cannot pass for a name.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from ...domain.errors import ProviderError, ProviderProtocolBroken, StreamCut
from ...domain.events import RelayedBytes, ResponseFinished, ResponseStarted, StreamEvent
from ..transport.languages import ErrorReply, Relay
from ..transport.sse import FrameSplitter, SseDecoder, SseFrame
from . import wire
from .decode import decode_whole
from .endings import UsageSoFar, decode_reason
from .errors import decode_error, decode_error_event

_PIECE: Final = b"event: content_block_delta\n"
# What comes before an answer has begun to say something.
_OPENING: Final = frozenset({b"message_start", b"ping"})
_decode_type: Final = msgspec.json.Decoder(wire.EventType).decode
_decode_start: Final = msgspec.json.Decoder(wire.MessageStart).decode
_decode_delta: Final = msgspec.json.Decoder(wire.MessageDelta).decode
_decode_passing: Final = msgspec.json.Decoder(wire.PassingMessage).decode


class MessagesRelay(Relay):
    """One answer on its way through; one relay per answer.

    `model` is the upstream's name for it. `streamed` says that the caller wants a stream: an answer
    that comes whole all the same is decoded, and `translated` says so.
    """

    __slots__ = (
        "_ending",
        "_held",
        "_max_event_bytes",
        "_message",
        "_model",
        "_splitter",
        "_started",
        "_streamed",
        "_usage",
        "translated",
    )

    def __init__(self, *, model: str, max_event_bytes: int, streamed: bool = False) -> None:
        self._model = model
        self._max_event_bytes = max_event_bytes
        self._streamed = streamed
        self._splitter = FrameSplitter(max_event_bytes)
        self._held: list[bytes] = []
        self._message: wire.StartedMessage | None = None
        self._ending = wire.FinalDelta()
        self._usage = UsageSoFar()
        self._started = False
        self.translated = False

    def feed(self, data: bytes) -> list[StreamEvent]:
        frames = self._splitter.feed(data)
        if not frames:
            return []
        if self._started and frames.count(_PIECE) == frames.count(b"\n\n") > 0:
            return [RelayedBytes(frames)]
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
        if self._message is None:
            raise ProviderProtocolBroken("The upstream's answer is empty.")
        raise StreamCut("The upstream's answer ended before it was finished.")

    def whole(self, body: bytes) -> list[StreamEvent]:
        if self._streamed:
            self.translated = True
            return decode_whole(body, model=self._model, opaque=True)
        try:
            message = _decode_passing(body)
        except msgspec.DecodeError as error:
            raise _no_message(error) from error
        self._usage.add(message.usage)
        return [
            ResponseStarted(message.id, message.model or self._model),
            RelayedBytes(body),
            self._finished(message),
        ]

    def decode_error(self, reply: ErrorReply) -> ProviderError:
        return decode_error(reply)

    def _read(self, frames: Iterable[SseFrame]) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        try:
            for frame in frames:
                name = frame.event or _decode_type(frame.data).type.encode()
                if name == b"error":
                    raise decode_error_event(frame.data)
                self._note(name, frame.data)
                data = frame.data.replace(b"\n", b"\ndata: ")
                self._held.append(b"event: %b\ndata: %b\n\n" % (name, data))
                if name not in _OPENING:
                    self._start(events)
                if name == b"message_stop":
                    self._pass(events)
                    return [*events, self._finished(self._ending)]
        except msgspec.DecodeError as error:
            raise _no_message(error) from error
        if self._started:
            self._pass(events)
        return events

    def _note(self, name: bytes, data: bytes) -> None:
        if name == b"message_delta":
            final = _decode_delta(data)
            if final.delta.stop_reason is not None:
                self._ending = final.delta
            self._usage.add(final.usage)
        elif name == b"message_start":
            self._message = _decode_start(data).message
            self._usage.add(self._message.usage)

    def _start(self, events: list[StreamEvent]) -> None:
        """What comes before the first block is held: until then another upstream may answer."""
        if self._started:
            return
        message = self._message
        if message is None:
            raise ProviderProtocolBroken("The upstream's answer does not begin with its start.")
        self._started = True
        events.append(ResponseStarted(message.id, message.model or self._model))

    def _pass(self, events: list[StreamEvent]) -> None:
        if self._held:
            events.append(RelayedBytes(b"".join(self._held)))
            self._held = []

    def _finished(self, last: wire.FinalDelta | wire.PassingMessage) -> ResponseFinished:
        reason = decode_reason(last.stop_reason)
        return ResponseFinished((reason,), self._usage.total(), last.stop_sequence)


def _no_message(error: msgspec.DecodeError) -> ProviderProtocolBroken:
    return ProviderProtocolBroken(
        "The upstream sent something that is not of the Messages API.", detail=str(error)
    )
