"""Limits counted for all machines by one Redis: one script and one round trip for a request.

What is given back goes in the background, several at once. While Redis is gone the machine's own
count decides, which is kept beside it all the time; that it is gone, and back, is told once.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from hashlib import blake2b

from ...application.ports import (
    Clock,
    Event,
    Gauge,
    Limit,
    LimitKey,
    Observer,
    RateLimiter,
    Reading,
    Standing,
)
from ...domain.errors import StoreError
from .limit_scripts import ALIVE, GIVE, TAKE
from .names import quoted
from .server import Argument, RedisServer

_LOOK_AGAIN_S = 0.1
_ALIVE_S = 15.0
_TELL_EVERY_S = 3.0
_PROBE_EVERY_S = 1.0
_PATIENCE_S = 0.1
_IN_ONE_GIVING = 200
_MAX_GIVING = 20_000

_log = logging.getLogger("modelmux.limits")


class RedisRateLimiter(RateLimiter):
    """Whoever starts it closes it; `own` counts the same for this machine, and stands in.

    `process` is a name that no other process has: what runs is counted by process, and what one
    counted is free some seconds after it was last heard of. After each time that Redis was gone the
    process has another name, under which it counts what then runs; and after each time that it told
    what runs without an answer, for Redis may yet read that.
    """

    def __init__(
        self,
        server: RedisServer,
        own: RateLimiter,
        clock: Clock,
        observer: Observer,
        process: str,
        *,
        patience_s: float = _PATIENCE_S,
    ) -> None:
        self._server = server
        self._own = own
        self._clock = clock
        self._observer = observer
        self._name = quoted(process)
        self._times_down = 0
        self._patience_s = patience_s
        self._down = False
        self._running: Counter[LimitKey] = Counter()
        self._giving: list[tuple[Limit, float]] = []
        self._wake = asyncio.Event()
        self._takes: set[asyncio.Task[Sequence[Standing]]] = set()
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    @property
    def is_down(self) -> bool:
        """Whether the machine's own count decides at the moment."""
        return self._down

    def readings(self) -> Iterable[Reading]:
        """Return whether the server answers."""
        return (Reading(Gauge.STORE_UP, float(not self._down), ("limits",)),)

    async def start(self) -> None:
        """Tell that this process is alive, and begin to give back; in a running event loop."""
        if not self._tasks:
            await self._tell_once()
            self._tasks = (
                asyncio.create_task(self._give_all(), name="limits-giving"),
                asyncio.create_task(self._tell(), name="limits-alive"),
            )

    async def aclose(self) -> None:
        """Give back what waits, if Redis is there, and free what this process counted."""
        tasks, self._tasks = self._tasks, ()
        for task in (*tasks, *self._takes):
            task.cancel()
        if tasks or self._takes:
            await asyncio.wait((*tasks, *self._takes))
        if not self._down:
            with suppress(StoreError, TimeoutError):
                async with asyncio.timeout(self._patience_s * 5):
                    await self._flush()
                    await self._server.command("DEL", self._alive_name())

    async def take(self, wanted: Sequence[tuple[Limit, float]]) -> Sequence[Standing]:
        if self._down:
            return await self._take_own(wanted)
        if not wanted:
            return ()
        # A script that was sent is not called back: its task ends alone, and gives back.
        times_down = self._times_down
        task = asyncio.create_task(self._ask(wanted, self._process))
        self._takes.add(task)
        task.add_done_callback(self._takes.discard)
        try:
            await asyncio.wait((task,), timeout=self._patience_s)
        except asyncio.CancelledError:
            self._undo(task, wanted, times_down)
            raise
        if not task.done():
            self._undo(task, wanted, times_down)
            self._fell("it did not answer in time")
            return await self._take_own(wanted)
        try:
            standings = task.result()
        except StoreError as error:
            self._fell(error.detail or error.message)
            return await self._take_own(wanted)
        if all(standing.wait_s == 0 for standing in standings):
            self._own.give([(limit, -amount) for limit, amount in wanted])
            self._count(wanted, 1)
        return standings

    def give(self, changes: Sequence[tuple[Limit, float]]) -> None:
        self._own.give(changes)
        self._count(changes, -1)
        self._give_there(changes)

    async def _take_own(self, wanted: Sequence[tuple[Limit, float]]) -> Sequence[Standing]:
        standings = await self._own.take(wanted)
        if all(standing.wait_s == 0 for standing in standings):
            self._count(wanted, 1)
        return standings

    async def _ask(self, wanted: Sequence[tuple[Limit, float]], process: str) -> Sequence[Standing]:
        arguments: list[Argument] = [process]
        for limit, amount in wanted:
            arguments += (*self._named(limit), amount)
        found: list[list[bytes]] = await self._server.run(TAKE, *arguments)
        return [
            _standing(limit, amount, *map(float, numbers))
            for (limit, amount), numbers in zip(wanted, found, strict=True)
        ]

    @property
    def _process(self) -> str:
        return f"{self._name}.{self._times_down}"

    def _undo(
        self,
        task: asyncio.Task[Sequence[Standing]],
        wanted: Sequence[tuple[Limit, float]],
        times_down: int,
    ) -> None:
        """Give back what a task has taken that nobody waits for, once it knows.

        `times_down` is from when it asked: what it took under another name is free with that.
        """

        def ended(task: asyncio.Task[Sequence[Standing]]) -> None:
            if task.cancelled() or task.exception() or times_down != self._times_down:
                return
            if all(standing.wait_s == 0 for standing in task.result()):
                self._give_there(wanted)

        task.add_done_callback(ended)

    def _count(self, changes: Sequence[tuple[Limit, float]], sign: int) -> None:
        for limit, amount in changes:
            if limit.runs:
                left = self._running[limit.key] + sign * int(amount)
                if left > 0:
                    self._running[limit.key] = left
                else:
                    del self._running[limit.key]

    def _give_there(self, changes: Sequence[tuple[Limit, float]]) -> None:
        if self._down or len(self._giving) >= _MAX_GIVING:
            return  # what runs is told anew when it is back; the rest flows back by itself
        self._giving += changes
        self._wake.set()

    async def _give_all(self) -> None:
        while True:
            await self._wake.wait()
            try:
                await self._flush()
            except StoreError as error:
                self._fell(error.detail or error.message)

    async def _flush(self) -> None:
        while self._giving:
            some = self._giving[:_IN_ONE_GIVING]
            del self._giving[:_IN_ONE_GIVING]
            arguments: list[Argument] = [self._process]
            for limit, amount in some:
                arguments += (*self._named(limit), amount)
            await self._server.run(GIVE, *arguments)
        self._wake.clear()

    async def _tell(self) -> None:
        while True:
            await self._clock.sleep(_PROBE_EVERY_S if self._down else _TELL_EVERY_S)
            await self._tell_once()

    async def _tell_once(self) -> None:
        """Keep what this process runs counted: all of it anew where it had been forgotten."""
        told = dict(self._running)
        arguments: list[Argument] = [self._process, round(_ALIVE_S * 1000)]
        for key, count in told.items():
            arguments += (_digest(key), count)
        try:
            await self._server.run(ALIVE, *arguments)
        except StoreError as error:
            if self._down:
                self._times_down += 1
            else:
                self._fell(error.detail or error.message)
        else:
            self._came_back(told)

    def _fell(self, reason: str) -> None:
        if not self._down:
            self._down = True
            self._times_down += 1
            self._giving.clear()
            self._wake.clear()
            self._observer.count(Event.STORE, "limits", "failed")
            _log.warning("limits_counted_by_this_machine_alone", extra={"reason": reason})

    def _came_back(self, told: Mapping[LimitKey, int]) -> None:
        if self._down:
            self._down = False
            # What began or ended while that was on its way; of what runs only the key counts.
            for key in told.keys() | self._running.keys():
                if ended := told.get(key, 0) - self._running[key]:
                    self._give_there([(Limit(key, 1.0, 1.0), ended)])
            self._observer.count(Event.STORE, "limits", "back")
            _log.info("limits_shared_again")

    def _alive_name(self) -> str:
        return f"{self._server.prefix}lp:{self._process}"

    def _named(self, limit: Limit) -> tuple[str, str, float, float]:
        running = limit.runs
        return ("c" if running else "f", _digest(limit.key), limit.one_s, limit.burst)


def _standing(
    limit: Limit, amount: float, remaining: float, reset_s: float, wait_s: float
) -> Standing:
    if amount > limit.burst:
        wait_s = float("inf")
    elif limit.runs and wait_s > 0:
        wait_s = _LOOK_AGAIN_S
    return Standing(limit, remaining, reset_s, wait_s)


def _digest(key: LimitKey) -> str:
    # Lengths part the words: any of them may hold any letter.
    words = [word.encode("utf-8", "surrogatepass") for word in key]
    text = b"".join(b"%d:%s" % (len(word), word) for word in words)
    return blake2b(text, digest_size=16).hexdigest()
