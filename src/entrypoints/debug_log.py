"""Bodies of requests and answers in the log, for `--debug`."""

from collections.abc import Callable
from typing import TypeAlias

BodyLog: TypeAlias = Callable[[str, str, bytes], None]
"""Told what is on its way (`request`, `response`, `chunk`), the request id, and the bytes."""

MAX_BODY_BYTES = 16 * 1024


def debug_log(redact: Callable[[str], str], emit: Callable[..., object]) -> BodyLog:
    """Return what logs the beginning of a body, redacted, and its whole size.

    `emit` takes the event's name and its fields.
    """

    def log_body(what: str, request_id: str, data: bytes) -> None:
        text = redact(data[:MAX_BODY_BYTES].decode("utf-8", "replace"))
        emit(
            "body",
            request_id=request_id,
            what=what,
            size=len(data),
            truncated=len(data) > MAX_BODY_BYTES,
            body=text,
        )

    return log_body
