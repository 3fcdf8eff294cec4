"""Waiting for a limit: in order of arrival, bounded, and without a trace."""

import asyncio
from collections.abc import Sequence

import pytest

from modelmux.adapters.memory.clock import ManualClock
from modelmux.adapters.memory.observer import RecordingObserver
from modelmux.adapters.memory.rate_limiter import MemoryRateLimiter
from modelmux.application.admission import Admission, refusal
from modelmux.application.ports import Event, Limit, LimitKey, LimitKind, Standing

REQUESTS = Limit(LimitKey("", "route", "sonnet", LimitKind.REQUESTS), 60.0, 1.0)
TOKENS = Limit(LimitKey("acme", "key", "k1", LimitKind.TOKENS), 60.0, 100.0)
FEW = Limit(LimitKey("acme", "tenant", "acme", LimitKind.CONCURRENT), 1.0, 1.0)
PATIENT = {REQUESTS.key: 30.0, TOKENS.key: 30.0, FEW.key: 30.0}


class Scene:
    """An admission, its clock, and who got through in which order."""

    def __init__(self, max_waiting: int = 100) -> None:
        self.clock = ManualClock()
        self.observer = RecordingObserver()
        self.limiter = MemoryRateLimiter(self.clock)
        self.admission = Admission(self.limiter, self.clock, self.observer, max_waiting)
        self.through: list[str] = []
        self.refused: list[str] = []
        self.tasks: dict[str, asyncio.Task[Sequence[Standing]]] = {}

    async def come(
        self, name: str, *limits: Limit, amount: float = 1.0, patience: float = 30.0
    ) -> None:
        """Have somebody ask, and go on until all that can happen at once has."""

        async def ask() -> Sequence[Standing]:
            wanted = [(limit, amount) for limit in limits]
            patient = {limit.key: patience for limit in limits}
            standings = await self.admission.take(wanted, patient)
            (self.refused if refusal(standings) else self.through).append(name)
            return standings

        self.tasks[name] = asyncio.create_task(ask())
        await self.settle()

    async def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        await self.settle()

    async def settle(self) -> None:
        for _ in range(30):
            await asyncio.sleep(0)

    @property
    def waiting(self) -> float:
        return sum(reading.value for reading in self.admission.readings())


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_who_finds_room_does_not_wait(scene: Scene) -> None:
    await scene.come("a", REQUESTS)
    assert scene.through == ["a"]
    assert scene.observer.counted == []


async def test_they_go_in_the_order_they_came(scene: Scene) -> None:
    for name in "abcd":
        await scene.come(name, REQUESTS)
    assert scene.through == ["a"]
    assert scene.waiting == 3
    for _ in range(3):
        await scene.pass_time(1.0)
    assert scene.through == ["a", "b", "c", "d"]
    assert scene.waiting == 0
    assert scene.observer.counted == [(Event.LIMIT, ("route", "requests", "waited"))] * 3


async def test_nobody_who_comes_later_goes_first_however_little_it_wants(scene: Scene) -> None:
    await scene.come("fills", TOKENS, amount=100.0)
    await scene.come("large", TOKENS, amount=20.0)
    await scene.pass_time(10.0)
    await scene.come("small", TOKENS, amount=1.0)
    assert scene.through == ["fills"]
    await scene.pass_time(10.0)
    await scene.pass_time(1.0)
    assert scene.through == ["fills", "large", "small"]


async def test_who_does_not_want_to_wait_is_not_held_up_by_who_does(scene: Scene) -> None:
    await scene.come("fills", TOKENS, amount=100.0)
    await scene.come("waits", TOKENS, amount=20.0)
    await scene.pass_time(5.0)
    standings = await scene.admission.take([(TOKENS, 1.0)], {})
    assert refusal(standings) is None


async def test_the_first_sleeps_until_there_is_enough_and_nobody_polls(scene: Scene) -> None:
    await scene.come("a", REQUESTS)
    for name in "bcd":
        await scene.come(name, REQUESTS)
    for _ in range(9):
        await scene.pass_time(0.1)
        assert scene.through == ["a"]
        assert scene.clock.sleepers == 3
    await scene.pass_time(0.11)
    assert scene.through == ["a", "b"]


async def test_who_leaves_leaves_no_trace_and_the_next_goes_on(scene: Scene) -> None:
    for name in "abc":
        await scene.come(name, REQUESTS)
    scene.tasks["b"].cancel()
    await scene.settle()
    assert scene.waiting == 1
    await scene.pass_time(1.0)
    assert scene.through == ["a", "c"]
    assert scene.waiting == 0
    assert scene.clock.sleepers == 0


async def test_patience_ends(scene: Scene) -> None:
    await scene.come("runs", FEW)
    await scene.come("b", FEW, patience=5.0)
    await scene.come("c", FEW, patience=9.0)
    await scene.pass_time(5.0)
    assert scene.refused == ["b"]
    await scene.pass_time(4.0)
    assert scene.refused == ["b", "c"]
    assert (scene.waiting, scene.clock.sleepers) == (0, 0)


async def test_who_cannot_be_served_in_time_is_refused_at_once(scene: Scene) -> None:
    await scene.come("fills", TOKENS, amount=100.0)
    await scene.come("late", TOKENS, amount=40.0, patience=30.0)
    assert scene.refused == ["late"]
    (standing,) = scene.tasks["late"].result()
    assert standing.wait_s == pytest.approx(40.0)


async def test_more_than_is_ever_there_is_refused_at_once(scene: Scene) -> None:
    await scene.come("huge", FEW, amount=2.0)
    assert scene.refused == ["huge"]


async def test_places_are_bounded() -> None:
    scene = Scene(max_waiting=2)
    for name in "abcd":
        await scene.come(name, REQUESTS)
    assert scene.refused == ["d"]
    await scene.pass_time(1.0)
    await scene.come("e", REQUESTS)
    assert scene.refused == ["d"]


async def test_what_ends_wakes_the_first_in_line_at_once(scene: Scene) -> None:
    await scene.come("runs", FEW)
    await scene.come("b", FEW)
    await scene.come("c", FEW)
    scene.admission.give([(FEW, 1.0)])
    await scene.settle()
    assert scene.through == ["runs", "b"]
    scene.admission.give([(FEW, 1.0)])
    await scene.settle()
    assert scene.through == ["runs", "b", "c"]


async def test_tokens_that_come_back_are_given_to_the_first_in_line(scene: Scene) -> None:
    await scene.come("fills", TOKENS, amount=100.0)
    await scene.come("b", TOKENS, amount=20.0)
    scene.admission.give([(TOKENS, 50.0)])
    await scene.settle()
    assert scene.through == ["fills", "b"]


async def test_who_is_refused_by_another_limit_keeps_its_place_by_when_it_came(
    scene: Scene,
) -> None:
    await scene.come("runs", FEW)
    await scene.come("first", FEW, REQUESTS)
    await scene.come("spends", REQUESTS)
    await scene.come("second", REQUESTS)
    scene.admission.give([(FEW, 1.0)])
    await scene.settle()
    assert scene.through == ["runs", "spends"]
    await scene.pass_time(1.0)
    assert scene.through == ["runs", "spends", "first"]
    await scene.pass_time(1.0)
    assert scene.through == ["runs", "spends", "first", "second"]


async def test_one_limit_without_patience_refuses_at_once(scene: Scene) -> None:
    await scene.come("runs", FEW)
    standings = await scene.admission.take([(REQUESTS, 1.0), (FEW, 1.0)], {REQUESTS.key: 30.0})
    refused = refusal(standings)
    assert refused is not None
    assert refused.limit == FEW


async def test_waiting_is_told_by_what_is_limited(scene: Scene) -> None:
    await scene.come("a", REQUESTS)
    await scene.come("b", REQUESTS)
    (reading,) = scene.admission.readings()
    assert (reading.gauge, reading.value, reading.labels) == ("waiting", 1, ("route",))
