"""Recorded answers of chat-completions upstreams, and reading them as the transport does."""

from collections.abc import Iterable
from pathlib import Path

from modelmux.adapters.openai_chat.decode import ChunkDecoder, Reading, decode_whole
from modelmux.adapters.openai_chat.relay import ChatRelay
from modelmux.adapters.transport.sse import SseDecoder
from modelmux.domain.events import RelayedBytes, ResponseFinished, StreamEvent

FOLDER = Path(__file__).parent.parent / "fixtures" / "openai_chat"
# Streams that hold an error: no reading of them finishes.
FAILING = frozenset(
    {
        "deepseek_no_resources",
        "other_error_event",
        "vllm_error_in_stream",
        "vllm_flat_error_in_stream",
    }
)
STREAMS = tuple(sorted(path.stem for path in FOLDER.glob("*.sse")))
WHOLE_STREAMS = tuple(name for name in STREAMS if name not in FAILING)
READING = Reading("asked-model")


def recorded(name: str) -> bytes:
    return (FOLDER / name).read_bytes()


def frames_of(data: bytes) -> list[bytes]:
    """Return the frames, each with its blank line."""
    end = b"\r\n\r\n" if b"\r\n\r\n" in data else b"\n\n"
    return [frame + end for frame in data.split(end) if frame]


def read_stream(pieces: Iterable[bytes], reading: Reading = READING) -> list[StreamEvent]:
    """Return all events of a body that comes in `pieces`."""
    decoder, frames = ChunkDecoder(reading), SseDecoder(2**20)
    events: list[StreamEvent] = []
    for piece in pieces:
        events += decoder.feed(frames.feed(piece))
    events += decoder.feed(frames.flush())
    return [*events, *decoder.close()]


def read_whole(name: str, reading: Reading = READING) -> list[StreamEvent]:
    return decode_whole(recorded(name), reading=reading)


def relay_stream(pieces: Iterable[bytes], relay: ChatRelay | None = None) -> list[StreamEvent]:
    """Return all events of a body that is relayed in `pieces`, until its finish."""
    relay = relay or plain_relay()
    events: list[StreamEvent] = []
    for piece in pieces:
        events += relay.feed(piece)
        if events and isinstance(events[-1], ResponseFinished):
            return events
    return [*events, *relay.close()]


def plain_relay(
    *, hide_usage: bool = False, respell_reasoning: bool = False, several: bool = False
) -> ChatRelay:
    return ChatRelay(
        model="asked-model",
        max_event_bytes=2**20,
        hidden=("secret-host.example",),
        hide_usage=hide_usage,
        respell_reasoning=respell_reasoning,
        several=several,
    )


def relayed(events: Iterable[StreamEvent]) -> bytes:
    return b"".join(event.data for event in events if isinstance(event, RelayedBytes))
