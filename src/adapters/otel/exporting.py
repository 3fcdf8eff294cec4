"""Sends spans and metrics over OTLP/HTTP, in threads of its own.

A collector that is slow or gone costs a request nothing: queues are bounded, and what is over is
dropped. What is not set here is read from the `OTEL_*` variables by OpenTelemetry's own library.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from ...application.ports import Observer
from .meters import MeterObserver
from .spans import GivenIds, SpanObserver

FLUSH_S = 2.0
_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Target:
    """`endpoint` is the base of OTLP's paths; None, and no headers: as the environment says."""

    endpoint: str | None
    headers: Mapping[str, str]
    service_name: str
    version: str

    def url(self, kind: str) -> str | None:
        return None if self.endpoint is None else f"{self.endpoint.rstrip('/')}/v1/{kind}"

    def resource(self) -> Resource:
        return Resource.create({"service.name": self.service_name, "service.version": self.version})


class Telemetry:
    """What watches requests, and how it is closed."""

    def __init__(
        self,
        target: Target,
        types: dict[str, str],
        redact: Callable[[str], str],
        *,
        traces: bool,
        metrics: bool,
    ) -> None:
        """Build exporters; nothing is sent yet, nobody is asked whether they are there."""
        self._traces = _tracer_provider(target) if traces else None
        self._metrics = _meter_provider(target) if metrics else None
        found: list[Observer] = []
        if self._traces is not None:
            provider, ids = self._traces
            found.append(SpanObserver(provider, ids, target.version, redact))
        if self._metrics is not None:
            found.append(MeterObserver(self._metrics.get_meter("modelmux", target.version), types))
        self.observers = tuple(found)

    def close(self) -> None:
        """Send what is left, for at most `FLUSH_S`; blocks."""
        closing = threading.Thread(target=self._shut_down, name="telemetry-close", daemon=True)
        closing.start()
        closing.join(FLUSH_S)

    def _shut_down(self) -> None:
        if self._traces is not None:
            self._traces[0].shutdown()
        if self._metrics is not None:
            self._metrics.shutdown(timeout_millis=FLUSH_S * 1000)


def _tracer_provider(target: Target) -> tuple[TracerProvider, GivenIds]:
    ids = GivenIds()
    provider = TracerProvider(
        ALWAYS_ON, target.resource(), shutdown_on_exit=False, id_generator=ids
    )
    exporter = OTLPSpanExporter(
        target.url("traces"), headers=dict(target.headers) or None, timeout=_TIMEOUT_S
    )
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider, ids


def _meter_provider(target: Target) -> MeterProvider:
    exporter = OTLPMetricExporter(
        target.url("metrics"), headers=dict(target.headers) or None, timeout=_TIMEOUT_S
    )
    reader = PeriodicExportingMetricReader(exporter)
    return MeterProvider([reader], target.resource(), shutdown_on_exit=False)
