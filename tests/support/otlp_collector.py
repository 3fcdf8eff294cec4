"""A collector of OTLP over HTTP on loopback, which keeps what it is sent."""

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from gzip import decompress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass(slots=True)
class Collector:
    url: str
    spans: list[Span] = field(default_factory=list[Span])
    metrics: set[str] = field(default_factory=set[str])
    services: set[str] = field(default_factory=set[str])
    keys: set[str | None] = field(default_factory=set[str | None])

    def until(self, count: int, timeout_s: float = 15.0) -> list[Span]:
        """Return the spans once there are so many."""
        deadline = time.monotonic() + timeout_s
        while len(self.spans) < count:
            assert time.monotonic() < deadline, f"{len(self.spans)} spans came"
            time.sleep(0.02)
        return list(self.spans)


def attributes_of(span: Span) -> dict[str, object]:
    return {one.key: _value(one.value) for one in span.attributes}


def _value(value: AnyValue) -> object:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(one) for one in value.array_value.values]
    return getattr(value, kind or "string_value")  # getattr: a field of the union, by its name


@contextmanager
def otlp_collector() -> Generator[Collector]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = decompress(body)
            collector.keys.add(self.headers.get("x-collector-key"))
            if self.path == "/v1/traces":
                told = ExportTraceServiceRequest.FromString(body)
                for resource in told.resource_spans:
                    for one in resource.resource.attributes:
                        if one.key == "service.name":
                            collector.services.add(one.value.string_value)
                    for scope in resource.scope_spans:
                        collector.spans += scope.spans
            elif self.path == "/v1/metrics":
                measured = ExportMetricsServiceRequest.FromString(body)
                for measures in measured.resource_metrics:
                    for of_scope in measures.scope_metrics:
                        collector.metrics |= {metric.name for metric in of_scope.metrics}
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        # A002: the name is that of the class above.
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # see above
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector = Collector(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
