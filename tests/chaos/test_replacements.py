"""Laws of change: reloads, upgrades and crashes under load cost no call that could be spared."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.processes import tree
from tests.support.serving import COMMAND, ServedGateway

from . import house
from .crowds import Crowd, drive
from .driving import Drive, Driven
from .scale import FULL, scaled

# Between a client's calls. New workers have to start beside the load: the short form leaves them
# some of the machine.
_PAUSE_S = 0.02 if FULL else 0.2


def _verb(served: ServedGateway, verb: str) -> subprocess.CompletedProcess[str]:
    folder = served.log.parent
    return subprocess.run(
        [*COMMAND, verb, "--port", str(house.port_of(served))],
        cwd=folder,
        env={
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "XDG_STATE_HOME": str(folder / "state"),
            "XDG_DATA_HOME": str(folder / "data"),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _under_load(folder: Path, workers: int, act: Callable[[ServedGateway], None]) -> list[Driven]:
    """Return what clients with fresh, with kept connections and with streams saw meanwhile."""
    with house.upstream(chunks=20, interval_ms=20) as upstream:
        config = house.provider("a", upstream.port) + house.route("a")
        with house.gateway(folder, config, workers=workers) as served:
            port = house.port_of(served)
            seconds = 600.0
            stop = folder / "stop"
            jobs = (
                Drive(port, house.body(), 10**9, 4, seconds, keep_alive=False,
                      pause_s=_PAUSE_S, stop=str(stop)),
                Drive(port, house.body(), 10**9, 8, seconds, pause_s=_PAUSE_S, stop=str(stop)),
                Drive(port, house.body(stream=True), 10**9, 8, seconds, stream=True,
                      pause_s=_PAUSE_S, stop=str(stop)),
            )  # fmt: skip
            crowds = [Crowd(job) for job in jobs]
            try:
                time.sleep(0.5)
                act(served)
                time.sleep(0.5)
            finally:
                stop.touch()
                seen = [crowd.result() for crowd in crowds]
    return seen


@pytest.mark.parametrize("verb", ["reload", "upgrade"])
def test_replacing_all_workers_again_and_again_fails_no_call(tmp_path: Path, verb: str) -> None:
    times = scaled(20, short=2)
    before: list[set[int]] = []

    def replace(served: ServedGateway) -> None:
        for _ in range(times):
            before.append(set(tree(served.process.pid)))
            done = _verb(served, verb)
            assert done.returncode == 0, done.stderr

    for seen in _under_load(tmp_path, 2, replace):
        assert seen.answered > 0
        assert (seen.refused, seen.failed) == ({}, {})
    others = {pid for pids in before for pid in pids}
    assert len(others) >= 2 * times  # they were other processes each time


def test_a_bad_file_changes_nothing_and_is_told(tmp_path: Path) -> None:
    def spoil(served: ServedGateway) -> None:
        file = served.log.parent / "modelmux.toml"
        good = file.read_text()
        workers = set(tree(served.process.pid))
        file.write_text(good.replace('provider = "a"', 'provider = "nobody"'))
        done = _verb(served, "reload")
        assert done.returncode != 0
        assert 'there is no provider "nobody"' in done.stderr
        assert "modelmux.toml:" in done.stderr
        assert workers <= set(tree(served.process.pid))
        file.write_text(good)
        assert _verb(served, "reload").returncode == 0

    for seen in _under_load(tmp_path, 2, spoil):
        assert (seen.refused, seen.failed) == ({}, {})


def test_a_crashed_worker_takes_only_what_it_held(tmp_path: Path) -> None:
    with house.upstream(chunks=3, interval_ms=5) as upstream:
        config = house.provider("a", upstream.port) + house.route("a")
        with house.gateway(tmp_path, config, workers=2) as served:
            port = house.port_of(served)
            clients = 8
            crowd = Crowd(Drive(port, house.body(), 10**9, clients, 6, pause_s=0.01))
            time.sleep(1)
            victim = served.workers()[0]
            os.kill(victim, signal.SIGKILL)
            ends = time.monotonic() + 10
            while len(set(served.workers()) - {victim}) < 2:
                assert time.monotonic() < ends
                time.sleep(0.05)
            seen = crowd.result()
            after = drive(Drive(port, house.body(), 200, 8, 20, keep_alive=False))
    assert seen.refused == {}
    assert sum(seen.failed.values()) <= clients
    assert (after.answered, after.refused, after.failed) == (200, {}, {})
