import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence

import pytest
from prometheus_client.parser import text_string_to_metric_families

from modelmux.adapters.memory.clock import ManualClock
from modelmux.adapters.observability.families import EVENTS, FAMILIES, GAUGES
from modelmux.adapters.observability.metrics import PrometheusObserver
from modelmux.adapters.shared_memory.counts import CountTable, Seen
from modelmux.application.ports import Event, Gauge, Observer, Reading, Totals
from modelmux.domain.adjustments import Adjustment
from modelmux.domain.errors import UpstreamRateLimited
from tests.contracts.observer import ObserverContract, finished, refused, request


def metrics(max_series: int = 500) -> PrometheusObserver:
    return PrometheusObserver("1.2.3", lambda: 42.0, max_series=max_series)


def samples(observer: PrometheusObserver) -> Mapping[tuple[str, frozenset[tuple[str, str]]], float]:
    """Return what Prometheus would read."""
    observer.gauges.publish()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(observer.exposition().decode())
        for sample in family.samples
    }


def value(observer: PrometheusObserver, name: str, **labels: str) -> float | None:
    return samples(observer).get((name, frozenset(labels.items())))


class TestPrometheusObserver(ObserverContract):
    @pytest.fixture
    def observer(self) -> Observer:
        return metrics()

    def test_text_of_any_kind_still_gives_a_readable_page(self) -> None:
        observer = metrics()
        self.test_takes_text_of_any_kind(observer)
        assert samples(observer)


def test_requests_are_counted_by_method_path_and_status() -> None:
    observer = metrics()
    for exchange in (finished(), finished(), refused()):
        observer.exchange_started()
        observer.exchange_settled(exchange)
    path = "/v1/chat/completions"
    name = "modelmux_http_requests_total"
    assert value(observer, name, method="POST", path=path, status="200") == 2
    assert value(observer, name, method="POST", path=path, status="401") == 1


def test_requests_in_flight_rise_and_fall() -> None:
    observer = metrics()
    observer.exchange_started()
    observer.exchange_started()
    assert value(observer, "modelmux_requests_in_flight") == 2
    observer.exchange_settled(finished())
    assert value(observer, "modelmux_requests_in_flight") == 1


def test_durations_fall_into_cumulative_buckets_that_include_their_bound() -> None:
    observer = metrics()
    for seconds in (0.1, 0.11, 3.0):
        exchange = finished()
        exchange.duration_s = seconds
        observer.exchange_settled(exchange)
    labels = {"path": "/v1/chat/completions", "route": "sonnet"}
    name = "modelmux_request_duration_seconds"
    buckets = [
        value(observer, f"{name}_bucket", le=le, **labels)
        for le in ("0.05", "0.1", "0.25", "2.5", "5.0", "+Inf")
    ]
    assert buckets == [0, 1, 2, 2, 3, 3]
    assert value(observer, f"{name}_count", **labels) == 3
    assert value(observer, f"{name}_sum", **labels) == pytest.approx(3.21)
    first = "modelmux_time_to_first_token_seconds"
    assert value(observer, f"{first}_sum", **labels) == pytest.approx(0.9)


def test_tokens_answers_retries_and_adjustments_are_counted() -> None:
    observer = metrics()
    exchange = finished()
    exchange.journal.adjustments.append(Adjustment("messages[7].content[0]", "fetched", "."))
    observer.exchange_settled(exchange)
    target = {"provider": "vertex", "model": "claude-test"}
    kinds = ("input", "output", "cached", "cache_write", "reasoning")
    counted = [value(observer, "modelmux_tokens_total", kind=kind, **target) for kind in kinds]
    assert counted == [100, 20, 60, 5, 7]
    assert value(observer, "modelmux_answers_total", outcome="finished", **target) == 1
    route = {"path": "/v1/chat/completions", "route": "sonnet"}
    assert value(observer, "modelmux_retries_total", **route) == 1
    adjustments = "modelmux_adjustments_total"
    dropped = value(observer, adjustments, provider="vertex", param="temperature", action="dropped")
    fetched = value(
        observer, adjustments, provider="vertex", param="messages.content", action="fetched"
    )
    assert (dropped, fetched) == (1, 1)


def test_attempts_are_counted_by_their_outcome() -> None:
    observer = metrics()
    observer.attempt_settled(request(), 0.25, None)
    observer.attempt_settled(request(), 0.5, UpstreamRateLimited("slow down"))
    target = {"provider": "vertex", "model": "claude-test"}
    name = "modelmux_provider_requests_total"
    assert value(observer, name, outcome="ok", **target) == 1
    assert value(observer, name, outcome="upstream_rate_limited", **target) == 1
    duration = "modelmux_provider_request_duration_seconds"
    assert value(observer, f"{duration}_count", **target) == 2
    assert value(observer, f"{duration}_sum", **target) == 0.75


def test_names_beyond_the_bound_are_counted_as_other() -> None:
    observer = metrics(max_series=10)
    for number in range(1000):
        exchange = finished()
        exchange.model = exchange.journal.model = f"model-{number}"
        exchange.journal.adjustments = [Adjustment(f"param{number}", "dropped", ".")]
        exchange.method = f"M{number}"
        observer.exchange_settled(exchange)
        observer.attempt_settled(request(model=f"model-{number}"), 0.1, None)
    read = samples(observer)
    names = {name for name, _ in read}
    assert max(sum(other == name for other, _ in read) for name in names) < 11 * 20
    requests = {key: v for key, v in read.items() if key[0] == "modelmux_http_requests_total"}
    assert list(requests.values()) == [1000]
    attempts = {key: v for key, v in read.items() if key[0] == "modelmux_provider_requests_total"}
    assert sum(attempts.values()) == 1000
    assert len(attempts) == 11


def test_the_page_tells_what_runs() -> None:
    observer = metrics()
    assert value(observer, "modelmux_uptime_seconds") == 42
    page = observer.exposition().decode()
    assert 'modelmux_build_info{version="1.2.3",python="3.' in page
    assert "# TYPE modelmux_http_requests_total counter" not in page
    assert value(observer, "modelmux_workers") == 1
    assert value(observer, "process_open_fds", worker="0")
    assert observer.content_type.startswith("text/plain; version=")


@pytest.mark.parametrize("event", Event)
def test_every_event_is_a_counter(event: Event) -> None:
    family = EVENTS[event]
    labels = [f"a{number}" for number, _ in enumerate(family.labels)]
    observer = metrics()
    observer.count(event, *labels)
    observer.count(event, *labels)
    assert value(observer, family.name, **dict(zip(family.labels, labels, strict=True))) == 2


@pytest.mark.parametrize("gauge", Gauge)
def test_every_gauge_is_read_when_somebody_looks(gauge: Gauge) -> None:
    family = GAUGES[gauge]
    labels = tuple(f"a{number}" for number, _ in enumerate(family.labels))
    readings = [Reading(gauge, 2.5, labels)]
    observer = PrometheusObserver("1", lambda: 1.0, sources=[lambda: readings])
    told = dict(zip(family.labels, labels, strict=True))
    assert value(observer, family.name, **told) == 2.5
    readings.clear()
    assert value(observer, family.name, **told) is None


def test_names_are_in_base_units_and_name_nobody() -> None:
    private = {"key", "key_id", "user", "tenant", "request_id"}
    for family in FAMILIES.values():
        assert (family.kind == "counter") == family.name.endswith("_total"), family.name
        assert not private & set(family.labels)
        assert not family.name.endswith(("_ms", "_milliseconds", "_kb", "_percent"))


def test_a_long_label_is_counted_as_other() -> None:
    observer = metrics()
    observer.attempt_settled(request(model="m" * 100_000), 0.1, None)
    labels = {"provider": "vertex", "model": "other", "outcome": "ok"}
    assert value(observer, "modelmux_provider_requests_total", **labels) == 1
    assert len(observer.exposition()) < 20_000


def test_events_beyond_the_bound_are_counted_as_other() -> None:
    observer = metrics(max_series=10)
    for number in range(100):
        observer.count(Event.CACHE, f"route-{number}", "miss")
    name = "modelmux_cache_events_total"
    assert value(observer, name, route="route-0", event="miss") == 1
    assert value(observer, name, route="other", event="miss") == 90


def test_priced_answers_cost_and_unpriced_ones_are_never_free() -> None:
    observer = metrics()
    priced, other = finished(), finished()
    priced.journal.cost = 0.125
    observer.exchange_settled(priced)
    other.journal.model = "nobody-knows"
    observer.exchange_settled(other)
    cost = "modelmux_cost_dollars_total"
    assert value(observer, cost, provider="vertex", model="claude-test") == 0.125
    assert value(observer, cost, provider="vertex", model="nobody-knows") is None
    unpriced = "modelmux_unpriced_tokens_total"
    assert value(observer, unpriced, provider="vertex", model="nobody-knows") == 120
    assert value(observer, unpriced, provider="vertex", model="claude-test") is None


def test_what_the_cache_gave_is_not_paid_for_again() -> None:
    observer = metrics()
    exchange = finished()
    exchange.journal.cache = "hit"
    observer.exchange_settled(exchange)
    tokens = "modelmux_tokens_total"
    target = {"provider": "vertex", "model": "claude-test"}
    assert value(observer, tokens, kind="input", **target) == 0
    answers = "modelmux_answers_total"
    assert value(observer, answers, outcome="finished", **target) is None
    exchange.journal.cache = "miss"
    observer.exchange_settled(exchange)
    assert value(observer, tokens, kind="input", **target) == 100
    assert value(observer, answers, outcome="finished", **target) == 1


def test_the_gap_of_a_stream_is_its_mean() -> None:
    observer = metrics()
    exchange = finished()
    exchange.first_byte_s, exchange.duration_s, exchange.chunks = 0.25, 1.25, 11
    observer.exchange_settled(exchange)
    exchange.chunks = 1  # one piece has no gap
    observer.exchange_settled(exchange)
    target = {"provider": "vertex", "model": "claude-test"}
    assert value(observer, "modelmux_stream_gap_seconds_count", **target) == 1
    assert value(observer, "modelmux_stream_gap_seconds_sum", **target) == pytest.approx(0.1)


def test_totals_leave_out_what_machines_ask_all_the_time() -> None:
    observer = metrics()
    observer.exchange_settled(finished())
    failed, cut, health = finished(), finished(), refused()
    failed.status, cut.journal.outcome, health.path = 502, "cut", "/health"
    for exchange in (failed, cut, health):
        observer.exchange_settled(exchange)
    assert observer.totals() == Totals(3, 2, 3.75)


def beside(
    table: CountTable, seen: Sequence[Seen], readings: Sequence[Reading] = ()
) -> PrometheusObserver:
    """Return the metrics of one worker among others."""
    return PrometheusObserver(
        "1", lambda: 1.0, table=table, seen=lambda: seen, sources=[lambda: readings]
    )


def test_labels_that_callers_chose_come_back_as_they_were() -> None:
    observer = metrics()
    hostile = 'a"b\\c\nd{e}f,g="h" \t#\u2028\x7f \u043a\u043b\u044e\u0447'
    observer.attempt_settled(request(model=hostile), 0.1, None)
    labels = {"provider": "vertex", "model": hostile, "outcome": "ok"}
    assert value(observer, "modelmux_provider_requests_total", **labels) == 1


def test_a_page_of_many_targets_is_made_in_little_time() -> None:
    observer = metrics()
    for number in range(500):
        exchange = finished()
        exchange.model = exchange.journal.model = f"model-{number}"
        observer.exchange_settled(exchange)
        observer.attempt_settled(request(model=exchange.model), 0.1, None)
    observer.exposition()
    began = time.process_time()
    page = observer.exposition()
    assert time.process_time() - began < 0.4  # a tenth of that, where nothing else runs
    assert page.count(b"\n") > 30_000


def workers(count: int) -> Iterator[tuple[CountTable, list[Seen]]]:
    tables = [CountTable.anonymous() for _ in range(count)]
    seen = [Seen(str(number), table) for number, table in enumerate(tables)]
    return ((table, seen) for table in tables)


def test_a_scrape_of_any_worker_adds_all_of_them_up() -> None:
    observers = [beside(table, seen) for table, seen in workers(3)]
    for observer in observers:
        observer.exchange_started()
        observer.exchange_started()
        observer.exchange_settled(finished())
    route = {"path": "/v1/chat/completions", "route": "sonnet"}
    for observer in observers:
        assert value(observer, "modelmux_request_duration_seconds_count", **route) == 3
        assert value(observer, "modelmux_requests_in_flight") == 3
        assert value(observer, "modelmux_workers") == 3
        assert observer.totals().requests == 3


def gauges_of(tables: Iterable[tuple[CountTable, list[Seen]]], values: list[float]) -> None:
    for (table, seen), number in zip(tables, values, strict=True):
        readings = [
            Reading(Gauge.LOOP_LAG_S, number),
            Reading(Gauge.CACHE_ENTRIES, number),
            Reading(Gauge.STORE_UP, number, ("state",)),
        ]
        beside(table, seen, readings).gauges.publish()


def test_gauges_of_workers_are_added_or_the_worst_is_told() -> None:
    tables = list(workers(2))
    gauges_of(tables, [1.0, 0.0])
    observer = PrometheusObserver("1", lambda: 1.0, seen=lambda: tables[0][1])
    assert value(observer, "modelmux_event_loop_lag_seconds") == 1
    assert value(observer, "modelmux_cache_entries") == 1
    assert value(observer, "modelmux_store_up", store="state") == 0


def test_of_a_dead_worker_counters_stay_and_gauges_go() -> None:
    (table, _), (dead, _) = workers(2)
    gone = PrometheusObserver("1", lambda: 1.0, table=dead)
    gone.exchange_started()
    gone.exchange_settled(finished())
    gone.exchange_started()
    seen = (Seen("0", table), Seen("1", dead, live=False))
    observer = PrometheusObserver("1", lambda: 1.0, table=table, seen=lambda: seen)
    assert value(observer, "modelmux_requests_in_flight") == 0
    assert observer.totals().requests == 1
    route = {"path": "/v1/chat/completions", "route": "sonnet"}
    assert value(observer, "modelmux_request_duration_seconds_count", **route) == 1


def test_who_goes_on_counting_where_another_ended_is_bounded_as_it_was() -> None:
    table = CountTable.anonymous()

    def worker() -> PrometheusObserver:
        return PrometheusObserver("1", lambda: 1.0, table=table, max_series=10)

    for generation in range(5):
        observer = worker()
        for number in range(10):
            observer.attempt_settled(request(model=f"model-{generation}-{number}"), 0.1, None)
        table.begin()
    observer = worker()
    series = [key for key in samples(observer) if key[0] == "modelmux_provider_requests_total"]
    assert len(series) == 11


async def test_gauges_are_published_for_the_scrapes_of_other_workers() -> None:
    (table, seen), (other, _) = workers(2)
    clock, readings = ManualClock(), [Reading(Gauge.JOBS, 2.0), Reading(Gauge.JOBS, 1.0)]
    publishing, scraped = beside(table, seen, readings), beside(other, seen)
    publishing.gauges.start(clock)
    try:
        for told in (3.0, None):
            for _ in range(3):
                await asyncio.sleep(0)
            # Not `value`, which would have the scraped worker read its own.
            assert ("modelmux_background_jobs 3.0" in scraped.exposition().decode()) is bool(told)
            readings.clear()
            clock.advance(1.0)
    finally:
        await publishing.gauges.aclose()
    assert clock.sleepers == 0


async def test_a_page_is_made_beside_the_loop() -> None:
    observer = metrics()
    observer.exchange_settled(finished())
    assert b"modelmux_uptime_seconds 42.0" in await observer.show()
