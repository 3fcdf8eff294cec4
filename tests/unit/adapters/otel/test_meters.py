"""Metrics of OpenTelemetry's, by its GenAI conventions."""

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    HistogramDataPoint,
    InMemoryMetricReader,
    MetricsData,
)

from modelmux.adapters.otel.meters import MeterObserver
from modelmux.application.ports import Observer
from tests.contracts.observer import ObserverContract, finished, refused


def observer_and_reader() -> tuple[MeterObserver, InMemoryMetricReader]:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    return MeterObserver(provider.get_meter("test"), {"vertex": "vertex"}), reader


def points(data: MetricsData | None) -> dict[tuple[str, str], HistogramDataPoint]:
    """Return each series by the metric's name and the type of tokens."""
    assert data is not None
    found: dict[tuple[str, str], HistogramDataPoint] = {}
    for metric in data.resource_metrics[0].scope_metrics[0].metrics:
        for point in metric.data.data_points:
            assert isinstance(point, HistogramDataPoint)
            attributes = dict(point.attributes or {})
            assert attributes.pop("gen_ai.provider.name") == "gcp.vertex_ai"
            assert attributes.pop("gen_ai.request.model") == "sonnet"
            assert attributes.pop("gen_ai.operation.name") == "chat"
            found[metric.name, str(attributes.get("gen_ai.token.type", ""))] = point
    return found


class TestMeterObserver(ObserverContract):
    @pytest.fixture
    def observer(self) -> Observer:
        return observer_and_reader()[0]


def test_tokens_and_durations_are_recorded() -> None:
    observer, reader = observer_and_reader()
    for _ in range(3):
        observer.exchange_settled(finished())
    observer.exchange_settled(refused())  # no model was asked
    told = points(reader.get_metrics_data())
    assert {key: (point.count, point.sum) for key, point in told.items()} == {
        ("gen_ai.client.operation.duration", ""): (3, 3.75),
        ("gen_ai.client.token.usage", "input"): (3, 300),
        ("gen_ai.client.token.usage", "output"): (3, 60),
    }
    bounds = told["gen_ai.client.operation.duration", ""].explicit_bounds
    assert (bounds[0], bounds[-1]) == (0.01, 81.92)
