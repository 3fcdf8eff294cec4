"""Sweeping: takes away now and then what is over its time or a limit."""

import asyncio
import logging

from ..domain.errors import StoreError
from .ports import Clock, StateStore

_log = logging.getLogger("modelmux.state")


class Sweeping:
    """Whoever starts it closes it. A sweep that fails is tried again at the next time."""

    def __init__(self, store: StateStore, clock: Clock, every_s: float) -> None:
        self._store = store
        self._clock = clock
        self._every_s = every_s
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; in a running event loop. The first sweep comes after a while."""
        if self._task is None:
            self._task = asyncio.create_task(self._sweep(), name="state-sweeping")

    async def aclose(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait((task,))

    async def _sweep(self) -> None:
        while True:
            await self._clock.sleep(self._every_s)
            try:
                swept = await self._store.sweep()
            except StoreError as error:
                _log.warning("sweep_failed", extra={"reason": error.message})
            else:
                if swept.expired or swept.crowded:
                    _log.info(
                        "state_swept", extra={"expired": swept.expired, "crowded": swept.crowded}
                    )
