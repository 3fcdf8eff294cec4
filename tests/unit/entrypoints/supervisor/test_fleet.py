"""Which workers there shall be, decided without any process."""

import json
from collections.abc import Sequence

import pytest

from modelmux.entrypoints.supervisor.fleet import (
    FIRST_WAIT_S,
    LONGEST_WAIT_S,
    SETTLED_S,
    START_WITHIN_S,
    Action,
    Ended,
    Fleet,
    Kill,
    Phase,
    Replaced,
    Settled,
    Start,
    Tell,
)


def started(actions: Sequence[Action]) -> list[int]:
    return [one.serial for one in actions if isinstance(one, Start)]


def bound(fleet: Fleet, serial: int, wanted: int, now: float = 0.0) -> list[Action]:
    return fleet.bound(serial, wanted, 30.0, 3600.0, now)


def serving(workers: int = 1) -> Fleet:
    """Return a fleet that is up: its workers have the serials 1 to `workers`."""
    fleet = Fleet()
    assert fleet.begin(0.0) == [Start(1, 0, 1)]
    assert started(bound(fleet, 1, workers)) == list(range(2, workers + 1))
    for serial in range(1, workers + 1):
        assert fleet.ready(serial, 0.0) == []
    return fleet


def reloaded(fleet: Fleet, now: float = 0.0) -> list[Action]:
    """Bring up a new generation of as many workers; return what comes of it."""
    (first,) = started(fleet.reload(now))
    others = started(bound(fleet, first, fleet.wanted, now))
    actions: list[Action] = []
    for serial in (first, *others):
        assert actions == []
        actions = fleet.ready(serial, now)
    return actions


def test_the_first_worker_says_how_many_there_shall_be() -> None:
    fleet = Fleet()
    fleet.begin(0.0)
    assert fleet.busy
    assert bound(fleet, 1, 3) == [Start(2, 1, 1), Start(3, 2, 1)]
    assert [bound(fleet, serial, 3) for serial in (2, 3)] == [[], []]
    fleet.ready(2, 0.0)
    assert not fleet.busy


def test_a_first_start_that_fails_ends_all_with_its_exit_code() -> None:
    fleet = Fleet()
    fleet.begin(0.0)
    fleet.failed(1, "no such provider", 2)
    assert fleet.gone(1, 2, 0.1) == [Ended(2)]


def test_a_first_start_that_fails_takes_those_beside_it_along() -> None:
    fleet = Fleet()
    fleet.begin(0.0)
    bound(fleet, 1, 2)
    assert fleet.gone(1, 1, 0.1) == [Tell(2, "stop")]
    assert fleet.gone(2, 0, 0.2) == [Ended(1)]


def test_a_first_start_that_hangs_is_ended() -> None:
    fleet = Fleet()
    fleet.begin(0.0)
    assert fleet.next_due() == START_WITHIN_S
    assert fleet.due(START_WITHIN_S) == [Kill(1)]
    assert fleet.gone(1, 137, START_WITHIN_S) == [Ended(137)]


def test_a_new_generation_takes_over_when_all_of_it_is_ready() -> None:
    fleet = serving(2)
    assert reloaded(fleet) == [Tell(1, "retire"), Tell(2, "retire"), Settled(None)]
    assert fleet.generation == 2
    assert not fleet.busy
    assert fleet.gone(1, 0, 5.0) == fleet.gone(2, 0, 6.0) == []


def test_a_new_generation_may_have_another_size() -> None:
    fleet = serving(2)
    (first,) = started(fleet.reload(0.0))
    assert started(bound(fleet, first, 4)) == [4, 5, 6]
    assert [fleet.ready(serial, 0.0) for serial in (first, 4, 5)] == [[], [], []]
    assert fleet.ready(6, 0.0)[-1] == Settled(None)


def test_a_new_generation_that_cannot_start_changes_nothing() -> None:
    fleet = serving(2)
    (first,) = started(fleet.reload(0.0))
    fleet.failed(first, "unknown key", 2)
    assert fleet.gone(first, 2, 0.1) == [Settled("unknown key")]
    assert (fleet.generation, fleet.busy) == (1, False)
    assert [fleet.members[serial].phase for serial in (1, 2)] == [Phase.READY] * 2


def test_one_of_a_generation_that_fails_takes_the_rest_of_it_along() -> None:
    fleet = serving(2)
    (first,) = started(fleet.reload(0.0))
    (second,) = started(bound(fleet, first, 2))
    fleet.ready(first, 0.0)
    told = fleet.gone(second, 139, 0.1)
    assert told == [Tell(first, "stop"), Settled("a new worker ended with exit code 139")]
    assert fleet.gone(first, 0, 0.2) == []


def test_a_generation_that_was_given_up_is_not_taken_for_the_next() -> None:
    fleet = serving(2)
    (first,) = started(fleet.reload(0.0))
    (second,) = started(bound(fleet, first, 2))
    fleet.gone(second, 1, 0.1)
    assert reloaded(fleet)[-1] == Settled(None)
    assert fleet.gone(first, 0, 0.5) == []
    assert fleet.wanted == 2


def test_a_generation_that_hangs_is_given_up() -> None:
    fleet = serving()
    (first,) = started(fleet.reload(10.0))
    assert fleet.due(10.0 + START_WITHIN_S) == [Kill(first)]
    (settled,) = fleet.gone(first, 137, 70.0)
    assert isinstance(settled, Settled)
    assert "not ready within 60 s" in (settled.failure or "")


def test_a_crashed_worker_is_replaced_at_once() -> None:
    fleet = serving(2)
    assert fleet.gone(2, 137, 50.0) == [Replaced(2, 1, 0.0), Start(3, 1, 1)]
    assert bound(fleet, 3, 2, 50.0) == fleet.ready(3, 50.5) == []


def test_crashes_in_a_row_are_replaced_slower_and_slower() -> None:
    fleet = serving()
    serial, now, waits = 1, 0.0, list[float]()
    for _ in range(12):
        replaced = next(one for one in fleet.gone(serial, 1, now) if isinstance(one, Replaced))
        waits.append(replaced.wait_s)
        now += replaced.wait_s
        serial = fleet.serials if replaced.wait_s == 0 else started(fleet.due(now))[0]
    assert waits[:4] == [0.0, FIRST_WAIT_S, 2 * FIRST_WAIT_S, 4 * FIRST_WAIT_S]
    assert waits[-1] == LONGEST_WAIT_S
    fleet.ready(serial, now)
    assert Replaced(serial, 0, 0.0) in fleet.gone(serial, 1, now + SETTLED_S)


def test_a_worker_that_is_told_to_go_serves_until_its_place_is_taken() -> None:
    fleet = serving(2)
    (replaced,) = fleet.leaving(2, 5.0)
    assert isinstance(replaced, Replaced)
    assert replaced.wait_s > 0  # when all are told, the supervisor hears of it meanwhile
    (next_,) = started(fleet.due(5.0 + replaced.wait_s))
    assert fleet.ready(next_, 6.0) == [Tell(2, "retire")]
    assert fleet.gone(2, 0, 7.0) == []


def test_stopping_tells_everybody_and_ends_with_the_last() -> None:
    fleet = serving(2)
    fleet.reload(0.0)
    assert fleet.stop(1.0) == [
        Settled("the gateway is shutting down"),
        *(Tell(serial, "stop") for serial in (1, 2, 3)),
    ]
    assert fleet.stop(1.1) == []
    assert fleet.gone(1, 0, 1.5) == fleet.gone(3, 1, 1.6) == []
    assert fleet.gone(2, 0, 1.7) == [Ended(0)]


def test_who_does_not_stop_in_time_is_ended() -> None:
    fleet = serving()
    fleet.stop(0.0)
    assert fleet.due(39.0) == []
    assert fleet.due(40.0) == [Kill(1)]
    assert fleet.gone(1, 137, 40.1) == [Ended(0)]


def test_who_retires_does_so_in_time() -> None:
    fleet = serving()
    reloaded(fleet)
    assert fleet.due(3639.0) == []
    assert fleet.due(3640.0) == [Kill(1)]


def test_nobody_reloads_what_stops() -> None:
    fleet = serving()
    fleet.stop(0.0)
    assert fleet.reload(0.1) == [Settled("the gateway is shutting down")]


def test_late_words_of_workers_change_nothing() -> None:
    fleet = serving()
    reloaded(fleet)
    assert fleet.ready(1, 1.0) == fleet.leaving(1, 1.0) == bound(fleet, 1, 9) == []


@pytest.mark.parametrize("more", [{}, {"of_tomorrow": 1}])
def test_another_version_of_the_code_takes_it_over(more: dict[str, int]) -> None:
    fleet = serving(3)
    fleet.gone(2, 1, 1.0)
    fleet.gone(3, 1, 1.0)
    fleet.leaving(1, 2.0)
    told = json.loads(json.dumps({**fleet.to_json(), **more}))
    assert Fleet.from_json(told) == fleet
