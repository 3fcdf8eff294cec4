"""Refuses new calls while there are more of them than this process can answer.

Time: the loop takes in all that has arrived and then runs what that set going, in turns. A turn
that has lasted `target_lag_s` begins no further calls: they wait in a room, first come first
served, and each turn lets as many out as keeps it at that length. So a burst is worked off, and
nobody who looks in from outside waits long to be looked at. The room holds what `max_lag_s` can
work off; who comes while it is full is refused, by the connection itself and before there is a
task for him, at a fraction of an answer's price. The loop is never idle while it refuses.

Memory: from nine tenths on large bodies are refused, from ten all, while anything runs that
could give some back. What runs is never ended; health and metrics are always answered.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..application.ports import Event, Observer
from .loop_lag import LoopLag
from .memory_use import MemoryUse
from .messages.style import style_of
from .shed_answers import ShedAnswers, overloaded, plain_call

_log = logging.getLogger("modelmux.overload")

# So many calls of a turn begin however long it has lasted: something else may take the time.
_CROWD = 4
_LEAST_ROOM = 16
# How much more or less a turn may let out than the one before it.
_LESS, _MORE = 0.7, 1.25
# What a refusal costs of the processor, rather too much: too little would let those who ask again
# at once take the time of all others, far too much would make turns long. At most so much of a turn
# is put down to refusals.
_REFUSAL_S = 45e-6
_MOST_REFUSING = 0.75
_WEIGHT = 0.1
_LARGE_BYTES: Final = 256 * 1024
_NEARLY_FULL = 0.9
_FULL = 1.0
_TICKS_A_LOOK = 10
_SHED_PREFIX: Final = "/v1/"


@dataclass(frozen=True, slots=True)
class ShedTerms:
    """`max_connections` None: as many as the system gives."""

    target_lag_s: float = 0.02
    max_lag_s: float = 0.25
    max_connections: int | None = None


class Shedding:
    """Decides at the head of each call; `running` tells how many calls run.

    `busy` tells how many seconds the processor gave to the loop's thread.
    """

    __slots__ = (
        "_a_second", "_a_turn", "_answers", "_begun", "_busy", "_busy_s", "_came", "_fresh",
        "_full", "_lag", "_looks", "_memory", "_monotonic", "_observer", "_pumped_at", "_refused",
        "_room", "_terms", "_turn", "_turned_away", "running",
    )  # fmt: skip

    def __init__(
        self,
        terms: ShedTerms,
        lag: LoopLag,
        memory: MemoryUse,
        observer: Observer,
        monotonic: Callable[[], float],
        busy: Callable[[], float] = time.thread_time,
    ) -> None:
        self._terms = terms
        self._lag = lag
        self._memory = memory
        self._observer = observer
        self._monotonic = monotonic
        self.running: Callable[[], int] = _none
        self._room: deque[asyncio.Future[None]] = deque()
        self._busy = busy
        self._pumped_at = self._busy_s = 0.0
        self._turned_away = 0
        self._a_second = 0.0
        # How many calls a turn lets out of the room, and how many began in this one.
        self._a_turn = 1.0
        self._begun = self._came = 0
        self._turn: float | None = None
        self._fresh = False
        self._full = 0.0
        self._looks = 0
        self._refused = 0
        self._answers = ShedAnswers()

    @property
    def waiting(self) -> int:
        """How many calls are in the room."""
        return len(self._room)

    @property
    def is_full(self) -> bool:
        """Whether who comes now finds no place."""
        if not self._room:
            return False
        # Those whose heads were read in this turn are on their way to the room.
        taken = len(self._room) + (self._came if self._fresh else 0)
        return taken >= max(self._a_second * self._terms.max_lag_s, _LEAST_ROOM)

    def start(self) -> None:
        """Look ten times a second at what no call tells, while the meter of the lag runs."""
        self._lag.tell(self._tick)

    def comes(self) -> None:
        """The head of a call was read, and a task for it begins."""
        if not self._fresh:
            self._fresh = True
            self._turn = self._monotonic()
            self._begun = self._came = 0
        self._came += 1

    def admit(self, headers: Mapping[bytes, bytes]) -> "asyncio.Future[None] | None":
        """Return what the call has to wait for, if anything; asked before its body is looked at.

        Raises:
            Overloaded: there is no time for it, or no memory.
        """
        self._fresh = False
        if self._full >= _NEARLY_FULL and self._has_no_room(headers):
            self._refuse("memory")
            raise overloaded("memory")
        # Another server tells nothing of the heads it reads: there time is not looked at.
        if not self._room and (
            self._turn is None
            or self._begun < _CROWD
            or self._monotonic() - self._turn < self._terms.target_lag_s
        ):
            self._begun += 1
            return None
        return self._wait()

    def turn_away(self, scope: Mapping[str, Any], connections: int) -> tuple[bytes, bool] | None:
        """Return the whole answer to a call that would be refused anyway, and whether to hang up.

        It is asked for each head, before there is a task for it. Any: a scope of ASGI.
        """
        most = self._terms.max_connections
        crowded = most is not None and connections > most
        if not crowded and not self.is_full:
            return None
        if not _is_call(scope):
            return None
        self._turned_away += 1
        self._refuse("connections" if crowded else "lag")
        what = "connections" if crowded else "time"
        return self._answers.answer(style_of(scope), what, closes=crowded), crowded

    def turn_away_whole(self, data: bytes) -> bytes | None:
        """Return the answer to what a connection brought, if that is one call and all of it.

        What is in any way odd goes the way of all others: nothing here may read a length that
        the parser, or a proxy before us, would read otherwise.
        """
        style = plain_call(data)
        if style is None:
            return None
        self._turned_away += 1
        self._refuse("lag")
        return self._answers.answer(style, "time", closes=False)

    def _wait(self) -> "asyncio.Future[None]":
        """Return a place in the room.

        Raises:
            Overloaded: there is none.
        """
        loop = asyncio.get_running_loop()
        if not self._room:
            self._a_turn = float(max(self._begun, 1))
            self._pumped_at, self._busy_s = self._monotonic(), self._busy()
            self._turned_away = 0
            self._a_second = self._a_turn / self._terms.target_lag_s
            loop.call_soon(self._pump, loop)
        elif self.is_full:
            self._refuse("lag")
            raise overloaded("time")
        place: asyncio.Future[None] = loop.create_future()
        self._room.append(place)
        return place

    def _pump(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let the next ones out; once a turn, while anybody waits."""
        now = self._monotonic()
        rate = self._a_turn / max(now - self._pumped_at, 1e-6)
        self._a_second += _WEIGHT * (rate - self._a_second)
        # What is refused is no reason to answer less: the time that took does not count. It is told
        # by the processor's clock, for others may have had the processor meanwhile.
        busy_s = self._busy()
        refusing = self._turned_away * _REFUSAL_S / max(busy_s - self._busy_s, 1e-6)
        took_s = max((now - self._pumped_at) * (1 - min(refusing, _MOST_REFUSING)), 1e-6)
        change = min(max(self._terms.target_lag_s / took_s, _LESS), _MORE)
        self._a_turn = max(self._a_turn * change, 1.0)
        self._pumped_at, self._busy_s = now, busy_s
        self._turned_away = 0
        room, left = self._room, int(self._a_turn)
        while room and left:
            place = room.popleft()
            if not place.done():  # else its caller has gone
                place.set_result(None)
                left -= 1
        if room:
            loop.call_soon(self._pump, loop)

    def _tick(self) -> None:
        """Ten times a second: tell what was refused, and look at the memory now and then."""
        self._looks += 1
        if self._looks < _TICKS_A_LOOK:
            return
        self._looks = 0
        if self._refused:
            _log.warning(
                "load_shed",
                extra={"refused": self._refused, "lag_s": round(self._lag.value_s, 3)},
            )
            self._refused = 0
        if self._memory.is_bounded:
            self.look()

    def look(self) -> None:
        """See how much memory is left."""
        self._full = self._memory.share()

    def _has_no_room(self, headers: Mapping[bytes, bytes]) -> bool:
        if self._full < _FULL:
            length = headers.get(b"content-length", b"")
            return not length.isdigit() or int(length) > _LARGE_BYTES
        return self.running() > _CROWD  # what nothing runs for will not become less by refusing

    def _refuse(self, reason: str) -> None:
        self._refused += 1
        self._observer.count(Event.SHED, reason)


def _is_call(scope: Mapping[str, Any]) -> bool:
    """Return whether this is a call of a model, or as dear as one; health and metrics are not."""
    path: str = scope["path"]
    return scope["method"] == "POST" and path.startswith(_SHED_PREFIX)


def _none() -> int:
    return 0
