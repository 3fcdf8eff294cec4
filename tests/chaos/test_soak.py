"""A soak: mixed traffic, leaving clients, failing upstreams; memory stays flat."""

import time
from pathlib import Path

from tests.support.serving import free_port

from . import house
from .crowds import Crowd
from .driving import Drive
from .scale import FULL, scaled


def test_mixed_traffic_and_faults_leave_memory_flat(tmp_path: Path) -> None:
    seconds = scaled(180, short=8)
    with house.upstream(chunks=10, interval_ms=5) as alive:
        config = house.provider("dead", free_port()) + house.provider("alive", alive.port)
        config += house.route("dead", "alive")
        with house.gateway(tmp_path, config) as served:
            port = house.port_of(served)
            whole, stream = house.body(), house.body(stream=True)
            unknown = house.body(model="nobody")
            jobs = (
                Drive(port, whole, 10**9, 4, seconds, pause_s=0.002),
                Drive(port, whole, 10**9, 2, seconds, pause_s=0.005, keep_alive=False),
                Drive(port, stream, 10**9, 8, seconds, stream=True, pause_s=0.002),
                Drive(port, stream, 10**9, 8, seconds, stream=True, leave_within_s=0.1),
                Drive(port, unknown, 10**9, 1, seconds, pause_s=0.01),
                Drive(port, whole[:-5], 10**9, 1, seconds, pause_s=0.01),
            )
            crowds = [Crowd(job) for job in jobs]
            memory: list[int] = []
            while any(crowd.running for crowd in crowds):
                time.sleep(seconds / 40)
                memory.append(house.memory_bytes(served))
            seen = [crowd.result() for crowd in crowds]
            time.sleep(0.5)
            running = house.metric(served, "modelmux_requests_in_flight")
    for one in seen:
        assert one.failed == {}
    for one in seen[:3]:
        assert one.answered > 0
        assert one.refused == {}
    assert set(seen[4].refused) == {"404"}
    assert set(seen[5].refused) == {"400"}
    assert running <= 1
    # Short runs still fill caches and pools; that they do not grow on is for the long one to say.
    third = len(memory) // 3
    growth = max(memory[2 * third :]) / max(memory[third : 2 * third])
    assert growth < (1.02 if FULL else 1.10), memory
