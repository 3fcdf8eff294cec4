"""Spans of requests and their attempts, as OpenTelemetry's GenAI conventions have them."""

import random
from collections.abc import Callable

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import SpanContext, SpanKind, StatusCode

from modelmux.adapters.memory.clock import ManualClock
from modelmux.adapters.otel.spans import GivenIds, SpanObserver
from modelmux.application.ports import Exchange, Observer
from modelmux.application.tracing import Traces
from modelmux.domain.events import FinishReason, Usage
from modelmux.domain.trace import TracedAttempt
from tests.contracts.observer import ObserverContract, finished, refused

PARENT = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def plain(text: str) -> str:
    return text


def context_of(span: ReadableSpan) -> SpanContext:
    context = span.get_span_context()
    assert context is not None
    return context


class Told:
    """An observer, and the spans it made."""

    def __init__(self, redact: Callable[[str], str] = plain) -> None:
        self._exporter = InMemorySpanExporter()
        ids = GivenIds()
        provider = TracerProvider(ALWAYS_ON, shutdown_on_exit=False, id_generator=ids)
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.observer = SpanObserver(provider, ids, "1", redact)
        self.clock = ManualClock()

    def begin(self, exchange: Exchange, traceparent: bytes | None = None) -> Exchange:
        traces = Traces(self.clock, random.Random(5).getrandbits)
        exchange.journal.trace = traces.begin(traceparent)
        return exchange

    def spans(self) -> list[ReadableSpan]:
        return list(self._exporter.get_finished_spans())


class TestSpanObserver(ObserverContract):
    @pytest.fixture
    def observer(self) -> Observer:
        return Told().observer

    def test_takes_text_of_any_kind_where_it_is_told(self) -> None:
        told = Told()
        exchange = told.begin(finished())
        exchange.model = exchange.request_id = '"\n\x00\udcff ключ'
        told.observer.exchange_settled(exchange)
        (span,) = told.spans()
        text = str((span.attributes or {})["modelmux.request_id"])
        assert text.encode().decode() == '"\n\x00? ключ'


def attempt(span_id: int, began_at: float, **changes: object) -> TracedAttempt:
    made = TracedAttempt(span_id, "main", "vertex", "claude-test", began_at)
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def test_a_request_is_a_span_with_one_for_each_attempt_in_it() -> None:
    told = Told()
    exchange = told.begin(finished(), PARENT)
    trace = exchange.journal.trace
    assert trace is not None
    at = trace.began_at
    trace.attempts += [
        attempt(7, at, error="UpstreamFailed", ended_at=at + 0.2),
        attempt(
            8,
            at + 0.25,
            first_event_at=at + 0.75,
            ended_at=at + 1.2,
            usage=Usage(100, 20, 60, 5, 7),
            reasons=(FinishReason.STOP,),
        ),
    ]
    exchange.journal.cost = 0.5
    told.observer.exchange_settled(exchange)
    failed, answered, server = told.spans()

    assert {context_of(span).trace_id for span in (failed, answered, server)} == {
        int(PARENT[3:35], 16)
    }
    assert server.name == "POST /v1/chat/completions"
    assert server.kind is SpanKind.SERVER
    assert server.parent is not None
    assert (server.parent.span_id, server.parent.is_remote) == (int(PARENT[36:52], 16), True)
    assert context_of(server).span_id == trace.span_id
    assert server.status.status_code is StatusCode.UNSET
    assert server.start_time == int(trace.began * 1e9)
    assert (server.end_time or 0) - (server.start_time or 0) == pytest.approx(1.25e9)
    assert dict(server.attributes or {}) == {
        "http.request.method": "POST",
        "http.route": "/v1/chat/completions",
        "http.response.status_code": 200,
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "sonnet",
        "gen_ai.request.stream": True,
        "modelmux.request_id": "req_1",
        "modelmux.tenant": "acme",
        "modelmux.key_id": "key1",
        "modelmux.attempts": 2,
        "modelmux.cost_usd": 0.5,
        "modelmux.outcome": "finished",
    }
    for span, span_id in ((failed, 7), (answered, 8)):
        assert span.name == "chat claude-test"
        assert span.kind is SpanKind.CLIENT
        assert context_of(span).span_id == span_id
        assert span.parent is not None
        assert span.parent.span_id == trace.span_id
    assert failed.status.status_code is StatusCode.ERROR
    assert dict(failed.attributes or {})["error.type"] == "UpstreamFailed"
    assert dict(answered.attributes or {}) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "gcp.vertex_ai",
        "modelmux.provider": "main",
        "gen_ai.request.model": "claude-test",
        "gen_ai.request.stream": True,
        "gen_ai.response.time_to_first_chunk": pytest.approx(0.5),
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.cache_read.input_tokens": 60,
        "gen_ai.usage.cache_creation.input_tokens": 5,
        "gen_ai.usage.reasoning.output_tokens": 7,
    }


def test_a_request_of_no_trace_has_no_parent_and_a_refused_one_tells_its_error() -> None:
    told = Told()
    told.observer.exchange_settled(told.begin(refused()))
    (span,) = told.spans()
    assert span.parent is None
    assert dict(span.attributes or {})["error.type"] == "invalid_api_key"
    assert span.status.status_code is StatusCode.UNSET  # the caller's fault, says HTTP's convention


def test_a_failure_of_ours_and_a_cut_are_errors() -> None:
    told = Told()
    failed, cut = refused(), finished()
    failed.status = 502
    cut.journal.outcome = "cut"
    for exchange in (failed, cut):
        told.observer.exchange_settled(told.begin(exchange))
    assert [span.status.status_code for span in told.spans()] == [StatusCode.ERROR] * 2


def test_nothing_is_made_of_what_is_not_sampled_and_without_a_trace() -> None:
    told = Told()
    told.observer.exchange_settled(finished())
    told.observer.exchange_settled(told.begin(finished(), PARENT[:-1] + b"0"))
    assert told.spans() == []


def test_bodies_are_there_only_if_somebody_noted_them_and_then_redacted() -> None:
    told = Told(lambda text: text.replace("secret", "[redacted]"))
    exchange = told.begin(finished())
    trace = exchange.journal.trace
    assert trace is not None
    trace.request_body += b'{"key": "secret"} \xff'
    told.observer.exchange_settled(exchange)
    (span,) = told.spans()
    attributes = dict(span.attributes or {})
    assert attributes["modelmux.request.body"] == '{"key": "[redacted]"} \ufffd'
    assert "modelmux.response.body" not in attributes
