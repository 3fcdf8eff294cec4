"""Files of counts: one a worker, taken up by who comes next, added up by anybody."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from modelmux.adapters.observability.metrics import PrometheusObserver
from modelmux.adapters.shared_memory.count_files import CountFiles
from modelmux.adapters.shared_memory.counts import CAPACITY_BYTES, MAX_CELLS

_WORKER = """
import sys
from pathlib import Path
from modelmux.adapters.observability.metrics import PrometheusObserver
from modelmux.adapters.shared_memory.count_files import CountFiles
from tests.contracts.observer import finished

files = CountFiles(Path(sys.argv[1]))
observer = PrometheusObserver("1", lambda: 1.0, table=files.table, seen=files.seen)
observer.exchange_started()
print(files.name, flush=True)
for line in sys.stdin:
    for _ in range(int(line)):
        observer.exchange_started()
        observer.exchange_settled(finished())
    print("counted", flush=True)
"""


class Worker:
    """Counts requests in a process of its own; one runs as long as it lives."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.process = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-c", _WORKER, str(folder)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                env={"PYTHONPATH": os.pathsep.join(sys.path)},
            )
        )  # fmt: skip
        self.name = self._line()

    def count(self, requests: int) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{requests}\n")
        self.process.stdin.flush()

    def wait(self) -> None:
        assert self._line() == "counted"

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


@contextmanager
def counting(folder: Path, workers: int) -> Generator[tuple[list[Worker], ExitStack]]:
    with ExitStack() as stack:
        started = [Worker(folder, stack) for _ in range(workers)]
        try:
            yield started, stack
        finally:
            for worker in started:
                worker.kill()


def counted(observer: PrometheusObserver) -> tuple[float, float, float]:
    """Return requests that are over, those that run, and workers."""
    names = (
        'modelmux_http_requests_total{method="POST",path="/v1/chat/completions",status="200"} ',
        "modelmux_requests_in_flight ",
        "modelmux_workers ",
    )
    lines = observer.exposition().decode().splitlines()
    found = [[line for line in lines if line.startswith(name)] for name in names]
    requests, running, workers = (float(one[0].split()[-1]) if one else 0 for one in found)
    return requests, running, workers


def test_requests_of_several_processes_are_counted_exactly_also_over_a_kill(
    tmp_path: Path,
) -> None:
    files = CountFiles(tmp_path)
    observer = PrometheusObserver("1", lambda: 1.0, table=files.table, seen=files.seen)
    with counting(tmp_path, 4) as (workers, stack):
        assert sorted(worker.name for worker in workers) == ["1", "2", "3", "4"]
        for worker in workers:
            worker.count(5000)
        before = 0.0
        while before < 20_000:
            seen = counted(observer)[0]
            assert before <= seen <= 20_000  # never backwards, never too many
            before = seen
        for worker in workers:
            worker.wait()
        assert counted(observer) == (20_000, 4, 5)
        workers[1].kill()
        assert counted(observer) == (20_000, 3, 4)
        workers[1] = Worker(tmp_path, stack)
        assert workers[1].name == "2"
        assert counted(observer) == (20_000, 4, 5)
        workers[1].count(100)
        workers[1].wait()
        assert counted(observer) == (20_100, 4, 5)
    assert counted(observer) == (20_100, 0, 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"counts-{n}" for n in range(5)]
    files.close()


def test_a_file_that_was_left_is_taken_up(tmp_path: Path) -> None:
    first, second = CountFiles(tmp_path), CountFiles(tmp_path)
    assert (first.name, second.name) == ("0", "1")
    first.table.cells[first.table.place(b"[]", 1)] = 5
    assert [(seen.name, seen.live) for seen in second.seen()] == [("1", True), ("0", True)]
    first.close()
    assert [(seen.name, seen.live) for seen in second.seen()] == [("1", True), ("0", False)]
    third = CountFiles(tmp_path)
    assert third.name == "0"
    assert third.table.cells[third.table.place(b"[]", 1)] == 5
    second.close()
    third.close()


def test_files_of_another_layout_are_left_alone(tmp_path: Path) -> None:
    strange = tmp_path / "counts-0"
    strange.write_bytes(b"mmcount9".ljust(CAPACITY_BYTES, b"\1"))
    (tmp_path / "counts-1").write_bytes(b"")
    files = CountFiles(tmp_path)
    assert files.name == "1"
    assert strange.read_bytes()[:8] == b"mmcount9"
    assert all(not seen.table.records() for seen in files.seen() if seen.name == "0")
    files.close()


def test_files_take_no_room_for_what_was_not_counted(tmp_path: Path) -> None:
    files = CountFiles(tmp_path)
    PrometheusObserver("1", lambda: 1.0, table=files.table, seen=files.seen)
    stat = (tmp_path / "counts-0").stat()
    assert stat.st_size == CAPACITY_BYTES
    assert stat.st_blocks * 512 < 128 * 1024
    assert stat.st_mode & 0o077 == 0
    files.close()


@pytest.mark.parametrize("scrapes", [50])
def test_many_scrapes_leave_no_open_files(tmp_path: Path, scrapes: int) -> None:
    mine, other = CountFiles(tmp_path), CountFiles(tmp_path)
    observer = PrometheusObserver("1", lambda: 1.0, table=mine.table, seen=mine.seen)
    observer.exposition()
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    began = time.monotonic()
    for _ in range(scrapes):
        observer.exposition()
    after = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    assert before == after
    assert time.monotonic() - began < 10
    mine.close()
    other.close()


def test_the_disk_has_room_for_what_is_counted(tmp_path: Path) -> None:
    files = CountFiles(tmp_path)
    path = tmp_path / "counts-0"
    try:
        for number in range(2000):
            files.table.place(b"%d" % number, MAX_CELLS)
            if number % 400 == 0:
                assert _begins_to_be_empty(path) > len(files.table.records()) * MAX_CELLS * 8
        assert _begins_to_be_empty(path) < CAPACITY_BYTES
        assert files.table.dropped == 0
    finally:
        files.close()
    for number in range(2000, 2500):
        files.table.place(b"%d" % number, MAX_CELLS)
    assert files.table.dropped > 0  # its descriptor may be another file's by now


def _begins_to_be_empty(path: Path) -> int:
    with path.open("rb") as file:
        return os.lseek(file.fileno(), 0, os.SEEK_HOLE)


def test_what_was_there_is_kept_by_who_comes_next(tmp_path: Path) -> None:
    first = CountFiles(tmp_path)
    for number in range(200):
        first.table.cells[first.table.place(b"%d" % number, MAX_CELLS)] = number
    first.close()
    second = CountFiles(tmp_path)
    for number in range(400):
        assert second.table.cells[second.table.place(b"%d" % number, MAX_CELLS)] == (
            number if number < 200 else 0
        )
    second.close()
