"""How targets are doing, by what was seen of them: what strategies, breakers and metrics go by."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from .ports import Gauge, Reading

_MAX_STATES = 4096


class Breaker(StrEnum):
    """`OPEN` lets nothing through, `HALF_OPEN` one call at a time that tries."""

    CLOSED = "closed"
    HALF_OPEN = "half_open"
    OPEN = "open"


@dataclass(slots=True)
class TargetState:
    """One provider's model as this process has seen it; times are the clock's monotonic seconds.

    `first_event_s` is the moving average of times to the first events, None before any.
    `error_rate` is the moving share of attempts that failed by its own fault.
    """

    provider: str
    model: str
    breaker: Breaker = Breaker.CLOSED
    resting_until: float = 0.0
    first_event_s: float | None = None
    error_rate: float = 0.0
    in_flight: int = 0
    attempts: int = 0
    failures: int = 0
    trying: bool = False

    def resting_s(self, now: float) -> float:
        """Return how long it still rests, 0 if it may be asked."""
        return max(self.resting_until - now, 0.0)


class TargetStates:
    """Of each target one state for the life of the process; bounded, the oldest idle one goes."""

    def __init__(self) -> None:
        self._states: dict[tuple[str, str], TargetState] = {}

    def of(self, provider: str, model: str) -> TargetState:
        """Return the state of a target, new if it was not asked before."""
        state = self._states.get((provider, model))
        if state is None:
            if len(self._states) >= _MAX_STATES:
                self._forget_one()
            state = self._states[provider, model] = TargetState(provider, model)
        return state

    def known(self, provider: str, model: str) -> TargetState | None:
        """Return the state of a target that was asked before."""
        return self._states.get((provider, model))

    def __iter__(self) -> Iterator[TargetState]:
        return iter(tuple(self._states.values()))

    def readings(self) -> Iterable[Reading]:
        """Yield what runs at each target."""
        for state in self:
            labels = (state.provider, state.model)
            yield Reading(Gauge.TARGET_IN_FLIGHT, state.in_flight, labels)

    def _forget_one(self) -> None:
        for key, state in self._states.items():
            if state.in_flight == 0 and state.breaker is Breaker.CLOSED:
                del self._states[key]
                return
