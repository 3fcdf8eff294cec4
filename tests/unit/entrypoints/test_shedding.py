"""What is refused when there is too much, and what never is."""

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from modelmux.adapters.memory.observer import RecordingObserver
from modelmux.application.ports import Gauge
from modelmux.domain.errors import Overloaded
from modelmux.entrypoints.loop_lag import LoopLag
from modelmux.entrypoints.memory_use import MemoryUse
from modelmux.entrypoints.shedding import Shedding, ShedTerms

CALL = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
SCOPE: dict[str, Any] = {"method": "POST", "path": "/v1/chat/completions", "headers": []}


class Bench:
    """Shedding with a clock of its own, and a memory that is written in files."""

    def __init__(self, folder: Path, max_connections: int | None = None) -> None:
        self.now = self.busy = 100.0
        self.statm = folder / "statm"
        self.fill(0)
        self.lag = LoopLag()
        self.observer = RecordingObserver()
        self.shedding = Shedding(
            ShedTerms(target_lag_s=0.02, max_lag_s=0.1, max_connections=max_connections),
            self.lag,
            MemoryUse(4096 * 1000, cgroup=folder / "none", statm=self.statm),
            self.observer,
            lambda: self.now,
            lambda: self.busy,
        )

    def fill(self, pages: int) -> None:
        self.statm.write_text(f"1 {pages} 1")

    def crowd(self, count: int) -> "list[asyncio.Future[None] | None]":
        """Read the heads of so many calls in one turn, of which each takes ten milliseconds."""
        for _ in range(count):
            self.shedding.comes()
        places: list[asyncio.Future[None] | None] = []
        for _ in range(count):
            places.append(self.shedding.admit({}))
            self.now += 0.01
        return places


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


async def test_a_turn_begins_what_it_has_time_for_and_the_others_wait(bench: Bench) -> None:
    places = bench.crowd(10)
    assert places[:4] == [None] * 4
    assert all(isinstance(place, asyncio.Future) for place in places[4:])
    assert bench.shedding.waiting == 6


async def test_who_waits_is_let_out_in_order(bench: Bench) -> None:
    waiting = [place for place in bench.crowd(10) if place is not None]
    ended: list[int] = []
    for number, place in enumerate(waiting):
        place.add_done_callback(partial(_note, ended, number))
    async with asyncio.timeout(2):
        while bench.shedding.waiting:
            bench.now += 0.01
            await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert ended == sorted(ended)
    assert len(ended) == 6


async def test_who_left_takes_no_place_of_others(bench: Bench) -> None:
    waiting = [place for place in bench.crowd(10) if place is not None]
    for place in waiting[:-1]:
        place.cancel()
    async with asyncio.timeout(2):
        await waiting[-1]


async def test_a_full_room_refuses_with_the_time_to_come_again(bench: Bench) -> None:
    bench.crowd(20)
    with pytest.raises(Overloaded) as caught:
        bench.crowd(30)
    assert caught.value.retry_after_s is not None
    assert 0.5 <= caught.value.retry_after_s <= 1.5
    assert bench.shedding.is_full


async def test_the_connection_answers_for_a_full_room(bench: Bench) -> None:
    assert bench.shedding.turn_away(SCOPE, 1) is None
    bench.crowd(20)
    with pytest.raises(Overloaded):
        bench.crowd(30)
    shed = bench.shedding.turn_away(SCOPE, 1)
    assert shed is not None
    answer, hangs_up = shed
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nretry-after: " in head
    assert b"content-length: %d" % len(body) in head
    assert b"server_is_overloaded" in body
    assert not hangs_up


async def test_messages_are_told_in_their_own_way(bench: Bench) -> None:
    bench.crowd(20)
    with pytest.raises(Overloaded):
        bench.crowd(30)
    answer = bench.shedding.turn_away_whole(CALL.replace(b"chat/completions", b"messages"))
    assert answer is not None
    assert answer.startswith(b"HTTP/1.1 529 ")
    assert b'"type":"overloaded_error"' in answer


@pytest.mark.parametrize(
    "scope",
    [
        {"method": "GET", "path": "/health", "headers": []},
        {"method": "GET", "path": "/health/ready", "headers": []},
        {"method": "GET", "path": "/metrics", "headers": []},
        {"method": "GET", "path": "/v1/models", "headers": []},
    ],
    ids=lambda scope: scope["path"],
)
async def test_health_and_metrics_are_always_answered(
    tmp_path: Path, scope: dict[str, object]
) -> None:
    bench = Bench(tmp_path, max_connections=1)
    bench.crowd(20)
    with pytest.raises(Overloaded):
        bench.crowd(30)
    assert bench.shedding.turn_away(scope, 100) is None


@pytest.mark.parametrize(
    "data",
    [
        b"GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
        CALL + CALL,
        CALL[:-1],
        CALL.replace(b"Content-Length: 2", b"Transfer-Encoding: chunked"),
        CALL.replace(b"Content-Length: 2", b"Content-Length: 2\r\nContent-Length: 2"),
        CALL.replace(b"Host", b"Transfer-Encoding: chunked\r\nHost"),
        CALL.replace(b"Host", b"Expect: 100-continue\r\nHost"),
        CALL.replace(b"Host", b"Connection: close\r\nHost"),
        CALL.replace(b"1.1", b"1.0"),
        CALL.partition(b"\r\n\r\n")[0],
        CALL.replace(b"Content-Length: 2", b"X: 1\nContent-Length: 3\r\nContent-Length: 2"),
        CALL.replace(b"Content-Length: 2", b"Content-Length: 3\r\n\tContent-Length: 2"),
        CALL.replace(b"Content-Length: 2", b"Content-Length: 2\r\n folded"),
        CALL.replace(b"Content-Length: 2", b"Content-Length: 02"),
        CALL.replace(b"Content-Length: 2", b"Content-Length: +2"),
        CALL.replace(b"Content-Length: 2", b"Content-Length: 2 "),
        CALL.replace(b"Content-Length: 2", b"Content-Length : 2"),
        CALL.replace(b"Host: x", b"Host: x\r\nTransfer-Encoding : chunked"),
        CALL.replace(b"Host: x", b"Host: x\r\nHost: x"),
        CALL.replace(b"Host: x", b"X-Host: x"),
        CALL.replace(b"Host: x", b"Host: x\0"),
        CALL.replace(b"Host: x", b"Host: x\rContent-Length: 3"),
        CALL.replace(b"Host: x", b"Host: x\r\nno colon"),
        CALL.replace(b"Host: x", b"Host: x\r\nConnection: keep-alive, Upgrade"),
        CALL.replace(b"Host: x", b"Host: x\r\nX: " + b"y" * 9000),
        CALL.replace(b"chat/completions", b"chat completions"),
    ],
)
async def test_what_is_odd_goes_the_way_of_all_others(bench: Bench, data: bytes) -> None:
    assert bench.shedding.turn_away_whole(data) is None


@pytest.mark.parametrize(
    "data",
    [
        CALL,
        CALL.replace(b"Host: x", b"host: x\r\nCONNECTION: Keep-Alive\r\nx-y_z:\r\nA: \xe9\t"),
        CALL.replace(b"chat/completions", b"responses?a=%20b"),
    ],
)
async def test_a_plain_call_is_refused_unread(bench: Bench, data: bytes) -> None:
    answer = bench.shedding.turn_away_whole(data)
    assert answer is not None
    assert answer.startswith(b"HTTP/1.1 503 ")


async def test_refusals_take_no_time_from_answers_where_others_have_the_processor(
    bench: Bench,
) -> None:
    bench.crowd(20)
    for _ in range(5):
        # All of a turn goes into refusing, and takes three times as long as the processor does.
        for _ in range(400):
            bench.shedding.turn_away_whole(CALL)
        bench.busy += 0.02
        bench.now += 0.06
        await asyncio.sleep(0)
    assert bench.shedding.waiting == 0


async def test_more_connections_than_there_may_be_are_closed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, max_connections=10)
    assert bench.shedding.turn_away(SCOPE, 10) is None
    shed = bench.shedding.turn_away(SCOPE, 11)
    assert shed is not None
    assert shed[1]
    assert b"connection: close" in shed[0]


async def test_large_bodies_are_refused_first_where_memory_is_short(bench: Bench) -> None:
    bench.fill(950)
    bench.shedding.look()
    assert bench.shedding.admit({b"content-length": b"1000"}) is None
    with pytest.raises(Overloaded):
        bench.shedding.admit({b"content-length": b"1000000"})
    with pytest.raises(Overloaded):
        bench.shedding.admit({b"transfer-encoding": b"chunked"})


async def test_without_memory_all_are_refused_while_anything_runs(bench: Bench) -> None:
    bench.fill(1001)
    bench.shedding.look()
    assert bench.shedding.admit({b"content-length": b"1"}) is None  # nothing will be given back
    bench.shedding.running = lambda: 50
    with pytest.raises(Overloaded):
        bench.shedding.admit({b"content-length": b"1"})
    bench.fill(100)
    bench.shedding.look()
    assert bench.shedding.admit({b"content-length": b"1000000"}) is None


async def test_without_a_server_that_tells_of_heads_nobody_waits(bench: Bench) -> None:
    for _ in range(100):
        assert bench.shedding.admit({}) is None
        bench.now += 1


def test_a_container_has_its_own_limit(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("950\n")
    (tmp_path / "memory.stat").write_text("anon 1\ninactive_file 500\n")
    assert MemoryUse(None, cgroup=tmp_path).share() == pytest.approx(0.5)
    (tmp_path / "memory.max").write_text("max\n")
    assert not MemoryUse(None, cgroup=tmp_path).is_bounded


async def test_the_lag_of_the_loop_is_told() -> None:
    lag = LoopLag()
    for _ in range(50):
        lag.note(0.2)
    (reading,) = lag.readings()
    assert reading.gauge is Gauge.LOOP_LAG_S
    assert reading.value == pytest.approx(0.2, rel=0.01)
    lag.note(-1.0)
    assert lag.value_s < 0.2


def _note(ended: list[int], number: int, place: "asyncio.Future[None]") -> None:
    assert place.done()
    ended.append(number)
