"""Bodies of requests and answers in the log: off, or on with `--debug`."""

from collections.abc import Callable
from typing import Literal, TypeAlias

Direction: TypeAlias = Literal["request", "response", "upstream_request", "upstream_response"]
MAX_BODY_BYTES = 16 * 1024


class DebugLog:
    """Ask `enabled` before calling `log_body`: that is all it costs while it is off.

    `emit` takes the event's name and its fields.
    """

    __slots__ = ("_emit", "_redact", "enabled")

    def __init__(
        self, *, enabled: bool, redact: Callable[[str], str], emit: Callable[..., object]
    ) -> None:
        self.enabled = enabled
        self._redact = redact
        self._emit = emit

    def log_body(self, request_id: str, direction: Direction, data: bytes) -> None:
        """Log the beginning of `data`, redacted, and its whole size."""
        if not self.enabled:
            return
        text = self._redact(data[:MAX_BODY_BYTES].decode("utf-8", "replace"))
        self._emit(
            "body",
            request_id=request_id,
            direction=direction,
            size=len(data),
            truncated=len(data) > MAX_BODY_BYTES,
            body=text,
        )
