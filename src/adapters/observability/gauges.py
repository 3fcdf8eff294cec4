"""Gauges: read from whoever has them, and put where every worker's scrape finds them."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from math import nan

from ...application.ports import Clock, Gauge, GaugeSource
from ..shared_memory.counts import CountTable
from .families import GAUGES, UPTIME
from .slots import BoundedSlots, place

_EVERY_S = 1.0


class Gauges:
    """Whoever starts it closes it; only a worker that others are beside needs to be started.

    More `sources` may be added as long as nothing was published.
    """

    def __init__(
        self,
        table: CountTable,
        uptime_s: Callable[[], float],
        sources: Iterable[GaugeSource],
        max_series: int,
    ) -> None:
        self.sources = list(sources)
        self._cells = table.cells
        self._uptime = place(table, UPTIME)
        self._uptime_s = uptime_s
        self._slots = {
            gauge: BoundedSlots[tuple[str, ...], int](
                max_series, partial(_placed_labels, table, gauge), _nobody
            )
            for gauge in Gauge
        }
        self._told: set[int] = set()
        self._task: asyncio.Task[None] | None = None

    def publish(self) -> None:
        """Read all gauges; on the event loop, for that is where their owners live."""
        cells = self._cells
        cells[self._uptime] = self._uptime_s()
        told: set[int] = set()
        for source in self.sources:
            for reading in source():
                at = self._slots[reading.gauge].of(reading.labels)
                # Two sources may tell of one: several clients of one provider.
                cells[at] = cells[at] + reading.value if at in told else reading.value
                told.add(at)
        for at in self._told - told:
            cells[at] = nan  # what it told of is no more
        self._told = told

    def start(self, clock: Clock) -> None:
        """Publish now and then: the scrape may come to another worker."""
        if self._task is None:
            self._task = asyncio.create_task(self._publish_on(clock), name="gauges")

    async def aclose(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _publish_on(self, clock: Clock) -> None:
        while True:
            self.publish()
            await clock.sleep(_EVERY_S)


def _placed_labels(table: CountTable, gauge: Gauge, labels: tuple[str, ...]) -> int:
    return place(table, GAUGES[gauge], *labels)


def _nobody(labels: tuple[str, ...]) -> tuple[str, ...]:
    """A gauge of everything else means nothing, but it is there."""
    return tuple("other" for _ in labels)
