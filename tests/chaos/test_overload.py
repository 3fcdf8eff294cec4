"""Three times as many calls as a process can answer: it answers what it can, and says so."""

import json
import time
from pathlib import Path

import httpx

from . import house
from .crowds import Crowd, drive, percentile
from .driving import Drive
from .scale import scaled

# Translated and long, so that an answer costs the gateway more than it costs who asks.
PATH = "/v1/responses"
BODY = json.dumps({"model": house.MODEL, "input": "hi", "stream": True, "store": False})


def test_what_cannot_be_answered_is_refused_and_the_rest_is_answered(tmp_path: Path) -> None:
    seconds = scaled(20, short=4)
    with house.upstream(chunks=100, interval_ms=0) as upstream:
        config = house.provider("a", upstream.port) + house.route("a")
        with house.gateway(tmp_path, config) as served:
            port = house.port_of(served)
            crowd = Drive(port, BODY, 10**9, 32, seconds / 2, path=PATH, stream=True)
            most = drive(crowd)
            capacity = most.answered / most.wall_s
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
    assert most.refused == {}  # 32 callers who wait for their answers are no overload
    assert set(seen.refused) <= {"503"}
    assert seen.failed == {}
    assert seen.without_retry_after == 0
    assert (seen.cut, seen.told) == (0, 0)
    # Callers and upstream share the machine with the gateway, and take more of it meanwhile.
    assert seen.answered / seen.wall_s >= capacity * 0.4
    assert percentile(health_s, 99) < 1.0
