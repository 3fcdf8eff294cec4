"""Breakers and rests: when a target is asked, and what it takes for it to be left alone."""

from functools import partial

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from modelmux.adapters.memory.clock import LeapingClock
from modelmux.adapters.memory.observer import RecordingObserver
from modelmux.application.ports import Event, Gauge
from modelmux.application.targets import (
    LONGEST_REST_S,
    Attempt,
    Breaker,
    BreakerPolicy,
    BreakerTerms,
    TargetState,
    TargetStates,
)
from modelmux.domain.errors import (
    ModelmuxError,
    TargetResting,
    UpstreamAuthFailed,
    UpstreamFailed,
    UpstreamOverloaded,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamUnreachable,
)
from modelmux.domain.journal import Journal

POLICY = BreakerPolicy(failures=3, error_rate=0.5, min_calls=8, window_s=30.0)
DOWN = UpstreamUnreachable("down")


class Target:
    """A state with the clock that goes with it."""

    def __init__(self, policy: BreakerPolicy = POLICY) -> None:
        self.now = 100.0
        self.observer = RecordingObserver()
        self.state = TargetState("p", "m", terms=BreakerTerms(policy, float, self.observer))

    def admit(self) -> Attempt:
        return self.state.admit(self.now)

    def fail(self, error: ModelmuxError = DOWN) -> None:
        self.admit().failed(error, self.now)

    def answer(self, took_s: float = 0.0) -> None:
        journal = Journal()
        attempt = self.admit()
        self.now += took_s
        attempt.began(self.now, journal)
        journal.end_running()

    def resting_s(self) -> float:
        with pytest.raises(TargetResting) as refused:
            self.admit()
        assert refused.value.retry_after_s is not None
        return refused.value.retry_after_s

    @property
    def stands(self) -> str:
        return self.state.breaker.value

    @property
    def changes(self) -> list[str]:
        return [labels[-1] for event, labels in self.observer.counted if event is Event.BREAKER]


def opened() -> Target:
    target = Target()
    for _ in range(3):
        target.fail()
    return target


def test_failures_in_a_row_open_it_and_it_says_for_how_long() -> None:
    target = Target()
    target.fail()
    target.fail()
    assert target.stands == "closed"
    target.fail()
    assert target.stands == "open"
    assert target.resting_s() == pytest.approx(5.0)
    assert target.changes == ["open"]
    assert target.state.in_flight == 0


def test_an_answer_between_failures_starts_the_row_anew() -> None:
    target = Target()
    for _ in range(2):
        target.answer()
        target.fail()
        target.fail()
    target.answer()
    assert target.stands == "closed"


def test_the_share_of_failures_opens_it_once_there_are_enough_calls() -> None:
    target = Target()
    for _ in range(3):
        target.answer()
        target.fail()
    target.answer()
    assert target.stands == "closed"
    target.fail()
    assert target.stands == "open"
    assert target.state.error_rate == 0.5


def test_failures_of_long_ago_do_not_count() -> None:
    target = Target()
    for _ in range(3):
        target.answer()
        target.fail()
    target.now += 31.0
    target.answer()
    target.fail()
    assert target.stands == "closed"
    assert target.state.error_rate == 0.5
    target.now += 31.0
    assert target.state.recent_error_rate(target.now) == 0.0


@pytest.mark.parametrize(
    "error",
    [
        UpstreamRejected("no", status=400),
        UpstreamRateLimited("slower", status=429),
        UpstreamAuthFailed("who?", status=401),
        UpstreamOverloaded("conflict", status=409),
    ],
)
def test_what_is_about_the_request_or_the_caller_opens_nothing(error: ModelmuxError) -> None:
    target = Target()
    for _ in range(50):
        target.fail(error)
    assert target.stands == "closed"
    assert (target.state.failures, target.state.error_rate) == (0, 0.0)


def test_one_call_at_a_time_tries() -> None:
    target = opened()
    target.now += 5.0
    trial = target.admit()
    assert target.stands == "half_open"
    assert target.resting_s() == 1.0
    trial.began(target.now, Journal())
    assert target.stands == "closed"
    target.admit()
    assert target.changes == ["open", "half_open", "closed"]


def test_each_trial_that_fails_doubles_the_time_up_to_a_bound() -> None:
    target = opened()
    for open_s in (5.0, 10.0, 20.0, 40.0, 60.0, 60.0):
        assert target.resting_s() == pytest.approx(open_s)
        target.now += open_s
        target.fail()
    target.now += 60.0
    target.answer()
    for _ in range(3):
        target.fail()
    assert target.resting_s() == pytest.approx(5.0)


def test_the_time_is_jittered_and_never_longer_than_said() -> None:
    for share in (0.0, 0.5, 0.999):
        terms = BreakerTerms(POLICY, partial(float, share))
        state = TargetState("p", "m", terms=terms)
        for _ in range(3):
            state.admit(0.0).failed(DOWN, 0.0)
        assert 0.75 * 5.0 < state.resting_s(0.0) <= 5.0


def test_a_trial_that_is_cancelled_frees_its_place() -> None:
    target = opened()
    target.now += 5.0
    target.admit().abandoned()
    assert target.state.in_flight == 0
    target.admit().began(target.now, Journal())
    assert target.stands == "closed"


def test_a_trial_that_the_target_refuses_for_the_requests_sake_heals() -> None:
    target = opened()
    target.now += 5.0
    target.fail(UpstreamRejected("bad request", status=400))
    assert target.stands == "closed"


def test_a_trial_that_never_reached_the_target_tells_nothing() -> None:
    target = opened()
    target.now += 5.0
    target.fail(UpstreamAuthFailed("no token to be had"))
    assert target.stands == "half_open"
    target.answer()
    assert target.stands == "closed"


def test_calls_from_before_it_opened_decide_nothing() -> None:
    target = Target()
    early = [target.admit() for _ in range(3)]
    for _ in range(3):
        target.fail()
    early[0].began(target.now, Journal())
    assert target.stands == "open"
    target.now += 5.0
    trial = target.admit()
    early[1].failed(DOWN, target.now)
    assert target.stands == "half_open"
    assert target.resting_s() == 1.0
    early[2].abandoned()
    assert target.resting_s() == 1.0
    trial.began(target.now, Journal())
    assert target.stands == "closed"


def test_answers_that_break_off_are_failures() -> None:
    target = Target()
    for _ in range(8):
        journal = Journal()
        target.admit().began(target.now, journal)
        journal.end_running(target.now)
    assert target.stands == "open"
    assert target.state.error_rate == 1.0
    assert target.state.in_flight == 0


def test_of_several_calls_for_one_request_the_last_to_begin_was_cut() -> None:
    target, journal = Target(), Journal()
    for _ in range(3):
        target.admit().began(target.now, journal)
    assert target.state.in_flight == 3
    journal.end_running(target.now)
    journal.end_running(target.now)
    assert (target.state.in_flight, target.state.failures) == (0, 1)


@pytest.mark.parametrize("status", [429, 503, 529])
def test_who_asks_for_a_rest_gets_it(status: int) -> None:
    kind = UpstreamRateLimited if status == 429 else UpstreamOverloaded
    target = Target()
    target.fail(kind("later", status=status, retry_after_s=30.0))
    assert target.resting_s() == pytest.approx(30.0)
    assert target.stands == "closed"
    target.now += 30.0
    target.answer()


def test_a_rest_is_bounded_and_the_longer_of_two_counts() -> None:
    target = Target()
    early = target.admit()
    target.fail(UpstreamRateLimited("later", status=429, retry_after_s=1e6))
    assert target.resting_s() == pytest.approx(LONGEST_REST_S)
    early.failed(UpstreamRateLimited("later", status=429, retry_after_s=1.0), target.now)
    assert target.resting_s() == pytest.approx(LONGEST_REST_S)


@pytest.mark.parametrize("retry_after_s", [None, 0.0])
def test_who_asks_for_none_goes_on(retry_after_s: float | None) -> None:
    target = Target()
    target.fail(UpstreamRateLimited("later", status=429, retry_after_s=retry_after_s))
    target.answer()


def test_500_with_retry_after_is_no_wish_for_a_rest() -> None:
    target = Target()
    target.fail(UpstreamFailed("later", status=500, retry_after_s=60.0))
    target.answer()


def test_the_time_to_first_events_is_a_moving_average() -> None:
    target = Target()
    assert target.state.first_event_s is None
    target.answer(1.0)
    assert target.state.first_event_s == pytest.approx(1.0)
    target.answer(2.0)
    assert target.state.first_event_s == pytest.approx(1.2)


def test_a_breaker_that_is_off_counts_and_stays_closed() -> None:
    target = Target(BreakerPolicy(failures=1, min_calls=1, enabled=False))
    for _ in range(50):
        target.fail()
    assert target.stands == "closed"
    assert target.state.error_rate == 1.0
    target.fail(UpstreamRateLimited("later", status=429, retry_after_s=9.0))
    assert target.resting_s() == pytest.approx(9.0)


def test_gauges_tell_what_runs_how_breakers_stand_and_who_rests() -> None:
    clock = LeapingClock()
    states = TargetStates(BreakerTerms(POLICY), clock)
    for _ in range(3):
        states.of("p", "ill").admit(0.0).failed(DOWN, 0.0)
    states.of("p", "well").admit(0.0)
    clock.advance(2.0)
    read = {(one.gauge, one.labels[1]): one.value for one in states.readings()}
    assert read == {
        (Gauge.TARGET_IN_FLIGHT, "ill"): 0,
        (Gauge.BREAKER_OPEN, "ill"): 1.0,
        (Gauge.RESTING_S, "ill"): pytest.approx(3.0),
        (Gauge.TARGET_IN_FLIGHT, "well"): 1,
        (Gauge.BREAKER_OPEN, "well"): 0.0,
        (Gauge.RESTING_S, "well"): 0.0,
    }


def test_states_are_bounded() -> None:
    states = TargetStates()
    busy = states.of("p", "busy")
    busy.admit(0.0)
    for number in range(5000):
        states.of("p", f"m{number}")
    assert len(list(states)) <= 4096
    assert states.known("p", "busy") is busy
    for number in range(5000):
        for _ in range(5):
            states.of("p", f"ill{number}").admit(0.0).failed(DOWN, 0.0)
    assert len(list(states)) <= 4096


class Breaking(RuleBasedStateMachine):
    """Whatever callers do in whatever order, the laws of breakers hold."""

    def __init__(self) -> None:
        super().__init__()
        self.target = Target()
        self.running: list[Attempt] = []
        self.begun: list[Journal] = []
        self.trials: set[int] = set()
        self.ever_failed = False

    @rule(seconds=st.sampled_from([0.0, 0.4, 3.0, 5.0, 16.0, 61.0]))
    def wait(self, seconds: float) -> None:
        self.target.now += seconds

    @rule()
    def ask(self) -> None:
        state = self.target.state
        refused_s = state.refused_s(self.target.now)
        was_closed = state.breaker is Breaker.CLOSED
        if refused_s > 0.005:
            assert self.target.resting_s() == refused_s
            return
        attempt = self.target.admit()
        self.running.append(attempt)
        if not was_closed:
            self.trials.add(id(attempt))

    @precondition(lambda self: self.running)
    @rule(place=st.integers(0, 99), how=st.sampled_from(["begin", "fail", "refuse", "leave"]))
    def end(self, place: int, how: str) -> None:
        attempt = self.running.pop(place % len(self.running))
        now = self.target.now
        if how == "begin":
            self.begun.append(Journal())
            attempt.began(now, self.begun[-1])
        elif how == "fail":
            self.ever_failed = True
            attempt.failed(DOWN, now)
        elif how == "refuse":
            attempt.failed(UpstreamRejected("no", status=400), now)
        else:
            attempt.abandoned()
        self.trials.discard(id(attempt))

    @precondition(lambda self: self.begun)
    @rule(place=st.integers(0, 99), cut=st.booleans())
    def close(self, place: int, cut: bool) -> None:
        journal = self.begun.pop(place % len(self.begun))
        self.ever_failed = self.ever_failed or cut
        journal.end_running(self.target.now if cut else None)

    @invariant()
    def never_more_than_one_tries(self) -> None:
        assert len(self.trials) <= 1
        assert self.target.state.trying == bool(self.trials)

    @invariant()
    def opens_by_failures_alone(self) -> None:
        assert self.ever_failed or not self.target.changes

    @invariant()
    def counts_what_runs(self) -> None:
        assert self.target.state.in_flight == len(self.running) + len(self.begun)
        assert 0.0 <= self.target.state.error_rate <= 1.0

    def teardown(self) -> None:
        """It always heals: once nobody tries, a minute later one good call closes it."""
        for attempt in self.running:
            attempt.abandoned()
        self.target.now += 61.0
        self.target.answer()
        assert self.target.stands == "closed"


Breaking.TestCase.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
TestBreaking = Breaking.TestCase
