"""StoreGuard: while the store takes no writes, calls that need it fail before they cost money."""

from ..domain.errors import StoreError
from .ports import Clock, StateStore

PROBE_EVERY_S = 1.0


class StoreGuard:
    """Knows of a write that failed until the store answers again."""

    __slots__ = ("_clock", "_probe_at", "_store")

    def __init__(self, store: StateStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._probe_at: float | None = None

    def failed(self) -> None:
        """Note that a write failed."""
        self._probe_at = self._clock.monotonic() + PROBE_EVERY_S

    async def admit(self) -> None:
        """Return if the store may be counted on; asks it, at most once a second, while it is down.

        Raises:
            StoreError: a write failed a moment ago, and no probe has succeeded since.
        """
        if self._probe_at is None:
            return
        if self._clock.monotonic() < self._probe_at:
            raise StoreError("The store of responses takes no writes at the moment.")
        self.failed()  # whoever comes meanwhile waits for this probe's second to pass
        await self._store.ping()
        self._probe_at = None
