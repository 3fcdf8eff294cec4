"""How targets are doing, by what was seen of them: what strategies, breakers and metrics go by."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from ..domain.errors import ModelmuxError, TargetResting
from ..domain.journal import Journal, Running
from .faults import asked_rest_s, is_own_fault, shows_life
from .ports import Clock, Event, Gauge, Observer, Reading

_MAX_STATES: Final = 4096
LONGEST_REST_S: Final = 600.0
_TRIAL_WAIT_S: Final = 1.0
# Whoever slept for as long as the target asked may wake a little early.
_ALMOST_S: Final = 0.005
_NEWEST: Final = 0.2
"""How much the last time to first events weighs in the average."""


class Breaker(StrEnum):
    """`OPEN` lets nothing through, `HALF_OPEN` one call at a time that tries."""

    CLOSED = "closed"
    HALF_OPEN = "half_open"
    OPEN = "open"


_READ_AS: Final = {Breaker.CLOSED: 0.0, Breaker.HALF_OPEN: 0.5, Breaker.OPEN: 1.0}


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """When a target is left alone, and for how long; times are seconds.

    It opens after `failures` in a row, or when of at least `min_calls` in the moving window a
    share of `error_rate` failed. It stays so for `open_s`, twice as long after each trial that
    failed, up to `longest_open_s`; each time is jittered downwards by up to a quarter.
    """

    failures: int = 5
    error_rate: float = 0.5
    min_calls: int = 20
    window_s: float = 30.0
    open_s: float = 5.0
    longest_open_s: float = 60.0
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class BreakerTerms:
    """What all states of a process share; `jitter` gives a number from 0 up to 1 at each call."""

    policy: BreakerPolicy = BreakerPolicy()
    jitter: Callable[[], float] = float
    observer: Observer | None = None


_DEFAULT_TERMS: Final = BreakerTerms()


@dataclass(slots=True)
class _Window:
    """Calls and failures of the half window that runs `until`, and of the one before it."""

    until: float = 0.0
    calls: int = 0
    failed: int = 0
    calls_before: int = 0
    failed_before: int = 0

    def roll(self, now: float, half_s: float) -> None:
        """Begin another half; of the one before only one that has just ended is kept."""
        fresh = now < self.until + half_s
        self.calls_before = self.calls if fresh else 0
        self.failed_before = self.failed if fresh else 0
        self.calls = self.failed = 0
        self.until = now + half_s

    def share(self) -> float:
        """Return the share of calls that failed, at most 1."""
        # An answer that was cut may count in another half than its beginning.
        failed = self.failed + self.failed_before
        return min(failed / max(self.calls + self.calls_before, 1), 1.0)


@dataclass(slots=True)
class TargetState:
    """One provider's model as this process has seen it; times are the clock's monotonic seconds.

    `first_event_s` is the moving average of times to the first events, None before any.
    `error_rate` is the moving share of attempts that failed by its own fault, as of the last one.
    It rests until `resting_until` because it asked to, or because its breaker is open: then the
    next call is a trial. `attempts` and `failures` count since the start; `answered_at` is
    when it last began to answer.
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
    answered_at: float | None = None
    terms: BreakerTerms = _DEFAULT_TERMS
    _in_a_row: int = field(default=0, init=False)
    _openings: int = field(default=0, init=False)
    _window: _Window = field(default_factory=_Window, init=False)

    def resting_s(self, now: float) -> float:
        """Return how long it still rests, 0 if it may be asked."""
        return max(self.resting_until - now, 0.0)

    def refused_s(self, now: float) -> float:
        """Return for how long calls are refused as things stand, 0 if the next one is let through.

        While one call tries, nobody can know more than that it takes a moment.
        """
        rest_s = self.resting_s(now)
        return max(rest_s, _TRIAL_WAIT_S) if self.trying else rest_s

    def recent_error_rate(self, now: float) -> float:
        """Return `error_rate`, or 0 where it is too old to say anything."""
        return self.error_rate if now < self._window.until + self.terms.policy.window_s / 2 else 0.0

    def take_over(
        self,
        now: float,
        *,
        breaker: Breaker,
        rest_s: float,
        first_event_s: float | None,
        error_rate: float,
        in_flight: int,
    ) -> None:
        """Be as another process says that it sees this target: for `modelmux explain --live`."""
        self.breaker, self.resting_until = breaker, now + rest_s
        self.first_event_s, self.error_rate, self.in_flight = first_event_s, error_rate, in_flight
        self._window.until = now

    def admit(self, now: float) -> "Attempt":
        """Let a call through, which says how it went; it is in flight until then.

        Raises:
            TargetResting: it is not to be asked now.
        """
        trial = False
        if self.breaker is not Breaker.CLOSED or now < self.resting_until:
            wait_s = self.refused_s(now)
            if wait_s > _ALMOST_S:
                raise TargetResting(
                    f"The model {self.model!r} rests at its provider for a moment: it failed again "
                    "and again, or asked for a pause.",
                    provider=self.provider,
                    retry_after_s=wait_s,
                )
            if self.breaker is not Breaker.CLOSED:
                self._enter(Breaker.HALF_OPEN)
                self.trying = trial = True
        self.attempts += 1
        self.in_flight += 1
        return Attempt(self, now, trial)

    def began(self, now: float, took_s: float, trial: bool) -> None:
        """A call got its first events."""
        average_s = self.first_event_s
        self.first_event_s = (
            took_s if average_s is None else average_s + (took_s - average_s) * _NEWEST
        )
        self.answered_at = now
        self._in_a_row = 0
        self._note(now, 1, 0)
        if trial:
            self._heal()

    def failed(self, now: float, trial: bool, *, begun: bool = False) -> None:
        """A call failed by the target's fault; `begun`: after its first events."""
        self.failures += 1
        self._in_a_row += 1
        self._note(now, 0 if begun else 1, 1)
        if trial:
            self.trying = False
            self._open(now)
        elif self.breaker is Breaker.CLOSED and self._is_ill():
            self._open(now)

    def refused(self, now: float, trial: bool) -> None:
        """A call was refused by a target that is well."""
        self._note(now, 1, 0)
        if trial:
            self._heal()

    def rest(self, now: float, rest_s: float) -> None:
        """It asked not to be asked for so long; more than `LONGEST_REST_S` is not believed."""
        self.resting_until = max(self.resting_until, now + min(rest_s, LONGEST_REST_S))

    def _note(self, now: float, calls: int, failed: int) -> None:
        window = self._window
        if now >= window.until:
            window.roll(now, self.terms.policy.window_s / 2)
        window.calls += calls
        window.failed += failed
        if self.error_rate or failed:
            self.error_rate = window.share()

    def _is_ill(self) -> bool:
        policy = self.terms.policy
        if not policy.enabled:
            return False
        calls = self._window.calls + self._window.calls_before
        return self._in_a_row >= policy.failures or (
            calls >= policy.min_calls and self.error_rate >= policy.error_rate
        )

    def _open(self, now: float) -> None:
        policy = self.terms.policy
        open_s = min(policy.open_s * 2.0 ** min(self._openings, 30), policy.longest_open_s)
        rest_s = open_s * (1.0 - self.terms.jitter() / 4)
        self.resting_until = max(self.resting_until, now + rest_s)
        self._openings += 1
        self._enter(Breaker.OPEN)

    def _heal(self) -> None:
        self.trying = False
        self._openings = self._in_a_row = 0
        self._window = _Window()
        self.error_rate = 0.0
        self._enter(Breaker.CLOSED)

    def _enter(self, breaker: Breaker) -> None:
        if breaker is not self.breaker:
            self.breaker = breaker
            if self.terms.observer is not None:
                self.terms.observer.count(Event.BREAKER, self.provider, self.model, breaker.value)


class Attempt(Running):
    """One call that was let through. Exactly one of its first three is called, then `end`."""

    __slots__ = ("_began_at", "_state", "_trial", "before")

    def __init__(self, state: TargetState, now: float, trial: bool) -> None:
        self.before: Running | None = None
        self._state = state
        self._began_at = now
        self._trial = trial

    def began(self, now: float, journal: Journal) -> None:
        """It has its first events: it runs until the answer is closed, as the journal knows."""
        self._state.began(now, now - self._began_at, self._trial)
        self.before = journal.running
        journal.running = self

    def failed(self, error: ModelmuxError, now: float) -> None:
        """It is over without an answer."""
        state = self._state
        state.in_flight -= 1
        if is_own_fault(error):
            state.failed(now, self._trial)
        elif shows_life(error):
            state.refused(now, self._trial)
        elif self._trial:
            state.trying = False
        rest_s = asked_rest_s(error)
        if rest_s is not None:
            state.rest(now, rest_s)

    def abandoned(self) -> None:
        """It is over, and nobody knows how it would have gone."""
        self._state.in_flight -= 1
        if self._trial:
            self._state.trying = False

    def end(self, cut_at: float | None = None) -> None:
        state = self._state
        state.in_flight -= 1
        if cut_at is not None:
            state.failed(cut_at, trial=False, begun=True)


class TargetStates:
    """Of each target one state for the life of the process; bounded, the oldest idle one goes."""

    def __init__(self, terms: BreakerTerms = _DEFAULT_TERMS, clock: Clock | None = None) -> None:
        self._states: dict[tuple[str, str], TargetState] = {}
        self._unwell: dict[str, float] = {}
        self._terms = terms
        self._clock = clock

    def of(self, provider: str, model: str) -> TargetState:
        """Return the state of a target, new if it was not asked before."""
        state = self._states.get((provider, model))
        if state is None:
            if len(self._states) >= _MAX_STATES:
                self._forget_one()
            state = TargetState(provider, model, terms=self._terms)
            self._states[provider, model] = state
        return state

    def known(self, provider: str, model: str) -> TargetState | None:
        """Return the state of a target that was asked before."""
        return self._states.get((provider, model))

    def probed(self, provider: str, now: float, *, healthy: bool) -> None:
        """Take note of what a probe found."""
        if healthy:
            self._unwell.pop(provider, None)
        else:
            self._unwell[provider] = now

    def is_unwell(self, provider: str, model: str) -> bool:
        """Return whether a probe found the provider unwell after the model answered last."""
        since = self._unwell.get(provider)
        if since is None:
            return False
        state = self._states.get((provider, model))
        return state is None or state.answered_at is None or state.answered_at <= since

    def __iter__(self) -> Iterator[TargetState]:
        return iter(tuple(self._states.values()))

    def readings(self) -> Iterable[Reading]:
        """Yield of each target what runs there, how its breaker stands, and how long it rests."""
        now = None if self._clock is None else self._clock.monotonic()
        for state in self:
            labels = (state.provider, state.model)
            yield Reading(Gauge.TARGET_IN_FLIGHT, state.in_flight, labels)
            yield Reading(Gauge.BREAKER_OPEN, _READ_AS[state.breaker], labels)
            if now is not None:
                yield Reading(Gauge.RESTING_S, state.resting_s(now), labels)

    def _forget_one(self) -> None:
        """Forget the oldest that is idle and well, or, where there is none, idle."""
        idle: tuple[str, str] | None = None
        for key, state in self._states.items():
            if state.in_flight == 0:
                idle = idle or key
                if state.breaker is Breaker.CLOSED:
                    idle = key
                    break
        if idle is not None:
            del self._states[idle]
