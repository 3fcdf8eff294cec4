"""Metrics for Prometheus: counted in cells on the event loop, folded when scraped."""

import asyncio
import platform
import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from ...application.ports import Event, Exchange, GaugeSource, Observer, Totals
from ...domain.errors import ModelmuxError
from ...domain.journal import Journal
from ...domain.request import GenerationRequest
from ..shared_memory.counts import CountTable, Seen
from .exposition import page
from .families import ADJUSTMENTS, ATTEMPT_DURATION, BUILD, EVENTS, IN_FLIGHT, REQUEST_DURATION
from .gauges import Gauges
from .slots import OTHER, BoundedSlots, RequestSlot, TargetSlot, place, placed

_METHODS = frozenset(
    {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "WEBSOCKET", "JOB"}
)
_INDEX = re.compile(r"\[\d+\]")
_WORD_START = re.compile(r"(?<=[a-z])(?=[A-Z])")
# Of the target whose answer it was, these requests asked nothing.
_NOT_ASKED = frozenset({"hit", "joined"})
_TOTALS = b'["totals"]'  # requests, failures, seconds: for the health page, not for Prometheus
_TOTALS_CELLS = 3


class PrometheusObserver(Observer):
    """Counts on the event loop, in a table that the scrapes of all workers read.

    `max_series` bounds the distinct (path, model) pairs, the (provider, model) pairs and those of
    each event; what is over is counted as `other`. `seen` gives the tables of all workers, `table`
    among them. `uptime_s` and the gauges' sources are asked at each `publish`.
    """

    content_type = "text/plain; version=0.0.4; charset=utf-8"

    def __init__(
        self,
        version: str,
        uptime_s: Callable[[], float],
        *,
        table: CountTable | None = None,
        seen: Callable[[], Sequence[Seen]] | None = None,
        sources: Iterable[GaugeSource] = (),
        max_series: int = 500,
    ) -> None:
        self._table = table = table or CountTable.anonymous()
        self._cells = table.cells
        alone = (Seen("0", table),)
        self._seen: Callable[[], Sequence[Seen]] = seen or (lambda: alone)
        self._in_flight = place(table, IN_FLIGHT)
        self._cells[self._in_flight] = 0.0
        self._cells[place(table, BUILD, version, platform.python_version())] = 1.0
        self._totals = table.place(_TOTALS, _TOTALS_CELLS)
        self.gauges = Gauges(table, uptime_s, sources, max_series)
        self._outcomes: dict[type[ModelmuxError], str] = {}
        self._requests = BoundedSlots[tuple[str, str], RequestSlot](
            max_series, partial(RequestSlot, table), _other_model
        )
        self._targets = BoundedSlots[tuple[str, str], TargetSlot](
            max_series, partial(TargetSlot, table), _other_model
        )
        self._adjustments = BoundedSlots[tuple[str, str, str], int](
            max_series, lambda key: place(table, ADJUSTMENTS, *key), _other_parameter
        )
        self._events = {
            event: BoundedSlots[tuple[str, ...], int](
                max_series, partial(_placed_labels, table, event), _other_labels
            )
            for event in Event
        }
        self._go_on()
        self._scraping = asyncio.Lock()

    def count(self, event: Event, *labels: str) -> None:
        self._cells[self._events[event].of(labels)] += 1.0

    def exchange_started(self) -> None:
        self._cells[self._in_flight] += 1.0

    def attempt_settled(
        self, request: GenerationRequest, duration_s: float, error: ModelmuxError | None
    ) -> None:
        journal = request.journal
        target = self._targets.of((journal.provider, journal.model))
        target.duration.add(duration_s)
        outcome = "ok" if error is None else self._outcome(type(error))
        at = target.attempts.get(outcome)
        self._cells[target.attempt(outcome) if at is None else at] += 1.0

    def exchange_settled(self, exchange: Exchange) -> None:
        cells, journal = self._cells, exchange.journal
        cells[self._in_flight] -= 1.0
        slot = self._requests.of((exchange.path, exchange.model))
        duration_s, first_byte_s, status = (
            exchange.duration_s, exchange.first_byte_s, exchange.status,
        )  # fmt: skip
        slot.duration.add(duration_s)
        if first_byte_s is not None and slot.first_byte is not None:
            slot.first_byte.add(first_byte_s)
        at = slot.calls.get((exchange.method, status))
        cells[self._new_call(slot, exchange.method, status) if at is None else at] += 1.0
        if slot.is_asked:
            at = self._totals
            cells[at] += 1.0
            if status >= 500 or journal.outcome == "cut":
                cells[at + 1] += 1.0
            cells[at + 2] += duration_s
        if journal.provider:
            self._settle_target(exchange, journal, slot)

    def _settle_target(self, exchange: Exchange, journal: Journal, slot: RequestSlot) -> None:
        cells = self._cells
        if journal.attempts > 1:
            cells[slot.retries] += journal.attempts - 1
        target = self._targets.of((journal.provider, journal.model))
        usage, cache = journal.usage, journal.cache
        if cache not in _NOT_ASKED:
            outcome = journal.outcome
            at = target.answers.get(outcome)
            cells[target.answer(outcome) if at is None else at] += 1.0
            if exchange.chunks > 1 and exchange.first_byte_s is not None:
                streamed_s = exchange.duration_s - exchange.first_byte_s
                target.add_gap(streamed_s / (exchange.chunks - 1))
        # What the cache gave was counted, and paid for, when it was kept.
        if usage is not None and cache != "hit":
            input_, output, cached, written, reasoning = target.tokens
            cells[input_] += usage.input_tokens
            cells[output] += usage.output_tokens
            if usage.cached_tokens:
                cells[cached] += usage.cached_tokens
            if usage.cache_write_tokens:
                cells[written] += usage.cache_write_tokens
            if usage.reasoning_tokens:
                cells[reasoning] += usage.reasoning_tokens
            if journal.cost is None:
                target.add_unpriced(usage.total_tokens)
            else:
                target.add_cost(journal.cost)
        for adjustment in journal.adjustments:
            # `messages[2].content` is one parameter, whichever message it was.
            param = _INDEX.sub("", adjustment.param)
            cells[self._adjustments.of((journal.provider, param, adjustment.action))] += 1.0

    def totals(self) -> Totals:
        """Return what all workers have answered; health checks and scrapes are not in it."""
        sums = [0.0] * _TOTALS_CELLS
        for seen in self._seen():
            for record in seen.table.records():
                if record.key == _TOTALS:
                    for index in range(_TOTALS_CELLS):
                        sums[index] += seen.table.cells[record.at + index]
                    break
        return Totals(round(sums[0]), round(sums[1]), sums[2])

    def exposition(self) -> bytes:
        """Return all metrics as text of type `content_type`; may run in a worker thread."""
        return page(self._seen())

    async def show(self) -> bytes:
        """Return all metrics, gauges asked now; one page is made at a time, beside the loop."""
        async with self._scraping:
            self.gauges.publish()
            return await asyncio.to_thread(self.exposition)

    def _go_on(self) -> None:
        """Take up the label sets of the worker that counted here before: they are bounded too."""
        events = {EVENTS[event].name: slots for event, slots in self._events.items()}
        for record in self._table.records():
            name, *labels = placed(record.key)
            match name, labels:
                case REQUEST_DURATION.name, [path, route]:
                    self._requests.of((path, route))
                case ATTEMPT_DURATION.name, [provider, model]:
                    self._targets.of((provider, model))
                case ADJUSTMENTS.name, [provider, param, action]:
                    self._adjustments.of((provider, param, action))
                case _ if name in events:
                    events[name].of(tuple(labels))
                case _:
                    pass

    def _new_call(self, slot: RequestSlot, method: str, status: int) -> int:
        # The method is the caller's own word.
        return slot.call(method if method in _METHODS else OTHER, status)

    def _outcome(self, kind: type[ModelmuxError]) -> str:
        outcome = self._outcomes.get(kind)
        if outcome is None:
            outcome = self._outcomes[kind] = _WORD_START.sub("_", kind.__name__).lower()
        return outcome


def _placed_labels(table: CountTable, event: Event, labels: tuple[str, ...]) -> int:
    return place(table, EVENTS[event], *labels)


def _other_model(pair: tuple[str, str]) -> tuple[str, str]:
    return pair[0], OTHER


def _other_parameter(key: tuple[str, str, str]) -> tuple[str, str, str]:
    return key[0], OTHER, key[2]


def _other_labels(labels: tuple[str, ...]) -> tuple[str, ...]:
    """Keep the last label alone: it is one of a few words."""
    return (*(OTHER for _ in labels[1:]), *labels[-1:])
