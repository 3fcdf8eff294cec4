"""Admission: takes from limits for a request, waiting its turn where that is allowed.

Who waits stands in the line of the limit that refused it, in order of arrival, and whoever comes
later goes behind it there. Somebody who is let through by one limit and refused by another takes
its place in that other line by the time it came, so that nobody is overtaken twice. The first in a
line sleeps until its limit said there will be enough, and is woken early when something is given
back here; nobody else asks meanwhile. Lines are of this process: between processes chance decides.
"""

import asyncio
from bisect import insort
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import TypeAlias

from .ports import (
    Clock,
    Event,
    Gauge,
    Limit,
    LimitKey,
    LimitKind,
    Observer,
    RateLimiter,
    Reading,
    Standing,
)

MAX_WAITING = 1024
"""How many may wait in a process, for all limits together."""

Wanted: TypeAlias = Sequence[tuple[Limit, float]]
Patience: TypeAlias = Mapping[LimitKey, float]
"""For how many seconds one may wait for a limit; a limit that is not there refuses at once."""


@dataclass(slots=True, order=True)
class _Ticket:
    """A place in line; `call` is set while it sleeps."""

    number: int
    call: asyncio.Future[None] | None = field(default=None, compare=False)

    def wake(self) -> None:
        if self.call is not None and not self.call.done():
            self.call.set_result(None)


@dataclass(slots=True)
class _Line:
    """Who waits for one limit, first come first; `last` is how it stood when last asked."""

    last: Standing
    tickets: list[_Ticket] = field(default_factory=list[_Ticket])


class Admission:
    """One for all limits of a process."""

    def __init__(
        self,
        limiter: RateLimiter,
        clock: Clock,
        observer: Observer,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        self._limiter = limiter
        self._clock = clock
        self._observer = observer
        self._max_waiting = max_waiting
        self._lines: dict[LimitKey, _Line] = {}
        self._numbers = count()
        self._waiting = 0

    async def take(self, wanted: Wanted, patience: Patience) -> Sequence[Standing]:
        """Take all, or nothing: then one of the standings has to wait, however long one waited.

        Raises:
            StoreError: who counts does not answer.
        """
        if self._lines:
            for limit, _ in wanted:
                line = self._lines.get(limit.key)
                if line is not None and limit.key in patience:
                    return await self._wait(wanted, patience, line.last)
        standings = await self._limiter.take(wanted)
        if not patience:
            return standings
        refused = refusal(standings)
        if refused is None or refused.limit.key not in patience:
            return standings
        return await self._wait(wanted, patience, refused)

    def give(self, changes: Wanted) -> None:
        """Give back, or with negative amounts take more; wake who waits for it."""
        self._limiter.give(changes)
        if self._lines:
            for limit, amount in changes:
                line = self._lines.get(limit.key)
                if line is not None and amount > 0:
                    line.tickets[0].wake()

    def readings(self) -> Iterable[Reading]:
        """Yield how many wait, by what is limited."""
        waiting = Counter[str]()
        for key, line in tuple(self._lines.items()):
            waiting[key.scope] += len(line.tickets)
        for scope, number in waiting.items():
            yield Reading(Gauge.WAITING, number, (scope,))

    async def _wait(
        self, wanted: Wanted, patience: Patience, refused: Standing
    ) -> Sequence[Standing]:
        key = refused.limit.key
        if self._waiting >= self._max_waiting or _is_hopeless(refused, patience[key]):
            return (refused,)
        self._observer.count(Event.LIMIT, key.scope, key.kind, "waited")
        deadline = self._clock.monotonic() + patience[key]
        ticket = _Ticket(next(self._numbers))
        self._waiting += 1
        try:
            while True:
                standings = await self._stand_in_line(ticket, wanted, refused, deadline)
                other = refusal(standings)
                if other is None or other.limit.key not in patience:
                    return standings
                if other.limit.key == refused.limit.key:
                    return standings  # time is up
                refused = other
        finally:
            self._waiting -= 1

    async def _stand_in_line(
        self, ticket: _Ticket, wanted: Wanted, refused: Standing, deadline: float
    ) -> Sequence[Standing]:
        """Return what was taken in the end, or how it stands if time is up or another refuses."""
        key = refused.limit.key
        line = self._lines.setdefault(key, _Line(refused))
        insort(line.tickets, ticket)
        try:
            while True:
                left_s = deadline - self._clock.monotonic()
                first = line.tickets[0] is ticket
                if left_s <= 0 or (first and _is_hopeless(line.last, left_s)):
                    return (line.last,)
                await self._sleep(ticket, min(line.last.wait_s, left_s) if first else left_s)
                if line.tickets[0] is not ticket:
                    continue
                standings = await self._limiter.take(wanted)
                found = refusal(standings)
                if found is None or found.limit.key != key:
                    return standings
                line.last = found
        finally:
            line.tickets.remove(ticket)
            if line.tickets:
                line.tickets[0].wake()
            else:
                del self._lines[key]

    async def _sleep(self, ticket: _Ticket, duration_s: float) -> None:
        """Return after a time, or when the ticket is woken."""
        ticket.call = asyncio.get_running_loop().create_future()
        sleeper = asyncio.ensure_future(self._clock.sleep(duration_s))
        try:
            await asyncio.wait((ticket.call, sleeper), return_when=asyncio.FIRST_COMPLETED)
        finally:
            ticket.call = None
            sleeper.cancel()
            await asyncio.wait((sleeper,))


def refusal(standings: Iterable[Standing]) -> Standing | None:
    """Return the standing that one has to wait for longest, None if everything was taken."""
    longest = None
    for standing in standings:
        if standing.wait_s > 0 and (longest is None or standing.wait_s > longest.wait_s):
            longest = standing
    return longest


def _is_hopeless(standing: Standing, left_s: float) -> bool:
    """Return whether it is known that there will not be enough in time."""
    if standing.limit.key.kind is LimitKind.CONCURRENT:
        return standing.wait_s == float("inf")
    return standing.wait_s > left_s
