"""Recorded streams, whole and broken, through a language's stream decoder."""

from collections.abc import Callable, Iterable

from modelmux.adapters.transport.languages import StreamDecoder
from modelmux.adapters.transport.sse import SseDecoder
from modelmux.domain.events import ResponseFinished, StreamEvent
from modelmux.domain.response import Response, ResponseBuilder


def read_chunks(make: Callable[[], StreamDecoder], chunks: Iterable[bytes]) -> list[StreamEvent]:
    """Return the events of a body that came in `chunks`, read as the transport does."""
    decoder, frames = make(), SseDecoder(1 << 20)
    events: list[StreamEvent] = []
    for chunk in chunks:
        events += decoder.feed(frames.feed(chunk))
        if events and isinstance(events[-1], ResponseFinished):
            return events
    return events + decoder.close()


def at_every_byte(body: bytes) -> list[bytes]:
    return [body[place : place + 1] for place in range(len(body))]


def cut_after_frames(body: bytes) -> list[bytes]:
    """Return every beginning of `body` that ends with a frame, but the whole."""
    mark = b"\r\n\r\n" if b"\r\n\r\n" in body else b"\n\n"
    frames = body.split(mark)[:-1]
    return [b"".join(frame + mark for frame in frames[:count]) for count in range(1, len(frames))]


def fold(events: Iterable[StreamEvent]) -> Response:
    builder = ResponseBuilder()
    builder.add(events)
    return builder.build()
