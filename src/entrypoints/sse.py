"""Server-sent events, write side."""

SSE_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    # nginx in front of us would hold events back until its buffer is full.
    (b"x-accel-buffering", b"no"),
)
DONE = b"data: [DONE]\n\n"
COMMENT = b": keep-alive\n\n"


def data_frame(data: bytes) -> bytes:
    """Return an event without a name; `data` is one line."""
    return b"data: " + data + b"\n\n"
