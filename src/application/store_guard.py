"""StoreGuard: while the store takes no writes, calls that need it fail before they cost money."""

import logging
from collections.abc import Callable, Iterable

from ..domain.errors import StoreError
from .ports import Clock, Gauge, Reading, StateStore

PROBE_EVERY_S = 1.0

_log = logging.getLogger("modelmux.state")


def _nothing_amiss() -> bool:
    return True


class StoreGuard:
    """Knows of a failure until the store takes writes again; tells in the log of both.

    `is_there` says whether the server behind it can be reached at all, as far as is known.
    """

    __slots__ = ("_clock", "_is_there", "_probe_at", "_store")

    def __init__(
        self, store: StateStore, clock: Clock, is_there: Callable[[], bool] = _nothing_amiss
    ) -> None:
        self._store = store
        self._clock = clock
        self._is_there = is_there
        self._probe_at: float | None = None

    def failed(self, error: StoreError) -> None:
        """Note that the store did not do what it was asked."""
        if self._probe_at is None:
            _log.warning("store_down", extra={"reason": error.detail or error.message})
        self._wait()

    @property
    def is_up(self) -> bool:
        """Whether the store took what it was given last, as far as anybody knows."""
        return self._probe_at is None and self._is_there()

    def readings(self) -> Iterable[Reading]:
        """Return whether the store is up."""
        return (Reading(Gauge.STORE_UP, float(self.is_up), ("state",)),)

    async def admit(self) -> None:
        """Return if the store may be counted on; asks it, at most once a second, while it is down.

        Raises:
            StoreError: it failed a moment ago, and no probe has succeeded since.
        """
        if not self._is_there():
            raise StoreError("The store of responses does not answer at the moment.")
        if self._probe_at is None:
            return
        if self._clock.monotonic() < self._probe_at:
            raise StoreError("The store of responses takes no writes at the moment.")
        self._wait()  # whoever comes meanwhile is refused until this probe's second has passed
        await self._store.ping()
        self._recover()

    def _recover(self) -> None:
        if self._probe_at is not None:  # two probes may have been under way
            self._probe_at = None
            _log.info("store_up_again")

    def _wait(self) -> None:
        self._probe_at = self._clock.monotonic() + PROBE_EVERY_S
