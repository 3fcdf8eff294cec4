"""Laws of crowds: dead targets, clients that leave, thousands of streams."""

import signal
import time
from pathlib import Path

import httpx

from tests.support.serving import ServedGateway, free_port

from . import house
from .crowds import Crowd, drive, percentile
from .driving import Drive
from .scale import FULL, scaled


def test_a_dead_first_target_costs_no_client_an_error(tmp_path: Path) -> None:
    calls = scaled(5000, short=500)
    with house.upstream() as alive:
        config = house.provider("dead", free_port()) + house.provider("alive", alive.port)
        with house.gateway(tmp_path, config + house.route("dead", "alive")) as served:
            port = house.port_of(served)
            drive(Drive(port, house.body(), 50, 8, 20))  # the breaker opens
            seen = drive(Drive(port, house.body(), calls, 8, 60))
    assert (seen.answered, seen.refused, seen.failed) == (calls, {}, {})
    assert percentile(seen.latencies_ms, 99) <= 20.0


def test_clients_that_leave_are_left_nothing_behind(tmp_path: Path) -> None:
    clients = scaled(3000, short=300)
    with house.upstream(chunks=100, interval_ms=20) as upstream:
        config = house.provider("a", upstream.port) + house.route("a")
        with house.gateway(tmp_path, config) as served:
            port = house.port_of(served)
            drive(Drive(port, house.body(stream=True), 20, 20, 20, leave_within_s=0.1))
            before = _settled_files(served, 0)
            crowd = Drive(
                port, house.body(stream=True), clients, 300, 60, leave_within_s=0.5, stream=True
            )
            seen = drive(crowd)
            asked = time.perf_counter()
            answer = httpx.post(
                f"{served.url}/v1/chat/completions", content=house.body(), timeout=10
            )
            waited_s = time.perf_counter() - asked
            after = _settled_files(served, before)
            running = house.metric(served, "modelmux_requests_in_flight")
    assert seen.left == clients
    assert answer.status_code == 200
    assert waited_s < 1.0
    assert after <= before + 2  # a pooled connection or two
    assert running <= 1  # the scrape itself


def _settled_files(served: ServedGateway, wanted: int) -> int:
    """Return how many files are open once it is no more than `wanted`, or a second has passed."""
    ends = time.monotonic() + 1
    while (count := house.open_files(served)) > wanted and time.monotonic() < ends:
        time.sleep(0.05)
    return count


def test_thousands_of_streams_are_open_at_once_and_none_is_lost(tmp_path: Path) -> None:
    streams = scaled(5000, short=500)
    chunks = scaled(20, short=6)
    with house.upstream(chunks=chunks, interval_ms=1000) as upstream:
        config = house.provider("a", upstream.port) + house.route("a")
        with house.gateway(tmp_path, config) as served:
            port = house.port_of(served)
            drive(Drive(port, house.body(stream=False), 100, 8, 20))
            before = house.memory_bytes(served)
            body = house.body(stream=True)
            crowd = Crowd(Drive(port, body, streams, streams, 60, hold=True, stream=True))
            most = before
            while crowd.running:
                time.sleep(0.2)
                most = max(most, house.memory_bytes(served))
            seen = crowd.result()
    assert (seen.answered, seen.refused, seen.failed) == (streams, {}, {})
    if FULL:  # a few hundred do not weigh enough to be told from the rest
        assert (most - before) / streams <= 25_000


def test_sigterm_cuts_no_stream_that_ends_in_its_grace(tmp_path: Path) -> None:
    streams = scaled(1000, short=200)
    with house.upstream(chunks=8, interval_ms=500) as upstream:
        config = house.provider("a", upstream.port) + house.route("a")
        with house.gateway(tmp_path, config) as served:
            body = house.body(stream=True)
            job = Drive(house.port_of(served), body, streams, streams, 30, hold=True, stream=True)
            crowd = Crowd(job)
            _wait_for_streams(served, streams)
            served.process.send_signal(signal.SIGTERM)
            seen = crowd.result()
            status = served.process.wait(30)
    assert (seen.answered, seen.refused, seen.failed) == (streams, {}, {})
    assert status == 0


def test_streams_that_outlive_the_grace_are_told_so(tmp_path: Path) -> None:
    with house.upstream(chunks=100, interval_ms=500) as upstream:
        config = house.provider("a", upstream.port) + house.route("a")
        config += "\n[server]\ndrain_grace_s = 1.0\n"
        with house.gateway(tmp_path, config) as served:
            body = house.body(stream=True)
            crowd = Crowd(Drive(house.port_of(served), body, 50, 50, 30, hold=True, stream=True))
            _wait_for_streams(served, 50)
            served.process.send_signal(signal.SIGTERM)
            seen = crowd.result()
            status = served.process.wait(30)
    assert (seen.told, seen.cut) == (50, 0)
    assert status == 0


def _wait_for_streams(served: ServedGateway, wanted: int) -> None:
    ends = time.monotonic() + 10
    while house.metric(served, "modelmux_requests_in_flight") < wanted:
        assert time.monotonic() < ends
        time.sleep(0.05)
    time.sleep(0.2)
