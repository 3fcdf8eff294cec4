"""Refuses new calls while there are more of them than this process can answer.

Time: uvloop's clock stands still while the loop works through what is ready. How long ago it was
set says how long those who came together with this call have taken already, for next to nothing.
A burst is worked off, however long its last one waits, up to `max_lag_s`. Only where the wait has
stood above `target_lag_s` for that long it is no burst: then each turn of the loop serves for
`target_lag_s` and refuses the rest, so that it is never idle while it refuses. (CoDel tells a good
queue from a bad one in the same way. Source: RFC 8289.) How many it served in a turn tells how
many of the next may come as far as a handler; the others are refused by the connection itself, at a
quarter of the price.

Memory: from nine tenths on large bodies are refused, from ten all, while anything runs that
could give some back. What runs is never ended; health and metrics are always answered.
"""

import itertools
import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from ..application.ports import Event, Observer
from ..domain.errors import Overloaded
from .errors import describe
from .loop_lag import LoopLag
from .memory_use import MemoryUse
from .messages.style import style_of
from .wire_style import WireStyle

_log = logging.getLogger("modelmux.overload")

# Fewer calls in one turn of the loop are no crowd: something else takes the time.
_CROWD = 4
# A turn without a long wait ends no overload; so many seconds without one do.
_GAP_S = 0.25
# Beyond what the last turn served: it may serve more now.
_LEEWAY = 1.25
_LARGE_BYTES: Final = 256 * 1024
_NEARLY_FULL = 0.9
_FULL = 1.0
_TICKS_A_LOOK = 10
_RETRY_AFTER_S = 1.0
_ID: Final = b"shed_%010d"  # always as long, so that the length of an answer is
# So many answers are made, each with a wait of its own.
_VARIANTS = 8
_SHED_PREFIX: Final = "/v1/"


@dataclass(frozen=True, slots=True)
class ShedTerms:
    """`max_connections` None: as many as the system gives."""

    target_lag_s: float = 0.02
    max_lag_s: float = 0.25
    max_connections: int | None = None


class Shedding:
    """Decides at the head of each call; `running` tells how many calls run."""

    __slots__ = (
        "_admitted", "_full", "_high_at", "_high_since", "_lag", "_looks", "_loop_time",
        "_memory", "_monotonic", "_numbers", "_observer", "_quota", "_refused", "_seen",
        "_seen_at", "_templates", "_terms", "_turn", "running", "sheds",
    )  # fmt: skip

    def __init__(
        self,
        terms: ShedTerms,
        lag: LoopLag,
        memory: MemoryUse,
        observer: Observer,
        monotonic: Callable[[], float],
    ) -> None:
        self._terms = terms
        self._lag = lag
        self._memory = memory
        self._observer = observer
        self._monotonic = monotonic
        self._loop_time = monotonic  # until a loop runs nobody waits for it
        self.running: Callable[[], int] = _none
        self.sheds = False
        self._turn = 0.0
        self._admitted = 0
        self._quota = 0.0
        self._seen_at = 0.0
        self._seen = 0
        self._high_since: float | None = None
        self._high_at = 0.0
        self._full = 0.0
        self._looks = 0
        self._refused = 0
        self._numbers = itertools.count(1)
        self._templates: dict[tuple[bool, str, int], tuple[bytes, ...]] = {}

    def start(self, loop_time: Callable[[], float]) -> None:
        """Judge by a loop that runs; `loop_time` is when its present turn began."""
        self._loop_time = loop_time
        self._lag.tell(self._tick)

    def admit(self, headers: Mapping[bytes, bytes]) -> None:
        """Return if a call may go on; it is asked before the call's body is looked at.

        Raises:
            Overloaded: there is no time for it, or no memory.
        """
        turn = self._loop_time()
        now = self._monotonic()
        waited_s = now - turn
        if turn != self._turn:
            if self.sheds:
                self._quota = max(self._admitted, self._quota / 2)
            self._turn = turn
            self._admitted = 0
        if waited_s >= self._terms.target_lag_s and self._admitted >= _CROWD:
            self._note_wait(now)
            if self.sheds or waited_s >= self._terms.max_lag_s:
                self._refuse("lag")
                raise _overloaded("time")
        if self._full >= _NEARLY_FULL and self._has_no_room(headers):
            self._refuse("memory")
            raise _overloaded("memory")
        self._admitted += 1

    def turn_away(self, scope: Mapping[str, Any], connections: int) -> tuple[bytes, bool] | None:
        """Return the whole answer to a call that would be refused anyway, and whether to hang up.

        It is asked for each head, before there is a task for it. Any: a scope of ASGI.
        """
        most = self._terms.max_connections
        crowded = most is not None and connections > most
        if not (crowded or self.sheds) or not _is_call(scope):
            return None
        if not crowded:
            turn = self._loop_time()
            if turn != self._seen_at:
                self._seen_at = turn
                self._seen = 0
            self._seen += 1
            if self._seen <= self._quota * _LEEWAY + _CROWD:
                return None
        self._refuse("connections" if crowded else "lag")
        what = "connections" if crowded else "time"
        return self._answer(style_of(scope), what, closes=crowded), crowded

    def _note_wait(self, now: float) -> None:
        """Begin to shed once waits have been long for long."""
        if self._high_since is None or now - self._high_at > _GAP_S:
            self._high_since = now
        self._high_at = now
        if not self.sheds and now - self._high_since >= self._terms.max_lag_s:
            self.sheds = True
            self._quota = self._admitted
            _log.warning("shedding_load", extra={"lag_s": round(self._lag.value_s, 3)})

    def _tick(self) -> None:
        """Ten times a second: see whether it is over, and look at the memory now and then."""
        if self.sheds and self._monotonic() - self._high_at > _GAP_S:
            self.sheds = False
            self._high_since = None
            _log.warning("shedding_ended", extra={"refused": self._refused})
            self._refused = 0
        self._looks += 1
        if self._looks >= _TICKS_A_LOOK and self._memory.is_bounded:
            self._looks = 0
            self._full = self._memory.share()

    def _has_no_room(self, headers: Mapping[bytes, bytes]) -> bool:
        if self._full < _FULL:
            length = headers.get(b"content-length", b"")
            return not length.isdigit() or int(length) > _LARGE_BYTES
        return self.running() > _CROWD  # what nothing runs for will not become less by refusing

    def _refuse(self, reason: str) -> None:
        self._refused += 1
        self._observer.count(Event.SHED, reason)

    def _answer(self, style: WireStyle, what: str, *, closes: bool) -> bytes:
        number = next(self._numbers)
        key = (style.named_key_first, what, number % _VARIANTS)
        parts = self._templates.get(key)
        if parts is None:
            parts = self._templates[key] = _template(style, what, closes=closes)
        return (_ID % number).join(parts)


def _is_call(scope: Mapping[str, Any]) -> bool:
    """Return whether this is a call of a model, or as dear as one; health and metrics are not."""
    path: str = scope["path"]
    return scope["method"] == "POST" and path.startswith(_SHED_PREFIX)


def _template(style: WireStyle, what: str, *, closes: bool) -> tuple[bytes, ...]:
    """Return an answer but for its id: what stands before it, between and after."""
    refusal = describe(_overloaded(what))
    mark = _ID % 0
    body = style.encode_refusal(refusal, mark.decode())
    headers = [(b"x-request-id", mark), (b"content-type", b"application/json"), *refusal.headers]
    headers.append((b"content-length", b"%d" % len(body)))
    if closes:
        headers.append((b"connection", b"close"))
    head = b"".join(b"%b: %b\r\n" % header for header in headers)
    whole = STATUS_LINE[style.status_of(refusal)] + head + b"\r\n" + body
    return tuple(whole.split(mark))


def _overloaded(what: str) -> Overloaded:
    # Not all at the same moment again.
    again_s = _RETRY_AFTER_S * random.uniform(0.5, 1.5)  # noqa: S311  # nobody may not guess it
    return Overloaded(
        f"The gateway has more calls than it has {what} for; try again.", retry_after_s=again_s
    )


def _none() -> int:
    return 0
