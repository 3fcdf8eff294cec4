"""Begins the traces of requests: whose they are part of, and whether they are told."""

from collections.abc import Callable
from dataclasses import dataclass

from ..domain.trace import Trace, TraceParent, parse_traceparent
from .ports import Clock

_MASK = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Traces:
    """A request is sampled if its caller's trace is, and without one by the share `ratio`.

    `random_bits` gives a number of that many bits. `tells` False begins only the traces of callers
    who named one, and notes nothing: their calls are then named to upstreams, and no more.
    """

    clock: Clock
    random_bits: Callable[[int], int]
    ratio: float = 1.0
    tells: bool = True

    def begin(self, traceparent: bytes | None) -> Trace | None:
        """Return the trace of a request with this header; one that is malformed counts as none."""
        parent = None
        if traceparent is not None:
            parent = parse_traceparent(traceparent.decode("latin-1"))
        if not self.tells:
            return None if parent is None else _passed_on(parent)
        if parent is not None:
            trace_id, sampled = parent.trace_id, parent.sampled
        else:
            trace_id = self.random_bits(128) or 1
            # As all of OpenTelemetry decides by a share, so that every process decides alike.
            sampled = (trace_id & _MASK) < self.ratio * 2**64
        now, at = self.clock.now(), self.clock.monotonic()
        return Trace(trace_id, self._span_id(), sampled, parent, now, at, self._span_id, sampled)

    def _span_id(self) -> int:
        return self.random_bits(64) or 1


def _passed_on(parent: TraceParent) -> Trace:
    """Return a trace in which upstream calls have the name that the caller gave its own."""
    span_id = parent.span_id
    return Trace(parent.trace_id, span_id, parent.sampled, parent, 0.0, 0.0, lambda: span_id, False)
