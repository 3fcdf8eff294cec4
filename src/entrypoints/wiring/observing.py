"""The part of the container that watches requests come and go."""

import sys

from ... import __version__
from ...adapters.observability.line_writer import LineWriter
from ...adapters.observability.metrics import PrometheusObserver
from ...adapters.observability.observer_group import ObserverGroup
from ...adapters.observability.request_log import RequestLog
from ...application.ports import Clock, Observer
from ...domain.redaction import redact
from ..settings.sections import LogSettings


def metrics(clock: Clock) -> PrometheusObserver:
    began = clock.monotonic()
    return PrometheusObserver(__version__, lambda: clock.monotonic() - began)


def observer(
    log: LogSettings, prometheus: PrometheusObserver, writer: LineWriter, clock: Clock, tells: bool
) -> Observer:
    if not tells:
        return prometheus
    pretty = log.format == "pretty" or (log.format == "auto" and sys.stderr.isatty())
    request_log = RequestLog(writer.write, redact, clock.now, pretty=pretty, level=log.level)
    return ObserverGroup((prometheus, request_log))
