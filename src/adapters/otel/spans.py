"""Turns a request that is over into spans: one for it, and one for each attempt at an upstream.

Nothing is made before the end, and nothing for a request that is not sampled: a span costs some
30 µs. The ids are those that upstreams were already told.
"""

from collections.abc import Callable, Mapping

from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)
from opentelemetry.util.types import AttributeValue

from ...application.ports import Event, Exchange, Observer
from ...domain.errors import ModelmuxError
from ...domain.request import GenerationRequest
from ...domain.trace import Trace, TracedAttempt
from . import names


class GivenIds(IdGenerator):
    """Gives the ids it was given last; asked on the event loop alone, right after."""

    def __init__(self) -> None:
        self.trace_id = 1
        self.span_id = 1

    def generate_trace_id(self) -> int:
        return self.trace_id

    def generate_span_id(self) -> int:
        return self.span_id


class SpanObserver(Observer):
    """`provider` samples everything: what is not sampled never gets here.

    `redact` passes over bodies, where the trace holds any.
    """

    def __init__(
        self,
        provider: TracerProvider,
        ids: GivenIds,
        version: str,
        redact: Callable[[str], str],
    ) -> None:
        self._redact = redact
        self._tracer = provider.get_tracer("modelmux", version)
        self._ids = ids

    def count(self, event: Event, *labels: str) -> None:
        """Counts are for metrics."""

    def exchange_started(self) -> None:
        """A request is told when it is over."""

    def attempt_settled(
        self, request: GenerationRequest, duration_s: float, error: ModelmuxError | None
    ) -> None:
        """Attempts are noted in the trace of their request."""

    def exchange_settled(self, exchange: Exchange) -> None:
        trace = exchange.journal.trace
        if trace is None or not trace.told:
            return
        operation = names.operation_of(exchange.path)
        for attempt in trace.attempts:
            self._tell_attempt(trace, attempt, operation, exchange)
        self._tell_request(trace, exchange, operation)

    def _tell_request(self, trace: Trace, exchange: Exchange, operation: str) -> None:
        parent = trace.parent
        around = None if parent is None else _within(trace.trace_id, parent.span_id, remote=True)
        end_at = trace.began_at + exchange.duration_s
        attributes = _of_request(exchange, operation)
        for name, body in (
            (names.REQUEST_BODY, trace.request_body),
            (names.RESPONSE_BODY, trace.response_body),
        ):
            if body:
                attributes[name] = self._redact(body.decode("utf-8", "replace"))
        failed = exchange.status >= 500 or exchange.journal.outcome == "cut"
        self._tell(
            trace,
            trace.span_id,
            f"{exchange.method} {exchange.path}",
            SpanKind.SERVER,
            around or Context(),
            attributes,
            (trace.began_at, end_at),
            failed=failed,
        )

    def _tell_attempt(
        self, trace: Trace, attempt: TracedAttempt, operation: str, exchange: Exchange
    ) -> None:
        ended_at = attempt.ended_at
        self._tell(
            trace,
            attempt.span_id,
            f"{operation} {attempt.model}",
            SpanKind.CLIENT,
            _within(trace.trace_id, trace.span_id, remote=False),
            _of_attempt(attempt, operation, stream=exchange.stream),
            (
                attempt.began_at,
                trace.began_at + exchange.duration_s if ended_at is None else ended_at,
            ),
            failed=attempt.error is not None,
        )

    def _tell(
        self,
        trace: Trace,
        span_id: int,
        name: str,
        kind: SpanKind,
        around: Context,
        attributes: Mapping[str, AttributeValue],
        times: tuple[float, float],
        *,
        failed: bool,
    ) -> None:
        self._ids.trace_id, self._ids.span_id = trace.trace_id, span_id
        began_at, ended_at = times
        span = self._tracer.start_span(
            name, around, kind, attributes, start_time=_epoch_ns(trace, began_at)
        )
        if failed:
            span.set_status(Status(StatusCode.ERROR))
        span.end(_epoch_ns(trace, max(ended_at, began_at)))


def _within(trace_id: int, span_id: int, *, remote: bool) -> Context:
    context = SpanContext(trace_id, span_id, remote, TraceFlags(TraceFlags.SAMPLED))
    return set_span_in_context(NonRecordingSpan(context), Context())


def _epoch_ns(trace: Trace, at: float) -> int:
    return int((trace.began + at - trace.began_at) * 1e9)


def _sendable(told: Mapping[str, AttributeValue | None]) -> dict[str, AttributeValue]:
    """Return what is known. Half a surrogate pair in one text would lose the whole batch."""
    return {
        name: value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
        for name, value in told.items()
        if value is not None
    }


def _of_request(exchange: Exchange, operation: str) -> dict[str, AttributeValue]:
    journal = exchange.journal
    told: dict[str, AttributeValue | None] = {
        names.METHOD: exchange.method,
        names.ROUTE: exchange.path,
        names.STATUS: exchange.status,
        names.OPERATION: operation,
        names.REQUEST_MODEL: exchange.model or None,
        names.REQUEST_STREAM: exchange.stream,
        names.REQUEST_ID: exchange.request_id,
        names.TENANT: exchange.tenant or None,
        names.KEY_ID: exchange.key_id,
        names.CONFIGURED_ROUTE: journal.route or None,
        names.CACHE: journal.cache or None,
        names.ATTEMPTS: journal.attempts,
        names.COST: journal.cost,
        names.OUTCOME: journal.outcome or None,
        names.CLIENT_GONE: exchange.client_gone or None,
        names.ERROR_TYPE: exchange.error,
    }
    return _sendable(told)


def _of_attempt(
    attempt: TracedAttempt, operation: str, *, stream: bool
) -> dict[str, AttributeValue]:
    usage, first = attempt.usage, attempt.first_event_at
    told: dict[str, AttributeValue | None] = {
        names.OPERATION: operation,
        names.PROVIDER: names.PROVIDERS.get(attempt.type, attempt.type),
        names.CONFIGURED_PROVIDER: attempt.provider,
        names.REQUEST_MODEL: attempt.model,
        names.REQUEST_STREAM: stream,
        names.FIRST_CHUNK: None if first is None else first - attempt.began_at,
        names.FINISH_REASONS: [reason.value for reason in attempt.reasons] or None,
        names.ERROR_TYPE: attempt.error,
    }
    if usage is not None:
        told[names.INPUT_TOKENS] = usage.input_tokens
        told[names.OUTPUT_TOKENS] = usage.output_tokens
        told[names.CACHE_READ_TOKENS] = usage.cached_tokens or None
        told[names.CACHE_WRITE_TOKENS] = usage.cache_write_tokens or None
        told[names.REASONING_TOKENS] = usage.reasoning_tokens or None
    return _sendable(told)
