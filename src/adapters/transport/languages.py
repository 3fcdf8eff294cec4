"""What a language is to the transport: how its answers, streams and errors are read. Pure."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ...domain.errors import ProviderError, ProviderProtocolBroken, StreamCut
from ...domain.events import ResponseFinished, StreamEvent
from .sse import SseDecoder, SseFrame


class StreamDecoder(Protocol):
    """A language's reading of one stream; see `WireLanguage.stream_decoder`."""

    @abstractmethod
    def feed(self, frames: Sequence[SseFrame]) -> list[StreamEvent]:
        """Return the events of `frames`; `ResponseFinished` as soon as the answer is whole.

        Raises:
            ProviderError: a frame is an error, or not the language.
        """
        ...

    @abstractmethod
    def close(self) -> list[StreamEvent]:
        """Return the last events, now that the body has ended.

        Raises:
            StreamCut: something came, but not the finish.
            ProviderProtocolBroken: nothing came.
        """
        ...


@dataclass(frozen=True, slots=True)
class ErrorReply:
    """What came instead of an answer; `status` is 2xx where the error hides in a good reply."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class WireLanguage:
    """What `open_answer` needs to know of a language: three pure functions.

    Its streams are server-sent events.
    """

    decode_whole: Callable[[bytes], list[StreamEvent]]
    stream_decoder: Callable[[], StreamDecoder]
    decode_error: Callable[[ErrorReply], ProviderError]


@dataclass(frozen=True, slots=True)
class FramedLanguage:
    """A language whose streams are framed in a way of their own.

    `reader` is given the largest event in bytes and makes what reads one stream. Every byte of such
    a stream counts as progress.
    """

    decode_whole: Callable[[bytes], list[StreamEvent]]
    reader: Callable[[int], "Reader"]
    decode_error: Callable[[ErrorReply], ProviderError]


class Relay(Protocol):
    """Passes a body on in the caller's own dialect, reading usage and finish in passing.

    `translated` says after the fact that the answer had to be decoded all the same.
    """

    translated: bool = False

    @abstractmethod
    def feed(self, data: bytes) -> list[StreamEvent]:
        """Return whole frames as `RelayedBytes`, with the events that mark start and finish.

        Raises:
            ProviderError: a frame is an error.
        """
        ...

    @abstractmethod
    def close(self) -> list[StreamEvent]:
        """Return the last events, now that the body has ended; raises as `StreamDecoder.close`."""
        ...

    @abstractmethod
    def whole(self, body: bytes) -> list[StreamEvent]:
        """Return the events of a whole answer.

        Raises:
            ProviderProtocolBroken: it is none.
        """
        ...

    @abstractmethod
    def decode_error(self, reply: ErrorReply) -> ProviderError: ...


class Reader(Protocol):
    """Turns the bytes of a stream into events; the laws are those of `StreamDecoder`."""

    @abstractmethod
    def feed(self, data: bytes) -> list[StreamEvent]: ...

    @abstractmethod
    def close(self) -> list[StreamEvent]: ...


class FrameReader(Reader):
    """Frames first, then the language."""

    __slots__ = ("_decoder", "_frames")

    def __init__(self, decoder: StreamDecoder, max_event_bytes: int) -> None:
        self._decoder = decoder
        self._frames = SseDecoder(max_event_bytes)

    def feed(self, data: bytes) -> list[StreamEvent]:
        frames = self._frames.feed(data)
        return self._decoder.feed(frames) if frames else []

    def close(self) -> list[StreamEvent]:
        frames = self._frames.flush()
        if not frames:
            return self._decoder.close()
        try:
            events = self._decoder.feed(frames)
        except ProviderProtocolBroken as error:
            raise StreamCut("The upstream's answer broke off inside an event.") from error
        if events and type(events[-1]) is ResponseFinished:
            return events
        return [*events, *self._decoder.close()]
