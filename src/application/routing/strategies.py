"""Strategies: in which order the targets of a route are tried.

Each gives all of the targets it is handed, best first: those after the first are where failover
goes. What they go by is what this process has seen; several processes each go by their own.
"""

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias, assert_never

from ...domain.events import Usage
from ..plan import Strategy, Target
from ..ports import Clock, PriceBook
from ..targets import TargetState, TargetStates

Draw: TypeAlias = Callable[[], float]
"""Returns a random number, at least 0 and below 1."""

# Targets this close to the best are as good: what is measured differs by as much from one minute
# to the next, and whoever sent all to the fastest would make it the slowest.
_NEAR_SHARE: Final = 1.25
_NEAR_S: Final = 0.010
_NEAR_ERRORS: Final = 0.02
# The share of requests that go to another than the best, so that what became faster is noticed.
_CURIOUS: Final = 0.02
_MOST_ERRORS: Final = 0.95
_UNWELL: Final = 2.0  # more than all calls failing
_BYTES_A_TOKEN: Final = 4
_OUTPUT_TOKENS: Final = 500


class Chooser(Protocol):
    """One strategy, for one route."""

    @abstractmethod
    def order(self, targets: Sequence[Target], size_bytes: int, /) -> list[Target]:
        """Return all of the targets, best first; none of them rests.

        `size_bytes` is the size of the body that asks.
        """
        ...

    @abstractmethod
    def reason(self, target: Target, size_bytes: int, /) -> str:
        """Return what it went by in the order just given, for people."""
        ...


def chooser(
    strategy: Strategy,
    states: TargetStates,
    clock: Clock,
    prices: PriceBook | None,
    draw: Draw,
) -> Chooser:
    """Return what carries out a strategy for one route."""
    match strategy:
        case Strategy.ORDERED:
            return Ordered()
        case Strategy.ROUND_ROBIN:
            return RoundRobin()
        case Strategy.WEIGHTED:
            return Weighted(draw)
        case Strategy.LEAST_CONNECTIONS:
            return LeastConnections(states, draw)
        case Strategy.LATENCY:
            return Latency(states, clock, draw)
        case Strategy.COST:
            return Cost(prices)
        case Strategy.AVAILABILITY:
            return Availability(states, clock, draw)
        case _:
            assert_never(strategy)


@dataclass(frozen=True, slots=True)
class Ordered(Chooser):
    """As they are written."""

    def order(self, targets: Sequence[Target], _size_bytes: int, /) -> list[Target]:
        return list(targets)

    def reason(self, target: Target, _size_bytes: int, /) -> str:
        return target.reason


@dataclass(slots=True)
class RoundRobin(Chooser):
    """Whose turn was longest ago; one that was away has no turns to catch up on."""

    _turn: int = 0
    _last: dict[str, int] = field(default_factory=dict[str, int])

    def order(self, targets: Sequence[Target], _size_bytes: int, /) -> list[Target]:
        last = self._last
        ordered = sorted(targets, key=lambda target: last.get(target.name, 0))
        self._turn += 1
        last[ordered[0].name] = self._turn
        return ordered

    def reason(self, target: Target, _size_bytes: int, /) -> str:
        turn = self._last.get(target.name)
        if turn == self._turn:
            return "it is its turn"
        return "it had no turn yet" if turn is None else f"its turn was {self._turn - turn} ago"


@dataclass(frozen=True, slots=True)
class Weighted(Chooser):
    """Drawn by weight, then the next of those that are left, and so on."""

    draw: Draw

    def order(self, targets: Sequence[Target], _size_bytes: int, /) -> list[Target]:
        return drawn(targets, self.draw)

    def reason(self, target: Target, _size_bytes: int, /) -> str:
        return f"drawn by its weight, {target.weight:g}"


@dataclass(frozen=True, slots=True)
class LeastConnections(Chooser):
    """The fewest calls running for its weight; equals are drawn by weight."""

    states: TargetStates
    draw: Draw

    def order(self, targets: Sequence[Target], _size_bytes: int, /) -> list[Target]:
        return drawn(targets, self.draw, [self._load(target) for target in targets])

    def reason(self, target: Target, _size_bytes: int, /) -> str:
        state = _known(self.states, target)
        return f"{state.in_flight if state else 0} calls running, weight {target.weight:g}"

    def _load(self, target: Target) -> float:
        state = _known(self.states, target)
        return state.in_flight / (target.weight or 1.0) if state else 0.0


@dataclass(frozen=True, slots=True)
class Latency(Chooser):
    """The shortest time to the first event on average; equals are drawn by weight.

    A target that fails costs the time of another try, so its time counts for more. One that was
    never asked goes first, one call at a time, and now and then any other does.
    """

    states: TargetStates
    clock: Clock
    draw: Draw

    def order(self, targets: Sequence[Target], _size_bytes: int, /) -> list[Target]:
        times = [self._time(target) for target in targets]
        best = min(times)
        near = max(best * _NEAR_SHARE + _NEAR_S, best)  # -1 stands for one to be measured
        ordered = drawn(targets, self.draw, [_from(near, time) for time in times])
        if best < 0 or max(times) <= near:
            return ordered
        if self.draw() < _CURIOUS:
            near_ones = sum([time <= near for time in times])
            odd = ordered[near_ones + int(self.draw() * (len(ordered) - near_ones))]
            ordered = [odd, *(one for one in ordered if one is not odd)]
        return ordered

    def reason(self, target: Target, _size_bytes: int, /) -> str:
        state = _known(self.states, target)
        if state is None or state.first_event_s is None:
            return "never measured" if self._time(target) < 0 else "no answer of it was measured"
        told = f"{state.first_event_s * 1000:.0f} ms to the first event"
        failed = state.recent_error_rate(self.clock.monotonic())
        return f"{told}, {failed:.0%} failed" if failed >= 0.005 else told

    def _time(self, target: Target) -> float:
        """Return seconds to expect: below 0 for one to be measured, inf for who knows."""
        state = _known(self.states, target)
        if state is None:
            return -1.0
        failed = state.recent_error_rate(self.clock.monotonic()) if state.error_rate else 0.0
        if state.first_event_s is None:
            return math.inf if state.in_flight or failed else -1.0
        return state.first_event_s / (1 - min(failed, _MOST_ERRORS))


@dataclass(frozen=True, slots=True)
class Cost(Chooser):
    """The cheapest for what the request seems to take; those without a price come last.

    The input is guessed from the size of the body, the output is taken for the same everywhere:
    it is the order that matters, and not what it will cost.
    """

    prices: PriceBook | None

    def order(self, targets: Sequence[Target], size_bytes: int, /) -> list[Target]:
        return sorted(targets, key=lambda target: self._cost(target, size_bytes))

    def reason(self, target: Target, size_bytes: int, /) -> str:
        cost = self._cost(target, size_bytes)
        if cost == math.inf:
            return "no price is known: last, since it may cost anything"
        return f"about {cost:.6f} US dollars for such a request"

    def _cost(self, target: Target, size_bytes: int) -> float:
        book = self.prices
        price = book.price(target.provider.name, target.model) if book is not None else None
        if price is None:
            return math.inf
        return price.cost(Usage(size_bytes // _BYTES_A_TOKEN, _OUTPUT_TOKENS))


@dataclass(frozen=True, slots=True)
class Availability(Chooser):
    """The fewest failures of late; equals are drawn by weight.

    One whose provider a probe found unwell, and which did not answer since, comes last.
    """

    states: TargetStates
    clock: Clock
    draw: Draw

    def order(self, targets: Sequence[Target], _size_bytes: int, /) -> list[Target]:
        shares = [self._failed(target) for target in targets]
        near = min(shares) + _NEAR_ERRORS
        return drawn(targets, self.draw, [_from(near, share) for share in shares])

    def reason(self, target: Target, _size_bytes: int, /) -> str:
        if self.states.is_unwell(target.provider.name, target.model):
            return "its provider was found unwell"
        known = _known(self.states, target) is not None
        return f"{self._failed(target):.1%} failed of late" if known else "never asked"

    def _failed(self, target: Target) -> float:
        if self.states.is_unwell(target.provider.name, target.model):
            return _UNWELL
        state = _known(self.states, target)
        return state.recent_error_rate(self.clock.monotonic()) if state else 0.0


def drawn(
    targets: Sequence[Target], draw: Draw, measures: Sequence[float] | None = None
) -> list[Target]:
    """Return the targets with the smallest of `measures` first, and equals as draws bring them.

    Draws are by weight and without putting back.
    """
    if len(targets) < 2:
        return list(targets)
    # Each waits for the first of so many independent events: it is first by the share of its
    # weight. The number keeps targets from being compared.
    ranked = [
        (measures[number] if measures else 0.0, _wait(target.weight, draw()), number, target)
        for number, target in enumerate(targets)
    ]
    ranked.sort()
    return [target for _, _, _, target in ranked]


def _wait(weight: float, number: float) -> float:
    return -math.log(1.0 - number) / weight if weight else math.inf


def _from(near: float, measured: float) -> float:
    """Return the same for all that are near enough to the best."""
    return 0.0 if measured <= near else measured


def _known(states: TargetStates, target: Target) -> TargetState | None:
    return states.known(target.provider.name, target.model)
