"""Whose bodies are looked at: one key's or one request's for a while, all, or those of traces.

Off, it costs a request the look at one attribute.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ..application.ports import Clock, Exchange
from ..domain.errors import InvalidRequest
from ..domain.trace import Trace
from .debug_log import MAX_BODY_BYTES, BodyLog, debug_log

_log = logging.getLogger("modelmux.bodies")

MAX_LOOK_S = 3600.0
MAX_LOOKS = 20
MAX_LOGGED_BYTES = 256 * 1024
"""How much of one request and its answer is logged, in all."""

Whose: TypeAlias = tuple[Literal["key", "request"], str]


@dataclass(slots=True)
class _Look:
    until: float
    timer: asyncio.TimerHandle


class BodyWatch:
    """`active` is False while no body is looked at by anybody."""

    def __init__(self, clock: Clock, redact: Callable[[str], str], *, traced: bool = False) -> None:
        """Look at nothing yet; `traced` has the bodies of sampled traces noted in them."""
        self.active = traced
        self._traced = traced
        self._clock = clock
        self._all: BodyLog | None = None
        self._emit = debug_log(redact, _emit)
        self._looks: dict[Whose, _Look] = {}

    def log_all(self, log: BodyLog) -> None:
        """Have every body told to `log`."""
        self._all = log
        self.active = True

    def look(self, whose: Whose, for_s: float) -> None:
        """Log the bodies of a key or of a request for `for_s`; anew where that goes on already.

        Raises:
            InvalidRequest: that is too long, or too many are looked at.
        """
        if not 0 < for_s <= MAX_LOOK_S:
            raise InvalidRequest(f"Bodies are looked at for up to {MAX_LOOK_S / 60:g} minutes.")
        known = self._looks.pop(whose, None)
        if known is not None:
            known.timer.cancel()
        elif len(self._looks) >= MAX_LOOKS:
            raise InvalidRequest(f"{MAX_LOOKS} keys and requests are looked at already.")
        timer = asyncio.get_running_loop().call_later(for_s, self.end, whose)
        self._looks[whose] = _Look(self._clock.monotonic() + for_s, timer)
        self.active = True
        _log.setLevel(logging.INFO)  # of its own: what was asked for is shown at any level
        _log.warning("bodies_shown", extra={**_told(whose), "seconds": for_s})

    def end(self, whose: Whose) -> bool:
        """Look no more; return whether that was going on."""
        look = self._looks.pop(whose, None)
        if look is None:
            return False
        look.timer.cancel()
        self.active = self._traced or self._all is not None or bool(self._looks)
        _log.warning("bodies_no_longer_shown", extra=_told(whose))
        return True

    def looks(self) -> dict[Whose, float]:
        """Return for whom bodies are looked at, and for how many seconds more."""
        now = self._clock.monotonic()
        return {whose: look.until - now for whose, look in self._looks.items() if look.until > now}

    def sink(self, exchange: Exchange) -> BodyLog | None:
        """Return what the bodies of one request are told to, once its caller is known."""
        sinks: list[BodyLog] = []
        if self._all is not None:
            sinks.append(self._all)
        elif self._looked_at(exchange):
            sinks.append(_bounded(self._emit))
        trace = exchange.journal.trace
        if self._traced and trace is not None and trace.told:
            sinks.append(_into(trace))
        if not sinks:
            return None
        return sinks[0] if len(sinks) == 1 else _both(*sinks)

    def _looked_at(self, exchange: Exchange) -> bool:
        if not self._looks:
            return False
        found = [self._looks.get(("request", exchange.request_id))]
        if exchange.key_id is not None:
            found.append(self._looks.get(("key", exchange.key_id)))
        now = self._clock.monotonic()
        return any(look is not None and now < look.until for look in found)


def _told(whose: Whose) -> dict[str, object]:
    kind, name = whose
    return {"key_id" if kind == "key" else "request_id": name}


def _emit(event: str, **fields: object) -> None:
    _log.info(event, extra=fields)


def _bounded(log: BodyLog) -> BodyLog:
    """Return a log that falls silent after `MAX_LOGGED_BYTES`, and says so."""
    left = MAX_LOGGED_BYTES

    def log_some(what: str, request_id: str, data: bytes) -> None:
        nonlocal left
        if left > 0:
            log(what, request_id, data)
            left -= min(len(data), MAX_BODY_BYTES)
            if left <= 0:
                _log.warning("bodies_cut_short", extra={"request_id": request_id})

    return log_some


def _into(trace: Trace) -> BodyLog:
    def note(what: str, request_id: str, data: bytes) -> None:
        del request_id
        body = trace.request_body if what == "request" else trace.response_body
        body += data[: MAX_BODY_BYTES - len(body)]

    return note


def _both(first: BodyLog, second: BodyLog) -> BodyLog:
    def log(what: str, request_id: str, data: bytes) -> None:
        first(what, request_id, data)
        second(what, request_id, data)

    return log
