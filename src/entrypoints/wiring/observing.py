"""The part of the container that watches requests come and go."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ... import __version__
from ...adapters.observability.line_writer import LineWriter
from ...adapters.observability.metrics import PrometheusObserver
from ...adapters.observability.observer_group import ObserverGroup
from ...adapters.observability.request_log import RequestLog
from ...adapters.shared_memory.counts import CountTable, Seen
from ...application.ports import Clock, Observer
from ...domain.redaction import redact
from ..settings.file import Loaded
from ..settings.health import MetricsSettings
from ..settings.sections import LogSettings, Settings
from ..supervisor.lines import RUN_FOLDER_VARIABLE
from .parts import GivePart, OwnTelemetry


@dataclass(frozen=True, slots=True)
class Counting:
    """Where this process counts, and how it sees what others do; `closes` leaves it to the next."""

    table: CountTable
    seen: Callable[[], Sequence[Seen]]
    closes: Callable[[], None]


def counting(loaded: Loaded, tells: bool, part: GivePart) -> Counting | None:
    """Return where workers count together; who only asks, or serves alone, counts for itself."""
    folder = loaded.environ.get(RUN_FOLDER_VARIABLE)
    if not folder or not tells:
        return None
    shared: Counting = part("counting").counting(Path(folder))
    return shared


def metrics(
    settings: MetricsSettings, clock: Clock, counting: Counting | None
) -> PrometheusObserver:
    began = clock.monotonic()

    def uptime_s() -> float:
        return clock.monotonic() - began

    return PrometheusObserver(
        __version__,
        uptime_s,
        table=None if counting is None else counting.table,
        seen=None if counting is None else counting.seen,
        max_series=settings.max_series,
    )


def telemetry(settings: Settings, tells: bool, part: GivePart) -> OwnTelemetry | None:
    """Return what sends traces or metrics away, None where nobody wants that."""
    wanted = settings.telemetry.traces or settings.telemetry.metrics
    if not tells or not wanted:
        return None
    built: OwnTelemetry = part("telemetry", "otel").build(settings)
    return built


def observer(
    log: LogSettings,
    prometheus: PrometheusObserver,
    writer: LineWriter,
    clock: Clock,
    tells: bool,
    telemetry: OwnTelemetry | None,
) -> Observer:
    if not tells:
        return prometheus
    pretty = log.is_pretty(on_terminal=sys.stderr.isatty())
    request_log = RequestLog(writer.write, redact, clock.now, pretty=pretty, level=log.level)
    further = () if telemetry is None else telemetry.observers
    return ObserverGroup((prometheus, request_log, *further))
