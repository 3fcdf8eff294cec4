"""Every metric there is: its name, what it means and its labels.

docs/observability/metrics.md tells the same to people; a test compares them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ...application.ports import Event, Gauge

# Seconds: from a health check to a long thought.
TIMES = (
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0,
)  # fmt: skip
# Seconds: from a burst to a model that thinks between two words.
GAPS = (
    0.001, 0.0025, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0,
)  # fmt: skip


class Kind(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Fold(StrEnum):
    """How the values of several workers make one."""

    SUM = "sum"
    MAX = "max"
    MIN = "min"


@dataclass(frozen=True, slots=True)
class Family:
    """`bounds` are a histogram's; a gauge counts only where its worker lives."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    kind: Kind = Kind.COUNTER
    fold: Fold = Fold.SUM
    bounds: tuple[float, ...] = ()

    @property
    def cells(self) -> int:
        """How many doubles it takes: of a histogram the buckets, one for all above, the sum."""
        return len(self.bounds) + 2 if self.bounds else 1


def _gauge(name: str, help_: str, labels: tuple[str, ...] = (), fold: Fold = Fold.SUM) -> Family:
    return Family(name, help_, labels, Kind.GAUGE, fold)


def _histogram(
    name: str, help_: str, labels: tuple[str, ...], bounds: tuple[float, ...] = TIMES
) -> Family:
    return Family(name, help_, labels, Kind.HISTOGRAM, bounds=bounds)


_ROUTE = ("path", "route")
_TARGET = ("provider", "model")

HTTP_REQUESTS = Family(
    "modelmux_http_requests_total", "Requests that are over.", ("method", "path", "status")
)
REQUEST_DURATION = _histogram(
    "modelmux_request_duration_seconds",
    "From a request's head to the last byte of its answer.",
    _ROUTE,
)
FIRST_TOKEN = _histogram(
    "modelmux_time_to_first_token_seconds",
    "From a request's head to the first byte of its answer.",
    _ROUTE,
)
RETRIES = Family("modelmux_retries_total", "Attempts after the first.", _ROUTE)
ATTEMPTS = Family(
    "modelmux_provider_requests_total",
    "Attempts at upstreams, by how their opening ended.",
    (*_TARGET, "outcome"),
)
ATTEMPT_DURATION = _histogram(
    "modelmux_provider_request_duration_seconds",
    "From an attempt's start to its first events, or to its failure.",
    _TARGET,
)
ANSWERS = Family(
    "modelmux_answers_total",
    "Answers by their end: finished, cut, cancelled or failed.",
    (*_TARGET, "outcome"),
)
STREAM_GAP = _histogram(
    "modelmux_stream_gap_seconds",
    "The mean time between two pieces of one streamed answer.",
    _TARGET,
    GAPS,
)
TOKENS = Family(
    "modelmux_tokens_total",
    "Tokens as upstreams counted them; input includes cached, output includes reasoning.",
    (*_TARGET, "kind"),
)
COST = Family(
    "modelmux_cost_dollars_total", "US dollars, by the price table, of priced models.", _TARGET
)
UNPRICED = Family(
    "modelmux_unpriced_tokens_total", "Tokens of models whose price nobody knows.", _TARGET
)
ADJUSTMENTS = Family(
    "modelmux_adjustments_total",
    "Changes made to requests so that a target could take them.",
    ("provider", "param", "action"),
)
IN_FLIGHT = _gauge("modelmux_requests_in_flight", "Requests begun and not over.")
UPTIME = _gauge("modelmux_uptime_seconds", "Time since the oldest worker's start.", fold=Fold.MAX)
BUILD = _gauge("modelmux_build_info", "What is running; always 1.", ("version", "python"), Fold.MAX)
WORKERS = _gauge("modelmux_workers", "Processes that serve.")
DROPPED = Family(
    "modelmux_dropped_series_total", "Label sets that found no room and are not counted."
)

EVENTS: Mapping[Event, Family] = {
    Event.BREAKER: Family(
        "modelmux_breaker_changes_total",
        "Circuit breakers that went open, half_open or closed.",
        (*_TARGET, "state"),
    ),
    Event.CACHE: Family(
        "modelmux_cache_events_total",
        "What the cache of answers did: hit, miss, bypass, stored, evicted, refused or joined.",
        ("route", "event"),
    ),
    Event.HEDGE: Family(
        "modelmux_hedges_total", "Second attempts beside a slow one: started, won.",
        ("route", "event"),
    ),
    Event.KEY_ROTATED: Family(
        "modelmux_key_rotations_total", "Changes to a provider's next key.", ("provider",)
    ),
    Event.LIMIT: Family(
        "modelmux_limit_events_total",
        "Requests that a limit refused or let wait.",
        ("scope", "kind", "event"),
    ),
    Event.PROOF: Family(
        "modelmux_proofs_total",
        "Vendors' proofs for clients that cannot carry them: kept, put_back or missing.",
        ("event",),
    ),
    Event.RETRY_DENIED: Family(
        "modelmux_retries_denied_total",
        "Retries and failovers that the retry budget did not allow.",
        ("provider",),
    ),
    Event.SHED: Family(
        "modelmux_shed_total", "Requests refused because the gateway had too much to do.",
        ("reason",),
    ),
    Event.STORE: Family(
        "modelmux_store_events_total", "Stores that failed, or came back.", ("store", "event")
    ),
}  # fmt: skip

GAUGES: Mapping[Gauge, Family] = {
    Gauge.BREAKER_OPEN: _gauge(
        "modelmux_breaker_state", "0 closed, 0.5 half open, 1 open.", _TARGET, Fold.MAX
    ),
    Gauge.CACHE_BYTES: _gauge("modelmux_cache_bytes", "What the cache of answers holds."),
    Gauge.CACHE_ENTRIES: _gauge("modelmux_cache_entries", "Answers in the cache."),
    Gauge.CONNECTIONS: _gauge(
        "modelmux_pool_connections",
        "Connections to upstreams: open are all of them, idle those that wait for use.",
        ("provider", "state"),
    ),
    Gauge.JOBS: _gauge("modelmux_background_jobs", "Background responses that run."),
    Gauge.LOOP_LAG_S: _gauge(
        "modelmux_event_loop_lag_seconds", "By how much timers come late.", fold=Fold.MAX
    ),
    Gauge.RESTING_S: _gauge(
        "modelmux_target_resting_seconds",
        "How long a target is still left alone because it asked for it.",
        _TARGET,
        Fold.MAX,
    ),
    Gauge.STORE_UP: _gauge(
        "modelmux_store_up", "1 if the store takes what it is given.", ("store",), Fold.MIN
    ),
    Gauge.STREAMS: _gauge("modelmux_open_streams", "Streamed answers that run."),
    Gauge.TARGET_IN_FLIGHT: _gauge(
        "modelmux_target_requests_in_flight", "Calls that run at a target.", _TARGET
    ),
    Gauge.WAITING: _gauge(
        "modelmux_waiting_requests", "Requests that wait for a slot or a limit.", ("place",)
    ),
}

PROCESS: Mapping[str, Family] = {
    family.name: family
    for family in (
        Family("process_cpu_seconds_total", "Processor time of a worker.", ("worker",)),
        _gauge("process_resident_memory_bytes", "Memory of a worker.", ("worker",)),
        _gauge("process_virtual_memory_bytes", "Address space of a worker.", ("worker",)),
        _gauge("process_start_time_seconds", "When a worker began, Unix time.", ("worker",)),
        _gauge("process_open_fds", "Open files and sockets of a worker.", ("worker",)),
        _gauge("process_max_fds", "The most that a worker may open.", ("worker",)),
    )
}

FAMILIES: Mapping[str, Family] = {
    family.name: family
    for family in (
        BUILD, UPTIME, WORKERS, DROPPED, IN_FLIGHT, HTTP_REQUESTS, REQUEST_DURATION, FIRST_TOKEN,
        RETRIES, ATTEMPTS, ATTEMPT_DURATION, ANSWERS, STREAM_GAP, TOKENS, COST, UNPRICED,
        ADJUSTMENTS, *EVENTS.values(), *GAUGES.values(), *PROCESS.values(),
    )
}  # fmt: skip
"""All of them by name, in the order of the page."""
