"""Traces: which call belongs to which, over the borders of processes.

Source: W3C Trace Context, https://www.w3.org/TR/trace-context/ (version 00). `tracestate` is other
vendors' and is not read.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from .events import FinishReason, Usage

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_SAMPLED = 1


@dataclass(frozen=True, slots=True)
class TraceParent:
    """A call as others name it: neither id is 0."""

    trace_id: int
    span_id: int
    sampled: bool

    def __str__(self) -> str:
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-{int(self.sampled):02x}"


def parse_traceparent(text: str) -> TraceParent | None:
    """Return what the header says, None for one that is not exactly as the standard has it."""
    match = _TRACEPARENT.fullmatch(text) if len(text) <= 256 else None
    if match is None or match[1] == "ff" or (match[1] == "00" and match[5] is not None):
        return None
    trace_id, span_id = int(match[2], 16), int(match[3], 16)
    if not trace_id or not span_id:
        return None
    return TraceParent(trace_id, span_id, bool(int(match[4], 16) & _SAMPLED))


@dataclass(slots=True)
class TracedAttempt:
    """One call of an upstream; times are monotonic seconds, `ended_at` None while it runs."""

    span_id: int
    provider: str
    type: str
    model: str
    began_at: float
    first_event_at: float | None = None
    ended_at: float | None = None
    error: str | None = None
    usage: Usage | None = None
    reasons: tuple[FinishReason, ...] = ()


@dataclass(slots=True)
class Trace:
    """One request's part in a trace.

    `parent` is the caller's call, if it named one. `began_at` is the same moment in monotonic
    seconds as `began` in seconds since the epoch. `told` says whether anything is noted: where it
    is sampled, and somebody is there to be told.
    `request_body` and `response_body` are their beginnings, as they came, where content is wanted.
    """

    trace_id: int
    span_id: int
    sampled: bool
    parent: TraceParent | None
    began: float
    began_at: float
    new_span_id: Callable[[], int]
    told: bool
    attempts: list[TracedAttempt] = field(default_factory=list[TracedAttempt])
    request_body: bytearray = field(default_factory=bytearray)
    response_body: bytearray = field(default_factory=bytearray)

    def header(self, span_id: int) -> str:
        """Return the `traceparent` of a call that is made for this request."""
        return str(TraceParent(self.trace_id, span_id, self.sampled))
