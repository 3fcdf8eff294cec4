"""Claude by InvokeModel: Anthropic's events, each packed into a message of an event stream."""

from base64 import b64decode
from collections.abc import Callable
from typing import Final

import msgspec

from ...domain.errors import ProviderError, ProviderProtocolBroken, StreamCut
from ...domain.events import StreamEvent
from ..anthropic_messages.errors import decode_error as decode_messages_error
from ..anthropic_messages.relay import MessagesRelay
from ..anthropic_messages.saying import Hearing
from ..converse.errors import decode_error, decode_exception
from ..transport.answers import is_error_body
from ..transport.event_stream import EventStreamDecoder
from ..transport.languages import (
    ErrorReply,
    FramedLanguage,
    Reader,
    Relay,
    StreamDecoder,
    WireLanguage,
)
from ..transport.sse import SseFrame


class _Chunk(msgspec.Struct, frozen=True):
    bytes: str = ""


class _Typed(msgspec.Struct, frozen=True):
    type: str = ""


_decode_chunk: Final = msgspec.json.Decoder(_Chunk).decode
_decode_type: Final = msgspec.json.Decoder(_Typed).decode


def decode_claude_error(reply: ErrorReply) -> ProviderError:
    """Return what went wrong, told in Anthropic's words or in Amazon's."""
    if is_error_body(reply.body):
        return decode_messages_error(reply)
    return decode_error(reply)


class _Unpacker:
    """Gives Anthropic's events out of an event stream."""

    __slots__ = ("_frames",)

    def __init__(self, max_event_bytes: int) -> None:
        self._frames = EventStreamDecoder(max_event_bytes)

    def feed(self, data: bytes) -> list[SseFrame]:
        unpacked: list[SseFrame] = []
        for frame in self._frames.feed(data):
            if frame.kind != "event":
                raise decode_exception(frame)
            if frame.name != "chunk":
                continue
            try:
                event = b64decode(_decode_chunk(frame.payload).bytes, validate=True)
                unpacked.append(SseFrame(_decode_type(event).type.encode(), event))
            except (msgspec.DecodeError, ValueError) as error:
                raise ProviderProtocolBroken(
                    "The upstream sent an event that is not of InvokeModel.", detail=str(error)
                ) from error
        return unpacked

    def demand_end(self) -> None:
        if self._frames.pending:
            raise StreamCut("The upstream's answer broke off inside an event.")


class InvokeReader(Reader):
    """Reads one stream."""

    __slots__ = ("_began", "_decoder", "_unpacker")

    def __init__(self, decoder: Callable[[], StreamDecoder], max_event_bytes: int) -> None:
        self._decoder = decoder()
        self._unpacker = _Unpacker(max_event_bytes)
        self._began = False

    def feed(self, data: bytes) -> list[StreamEvent]:
        frames = self._unpacker.feed(data)
        if not frames:
            return []
        self._began = True
        return self._decoder.feed(frames)

    def close(self) -> list[StreamEvent]:
        if self._began:
            self._unpacker.demand_end()
        return self._decoder.close()


def invoke_language(language: WireLanguage) -> FramedLanguage:
    """Return how an answer of InvokeModel is read that is one in `language` inside."""
    return FramedLanguage(
        language.decode_whole,
        lambda max_event_bytes: InvokeReader(language.stream_decoder, max_event_bytes),
        decode_claude_error,
    )


class ClaudeRelay(Relay):
    """A relay of Messages behind one of Bedrock's doors; `packed` where its events are."""

    __slots__ = ("_inner", "_unpacker", "translated")

    def __init__(self, inner: MessagesRelay, max_event_bytes: int, *, packed: bool) -> None:
        self._inner = inner
        self._unpacker = _Unpacker(max_event_bytes) if packed else None
        self.translated = False

    def feed(self, data: bytes) -> list[StreamEvent]:
        if self._unpacker is None:
            return self._inner.feed(data)
        frames = self._unpacker.feed(data)
        said = b"".join([b"event: %b\ndata: %b\n\n" % frame for frame in frames])
        return self._inner.feed(said) if said else []

    def close(self) -> list[StreamEvent]:
        # Half a message is told like its lack: what is inside was not whole either.
        return self._inner.close()

    def whole(self, body: bytes) -> list[StreamEvent]:
        events = self._inner.whole(body)
        self.translated = self._inner.translated
        return events

    def decode_error(self, reply: ErrorReply) -> ProviderError:
        return decode_claude_error(reply)


def behind_door(
    hearing: Hearing, max_event_bytes: int, *, packed: bool
) -> WireLanguage | FramedLanguage | ClaudeRelay:
    """Return `hearing` as it is at one of Bedrock's doors."""
    if isinstance(hearing, MessagesRelay):
        return ClaudeRelay(hearing, max_event_bytes, packed=packed)
    if packed:
        return invoke_language(hearing)
    return WireLanguage(hearing.decode_whole, hearing.stream_decoder, decode_claude_error)
