"""Whose bodies are looked at, for how long, and how much of them is told."""

import asyncio
import logging
from collections.abc import Mapping

import pytest

from modelmux.adapters.memory.clock import ManualClock
from modelmux.application.ports import Exchange
from modelmux.application.tracing import Traces
from modelmux.domain.errors import InvalidRequest
from modelmux.entrypoints.bodies import MAX_LOGGED_BYTES, MAX_LOOKS, BodyWatch
from modelmux.entrypoints.debug_log import MAX_BODY_BYTES


def redact(text: str) -> str:
    return text.replace("secret", "[redacted]")


def exchange(request_id: str = "r1", key_id: str | None = "k1") -> Exchange:
    return Exchange(request_id, "POST", "/v1/responses", key_id=key_id)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def watch(clock: ManualClock) -> BodyWatch:
    return BodyWatch(clock, redact)


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG, "modelmux.bodies")
    return caplog


def lines(log: pytest.LogCaptureFixture) -> list[Mapping[str, object]]:
    return [vars(record) for record in log.records]


def test_off_nobody_is_looked_at(watch: BodyWatch) -> None:
    assert not watch.active
    assert watch.sink(exchange()) is None


async def test_only_the_key_that_was_named_is_looked_at(
    watch: BodyWatch, log: pytest.LogCaptureFixture
) -> None:
    watch.look(("key", "k1"), 60)
    assert watch.active
    assert watch.sink(exchange(key_id="k2")) is None
    assert watch.sink(exchange(key_id=None)) is None
    assert watch.sink(exchange("k1", key_id="k2")) is None  # a request of that id is no key
    sink = watch.sink(exchange())
    assert sink is not None
    sink("request", "r1", b"a secret")
    begun, body = lines(log)
    assert (begun["msg"], begun["key_id"], begun["seconds"]) == ("bodies_shown", "k1", 60)
    assert (body["msg"], body["request_id"], body["body"]) == ("body", "r1", "a [redacted]")
    assert body["levelname"] == "INFO"
    watch.end(("key", "k1"))


async def test_a_request_is_known_by_its_id(watch: BodyWatch) -> None:
    watch.look(("request", "r7"), 60)
    assert watch.sink(exchange("r7", None)) is not None
    assert watch.sink(exchange("r8")) is None
    watch.end(("request", "r7"))


async def test_it_ends_by_itself_and_says_so(
    watch: BodyWatch, log: pytest.LogCaptureFixture
) -> None:
    watch.look(("key", "k1"), 0.01)
    await asyncio.sleep(0.05)
    assert not watch.active
    assert [line["msg"] for line in lines(log)] == ["bodies_shown", "bodies_no_longer_shown"]
    assert watch.looks() == {}


async def test_it_counts_by_the_clock_even_if_the_loop_is_late(
    watch: BodyWatch, clock: ManualClock
) -> None:
    watch.look(("key", "k1"), 600)
    clock.advance(599)
    assert watch.sink(exchange()) is not None
    assert watch.looks() == {("key", "k1"): 1.0}
    clock.advance(2)
    assert watch.sink(exchange()) is None
    assert watch.end(("key", "k1"))
    assert not watch.end(("key", "k1"))


async def test_naming_it_again_begins_anew(watch: BodyWatch, clock: ManualClock) -> None:
    watch.look(("key", "k1"), 60)
    clock.advance(50)
    watch.look(("key", "k1"), 60)
    clock.advance(50)
    assert watch.sink(exchange()) is not None
    watch.end(("key", "k1"))
    assert not watch.active


@pytest.mark.parametrize("seconds", [0, -1, 3601, float("inf"), float("nan")])
async def test_its_time_is_bounded(watch: BodyWatch, seconds: float) -> None:
    with pytest.raises(InvalidRequest, match="up to 60 minutes"):
        watch.look(("key", "k1"), seconds)
    assert not watch.active


async def test_how_many_are_looked_at_is_bounded(watch: BodyWatch) -> None:
    for number in range(MAX_LOOKS):
        watch.look(("key", str(number)), 60)
    with pytest.raises(InvalidRequest, match="20 keys and requests"):
        watch.look(("key", "more"), 60)
    watch.look(("key", "0"), 60)
    for number in range(MAX_LOOKS):
        watch.end(("key", str(number)))


async def test_how_much_is_logged_is_bounded(
    watch: BodyWatch, log: pytest.LogCaptureFixture
) -> None:
    watch.look(("key", "k1"), 60)
    sink = watch.sink(exchange())
    assert sink is not None
    for _ in range(50):
        sink("chunk", "r1", b"x" * (2 * MAX_BODY_BYTES))
    told = [line for line in lines(log) if line["msg"] == "body"]
    assert len(told) == MAX_LOGGED_BYTES // MAX_BODY_BYTES
    assert all(len(str(line["body"])) == MAX_BODY_BYTES for line in told)
    assert lines(log)[-1]["msg"] == "bodies_cut_short"
    watch.end(("key", "k1"))


async def test_where_all_are_logged_none_is_logged_twice(watch: BodyWatch) -> None:
    told: list[bytes] = []
    watch.log_all(lambda what, request_id, data: told.append(data))
    watch.look(("key", "k1"), 60)
    sink = watch.sink(exchange())
    assert sink is not None
    sink("request", "r1", b"x")
    assert told == [b"x"]
    watch.end(("key", "k1"))
    assert watch.active


async def test_traces_that_are_told_get_the_beginnings(
    clock: ManualClock, log: pytest.LogCaptureFixture
) -> None:
    watch = BodyWatch(clock, redact, traced=True)
    assert watch.active
    assert watch.sink(exchange()) is None
    traced = exchange()
    trace = traced.journal.trace = Traces(clock, lambda bits: 5).begin(None)
    assert trace is not None
    watch.look(("key", "k1"), 60)
    sink = watch.sink(traced)
    assert sink is not None
    sink("request", "r1", b"asked")
    for _ in range(3):
        sink("chunk", "r1", b"y" * 10_000)
    assert trace.request_body == b"asked"
    assert len(trace.response_body) == MAX_BODY_BYTES
    assert len([line for line in lines(log) if line["msg"] == "body"]) == 4
    watch.end(("key", "k1"))
    assert watch.active
    passing = exchange()
    passing.journal.trace = Traces(clock, lambda bits: 5, 0.0).begin(None)
    assert watch.sink(passing) is None
