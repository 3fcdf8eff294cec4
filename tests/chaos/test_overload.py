"""Three times as many calls as a process can answer: it answers what it can, and says so."""

import json
import time
from pathlib import Path

import httpx

from bench.processes import cpu_s

from . import house
from .crowds import Crowd, drive, percentile
from .driving import Drive
from .scale import FULL, scaled

# Translated and long, so that an answer costs the gateway more than it costs who asks.
PATH = "/v1/responses"
BODY = json.dumps({"model": house.MODEL, "input": "hi", "stream": True, "store": False})


# Callers and upstream share the machine with the gateway, and take more of it meanwhile; who else
# runs there may take ten times as much from one second to the next. So what is compared is answers
# for each second of the gateway's processor, and much is left for caches that others have emptied.
KEPT = 0.7 if FULL else 0.5


def test_what_cannot_be_answered_is_refused_and_the_rest_is_answered(tmp_path: Path) -> None:
    seconds = scaled(20, short=4)
    with house.upstream(chunks=100, interval_ms=0) as upstream:
        config = house.provider("a", upstream.port) + house.route("a")
        with house.gateway(tmp_path, config) as served:
            port, gateway = house.port_of(served), [served.worker()]
            drive(Drive(port, BODY, 100, 16, 10, path=PATH, stream=True))  # everything is warm
            began_s = cpu_s(gateway)
            crowd = Drive(port, BODY, 10**9, 16, seconds / 2, path=PATH, stream=True)
            most = drive(crowd)
            capacity = most.answered / most.wall_s
            each_s = (cpu_s(gateway) - began_s) / most.answered
            began_s = cpu_s(gateway)
            crowd = Drive(port, BODY, 10**9, 0, seconds, path=PATH, stream=True, rate=3 * capacity)
            running = Crowd(crowd)
            health_s: list[float] = []
            with httpx.Client(base_url=served.url, trust_env=False, timeout=10) as client:
                while running.running:
                    began = time.monotonic()
                    assert client.get("/health/live").status_code == 200
                    health_s.append(time.monotonic() - began)
                    time.sleep(0.05)
            seen = running.result()
            busy_s = cpu_s(gateway) - began_s
    assert most.refused == {}  # 16 callers who wait find room, however slow the machine
    assert set(seen.refused) <= {"503"}
    assert seen.failed == {}
    assert seen.without_retry_after == 0
    assert (seen.cut, seen.told) == (0, 0)
    assert seen.answered * each_s / busy_s >= KEPT
    if seen.refused:
        # As late as half of the calls were sent, nobody could be answered sooner.
        late_ms = percentile(seen.late_ms, 50)
        assert percentile(seen.refusals_ms, 50) - late_ms < scaled(50, short=250)
    assert percentile(health_s, 90) < 1.0


def test_those_who_ask_again_at_once_leave_time_for_answers(tmp_path: Path) -> None:
    body = house.body()
    with house.upstream() as upstream:
        config = house.provider("a", upstream.port) + house.route("a")
        with house.gateway(tmp_path, config) as served:
            port, gateway = house.port_of(served), [served.worker()]
            drive(Drive(port, body, 500, 32, 10))
            began_s = cpu_s(gateway)
            most = drive(Drive(port, body, 10**9, 32, scaled(5, short=1)))
            each_s = (cpu_s(gateway) - began_s) / most.answered
            began_s = cpu_s(gateway)
            seen = drive(Drive(port, body, 10**9, 600, scaled(10, short=2)))
            busy_s = cpu_s(gateway) - began_s
    assert set(seen.refused) <= {"503"}
    assert seen.failed == {}
    # Dozens are refused for each that is answered: most of the time goes there.
    assert seen.answered * each_s / busy_s >= 0.15
