"""StoreBreaker: nobody waits for a store that is gone, and few look whether it is back."""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager

from ..domain.errors import StoreError
from .ports import Event, Gauge, Reading

_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 1.0
_PROBE_S = 1.0
_DOUBT_S = 0.5

_log = logging.getLogger("modelmux.state")


def _count_nothing(event: Event, *labels: str) -> None:
    del event, labels


class StoreBreaker:
    """One for each store and process. Whoever makes it closes it.

    A lost connection means that the store is gone, a time-out that `probe` is asked; if that fails
    as well, it is gone. Then all who wait are freed, and from then on everybody is told at once.
    One task goes on to ask `probe`, at times that no two processes share. So what comes back is met
    by one question from each process, and then by traffic, through a pool that bounds it.
    """

    def __init__(
        self,
        name: str,
        *,
        count: Callable[..., None] = _count_nothing,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.name = name
        self.probe: Callable[[], Awaitable[object]] | None = None
        self._count = count
        self._sleep = sleep
        self._jitter = jitter
        self._up = True
        self._looking: asyncio.Task[None] | None = None
        self._waiting: set[asyncio.Timeout] = set()
        self._closed = False

    @property
    def is_up(self) -> bool:
        """Whether the store is there, as far as anybody knows."""
        return self._up

    def readings(self) -> Iterable[Reading]:
        """Return whether the store is up."""
        return (Reading(Gauge.STORE_UP, float(self._up), (self.name,)),)

    def check(self) -> None:
        """Return if the store may be asked.

        Raises:
            StoreError: it is gone.
        """
        if not self._up:
            raise StoreError("The store does not answer.", detail=f"{self.name} is down")

    @asynccontextmanager
    async def asking(self, within_s: float) -> AsyncGenerator[None]:
        """Bound what asks the store: in time, and by what others find out about it meanwhile.

        Raises:
            StoreError: the store is gone; it was not asked.
            TimeoutError: it did not answer in time, or is known to be gone now.
        """
        self.check()
        async with asyncio.timeout(within_s) as limit:
            self._waiting.add(limit)
            try:
                yield
            finally:
                self._waiting.discard(limit)

    def failed(self, error: BaseException) -> None:
        """Note how asking failed: by a time-out, or because the store was not there."""
        if self._looking is not None or self._closed:
            return
        if not isinstance(error, TimeoutError):
            self._go_down(error)
        self._looking = asyncio.create_task(self._look(), name=f"store-probe-{self.name}")

    async def aclose(self) -> None:
        """Look no more. Idempotent."""
        self._closed = True
        looking = self._looking
        if looking is not None:
            looking.cancel()
            await asyncio.wait((looking,))

    async def _look(self) -> None:
        try:
            pause_s = 0.0
            while not await self._answers(_PROBE_S if pause_s else _DOUBT_S):
                pause_s = min(max(pause_s * 2, _FIRST_PAUSE_S), _LONGEST_PAUSE_S)
                await self._sleep(pause_s * (0.5 + self._jitter() / 2))
        finally:
            self._looking = None
        if not self._up:
            self._up = True
            _log.warning("store_reached_again", extra={"store": self.name})
            self._count(Event.STORE, self.name, "back")

    async def _answers(self, within_s: float) -> bool:
        try:
            async with asyncio.timeout(within_s):
                if self.probe is not None:
                    await self.probe()
        except (StoreError, OSError) as error:
            self._go_down(error)
            return False
        return True

    def _go_down(self, error: BaseException) -> None:
        if not self._up:
            return
        self._up = False
        reason = f"{type(error).__name__}: {error}"[:500]
        _log.warning("store_unreachable", extra={"store": self.name, "reason": reason})
        self._count(Event.STORE, self.name, "failed")
        now = asyncio.get_running_loop().time()
        for limit in self._waiting:
            # One whose time is up in this same moment cannot be moved any more.
            if not limit.expired():
                limit.reschedule(now)
