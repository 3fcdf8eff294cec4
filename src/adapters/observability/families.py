"""The metrics' names, labels and help texts, and how slots become them."""

import platform
from collections import Counter as Tally
from collections.abc import Callable, Iterator

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from .slots import Counts

_TOKEN_KINDS = ("input", "output", "cached", "cache_write", "reasoning")


class Families(Collector):
    """Reads `counts`; a scrape may run beside the counting and then sees it half a request late."""

    def __init__(self, counts: Counts, version: str, uptime_s: Callable[[], float]) -> None:
        self._counts = counts
        self._version = version
        self._uptime_s = uptime_s

    def collect(self) -> Iterator[Metric]:
        yield from self._process()
        yield from self._requests()
        yield from self._targets()
        adjustments = CounterMetricFamily(
            "modelmux_adjustments",
            "Changes made to requests so that a target could take them.",
            labels=("provider", "param", "action"),
        )
        for key, counter in self._counts.adjustments.items():
            adjustments.add_metric(_labels(*key), counter.value)
        yield adjustments

    def _process(self) -> Iterator[Metric]:
        build = GaugeMetricFamily(
            "modelmux_build_info", "What is running; always 1.", labels=("version", "python")
        )
        build.add_metric(_labels(self._version, platform.python_version()), 1)
        yield build
        yield GaugeMetricFamily(
            "modelmux_uptime_seconds", "Time since the start.", value=self._uptime_s()
        )
        yield GaugeMetricFamily(
            "modelmux_requests_in_flight",
            "Requests begun and not over.",
            value=self._counts.in_flight,
        )

    def _requests(self) -> Iterator[Metric]:
        calls = CounterMetricFamily(
            "modelmux_http_requests", "Requests that are over.", labels=("method", "path", "status")
        )
        duration = HistogramMetricFamily(
            "modelmux_request_duration_seconds",
            "From a request's head to the last byte of its answer.",
            labels=("path", "route"),
        )
        first_byte = HistogramMetricFamily(
            "modelmux_time_to_first_token_seconds",
            "From a request's head to the first byte of its answer.",
            labels=("path", "route"),
        )
        retries = CounterMetricFamily(
            "modelmux_retries", "Attempts after the first.", labels=("path", "route")
        )
        tally: Tally[tuple[str, str, int]] = Tally()
        for (path, route), slot in self._counts.requests.items():
            labels = _labels(path, route)
            for (method, status), count in list(slot.calls.items()):
                tally[method, path, status] += count
            duration.add_metric(labels, slot.duration.cumulative(), slot.duration.total)
            if route:
                first_byte.add_metric(labels, slot.first_byte.cumulative(), slot.first_byte.total)
                retries.add_metric(labels, slot.retries)
        for (method, path, status), count in tally.items():
            calls.add_metric(_labels(method, path, str(status)), count)
        yield from (calls, duration, first_byte, retries)

    def _targets(self) -> Iterator[Metric]:
        attempts = CounterMetricFamily(
            "modelmux_provider_requests",
            "Attempts at upstreams, by how their opening ended.",
            labels=("provider", "model", "outcome"),
        )
        duration = HistogramMetricFamily(
            "modelmux_provider_request_duration_seconds",
            "From an attempt's start to its first events, or to its failure.",
            labels=("provider", "model"),
        )
        answers = CounterMetricFamily(
            "modelmux_answers",
            "Answers by their end: finished, cut, cancelled or failed.",
            labels=("provider", "model", "outcome"),
        )
        tokens = CounterMetricFamily(
            "modelmux_tokens",
            "Tokens as upstreams counted them; input includes cached, output includes reasoning.",
            labels=("provider", "model", "kind"),
        )
        for (provider, model), slot in self._counts.targets.items():
            labels = _labels(provider, model)
            for outcome, count in list(slot.attempts.items()):
                attempts.add_metric([*labels, outcome], count)
            for outcome, count in list(slot.answers.items()):
                answers.add_metric([*labels, outcome], count)
            duration.add_metric(labels, slot.duration.cumulative(), slot.duration.total)
            for kind, count in zip(_TOKEN_KINDS, slot.tokens, strict=True):
                tokens.add_metric([*labels, kind], count)
        yield from (attempts, duration, answers, tokens)


def _labels(*values: str) -> list[str]:
    # Half a surrogate pair has no UTF-8, and one such label would take the whole page with it.
    return [value.encode("utf-8", "backslashreplace").decode() for value in values]
