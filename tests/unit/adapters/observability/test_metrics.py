from collections.abc import Mapping

import pytest
from prometheus_client.parser import text_string_to_metric_families

from modelmux.adapters.observability.metrics import PrometheusObserver
from modelmux.application.ports import Observer
from modelmux.domain.adjustments import Adjustment
from modelmux.domain.errors import UpstreamRateLimited
from tests.contracts.observer import ObserverContract, finished, refused, request


def metrics(max_series: int = 500) -> PrometheusObserver:
    return PrometheusObserver("1.2.3", lambda: 42.0, max_series=max_series)


def samples(observer: PrometheusObserver) -> Mapping[tuple[str, frozenset[tuple[str, str]]], float]:
    """Return what Prometheus would read."""
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
    page = observer.exposition().decode()
    assert 'modelmux_build_info{python="3.' in page
    assert 'version="1.2.3"' in page
    assert value(observer, "modelmux_uptime_seconds") == 42
    assert "# TYPE modelmux_http_requests_total counter" in page
    assert observer.content_type.startswith("text/plain; version=")
