"""The task that sweeps now and then."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from ...application.ports import Clock
from ...domain.errors import StoreError

_log = logging.getLogger(__name__)


class Sweeper:
    """Sweeps at its start, each `every_s`, and after `every_rows` new rows. Start it, close it.

    `sweep` returns how many rows went; `subject` names them in the log.
    """

    def __init__(
        self,
        sweep: Callable[[], Awaitable[int]],
        clock: Clock,
        subject: str,
        *,
        every_s: float,
        every_rows: int,
    ) -> None:
        self._sweep = sweep
        self._clock = clock
        self._subject = subject
        self._every_s = every_s
        self._every_rows = every_rows
        self._new_rows = 0
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"{self._subject}-sweeper")

    async def aclose(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def count(self, rows: int) -> None:
        """Note that `rows` were written."""
        self._new_rows += rows
        if self._new_rows >= self._every_rows:
            self._wake.set()

    async def _run(self) -> None:
        while True:
            try:
                deleted = await self._sweep()
                if deleted:
                    _log.info(f"{self._subject}_swept", extra={"rows": deleted})
            except StoreError as error:
                _log.warning(f"{self._subject}_not_swept", extra={"detail": error.detail})
            self._new_rows = 0
            self._wake.clear()
            await self._pause()

    async def _pause(self) -> None:
        timer = asyncio.create_task(self._clock.sleep(self._every_s))
        wake = asyncio.create_task(self._wake.wait())
        try:
            await asyncio.wait((timer, wake), return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            wake.cancel()
