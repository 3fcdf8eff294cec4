"""Recorded answers of Responses upstreams, and reading them as the transport does."""

from collections.abc import Iterable
from pathlib import Path

from modelmux.adapters.openai_responses.decode import EventDecoder, Reading
from modelmux.adapters.openai_responses.relay import ResponsesRelay
from modelmux.adapters.transport.sse import SseDecoder
from modelmux.domain.events import ResponseFinished, StreamEvent

FOLDER = Path(__file__).parent.parent / "fixtures" / "openai_responses"
# Streams that hold an error: no reading of them finishes.
FAILING = frozenset(
    {
        "open_responses_error_event",
        "openai_error_event",
        "openai_failed",
        "openai_failed_midway",
        "vllm_error_in_stream",
    }
)
STREAMS = tuple(sorted(path.stem for path in FOLDER.glob("*.sse")))
WHOLE_STREAMS = tuple(name for name in STREAMS if name not in FAILING)
READING = Reading("asked-model", ("secret-host.example",))


def recorded(name: str) -> bytes:
    return (FOLDER / name).read_bytes()


def read_stream(pieces: Iterable[bytes], reading: Reading = READING) -> list[StreamEvent]:
    """Return all events of a body that comes in `pieces`, until its finish."""
    decoder, frames = EventDecoder(reading), SseDecoder(2**20)
    events: list[StreamEvent] = []
    for piece in pieces:
        events += decoder.feed(frames.feed(piece))
        if events and isinstance(events[-1], ResponseFinished):
            return events
    events += decoder.feed(frames.flush())
    return [*events, *decoder.close()]


def relay_stream(pieces: Iterable[bytes], relay: ResponsesRelay | None = None) -> list[StreamEvent]:
    """Return all events of a body that is relayed in `pieces`, until its finish."""
    relay = relay or responses_relay()
    events: list[StreamEvent] = []
    for piece in pieces:
        events += relay.feed(piece)
        if events and isinstance(events[-1], ResponseFinished):
            return events
    return [*events, *relay.close()]


def responses_relay(*, response_id: str | None = None, streamed: bool = False) -> ResponsesRelay:
    return ResponsesRelay(
        READING, max_event_bytes=2**20, response_id=response_id, streamed=streamed
    )
