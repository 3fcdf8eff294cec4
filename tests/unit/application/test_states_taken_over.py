"""A state that another process tells of counts as if it had been seen here."""

import pytest

from modelmux.application.targets import Breaker, TargetStates
from modelmux.domain.errors import TargetResting


def test_a_rest_and_failures_count_from_now_on() -> None:
    state = TargetStates().of("a", "m")
    now = 1000.0
    state.take_over(
        now, breaker=Breaker.OPEN, rest_s=4.0, first_event_s=0.3, error_rate=0.7, in_flight=2
    )
    assert state.refused_s(now) == 4.0
    assert (state.first_event_s, state.in_flight) == (0.3, 2)
    assert state.recent_error_rate(now) == 0.7
    assert state.recent_error_rate(now + 600) == 0.0
    with pytest.raises(TargetResting):
        state.admit(now)
