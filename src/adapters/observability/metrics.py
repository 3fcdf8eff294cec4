"""Metrics for Prometheus: counted in slots on the event loop, folded when scraped."""

import re
from collections.abc import Callable

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    ProcessCollector,
    generate_latest,
)

from ...application.ports import Event, Exchange, Observer
from ...domain.errors import ModelmuxError
from ...domain.request import GenerationRequest
from .families import Families
from .slots import OTHER, Counts

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_INDEX = re.compile(r"\[\d+\]")
_WORD_START = re.compile(r"(?<=[a-z])(?=[A-Z])")


class PrometheusObserver(Observer):
    """Counts on the event loop; `exposition` may run in a worker thread.

    `max_series` bounds the distinct (path, model) pairs and the (provider, model) pairs; what is
    over is counted as model `other`. `uptime_s` is asked at each scrape.
    """

    content_type = CONTENT_TYPE_LATEST

    def __init__(
        self, version: str, uptime_s: Callable[[], float], *, max_series: int = 500
    ) -> None:
        self._counts = Counts(max_series)
        self._outcomes: dict[type[ModelmuxError], str] = {}
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(Families(self._counts, version, uptime_s))
        ProcessCollector(registry=self._registry)

    def count(self, event: Event, *labels: str) -> None:
        key = (event, *labels)
        self._counts.events[key] = self._counts.events.get(key, 0) + 1

    def exchange_started(self) -> None:
        self._counts.in_flight += 1

    def attempt_settled(
        self, request: GenerationRequest, duration_s: float, error: ModelmuxError | None
    ) -> None:
        journal = request.journal
        target = self._counts.targets.of((journal.provider, journal.model))
        target.duration.add(duration_s)
        outcome = "ok" if error is None else self._outcome(type(error))
        target.attempts[outcome] = target.attempts.get(outcome, 0) + 1

    def exchange_settled(self, exchange: Exchange) -> None:
        self._counts.in_flight -= 1
        slot = self._counts.requests.of((exchange.path, exchange.model))
        slot.duration.add(exchange.duration_s)
        if exchange.first_byte_s is not None:
            slot.first_byte.add(exchange.first_byte_s)
        call = (exchange.method, exchange.status)
        if call in slot.calls:
            slot.calls[call] += 1
        else:
            self._count_new_call(slot.calls, call)
        journal = exchange.journal
        if not journal.provider:
            return
        if journal.attempts > 1:
            slot.retries += journal.attempts - 1
        target = self._counts.targets.of((journal.provider, journal.model))
        outcome = journal.outcome
        target.answers[outcome] = target.answers.get(outcome, 0) + 1
        usage = journal.usage
        if usage is not None:
            tokens = target.tokens
            tokens[0] += usage.input_tokens
            tokens[1] += usage.output_tokens
            tokens[2] += usage.cached_tokens
            tokens[3] += usage.cache_write_tokens
            tokens[4] += usage.reasoning_tokens
        for adjustment in journal.adjustments:
            # `messages[2].content` is one parameter, whichever message it was.
            param = _INDEX.sub("", adjustment.param)
            key = (journal.provider, param, adjustment.action)
            self._counts.adjustments.of(key).value += 1

    def exposition(self) -> bytes:
        """Return all metrics as text of type `content_type`."""
        return generate_latest(self._registry)

    def _count_new_call(self, calls: dict[tuple[str, int], int], call: tuple[str, int]) -> None:
        method, status = call
        if method not in _METHODS:
            call = (OTHER, status)  # the method is the caller's own word
        calls[call] = calls.get(call, 0) + 1

    def _outcome(self, kind: type[ModelmuxError]) -> str:
        outcome = self._outcomes.get(kind)
        if outcome is None:
            outcome = self._outcomes[kind] = _WORD_START.sub("_", kind.__name__).lower()
        return outcome
