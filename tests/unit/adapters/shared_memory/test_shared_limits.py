"""Limits in shared memory keep the port's laws, over processes, crashes and full tables."""

import asyncio
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from modelmux.adapters.memory.clock import ManualClock
from modelmux.adapters.shared_memory.limits import SharedMemoryRateLimiter
from modelmux.adapters.shared_memory.tables import FLOWS, RUNS, Tables
from modelmux.adapters.system.clock import SystemClock
from modelmux.application.ports import RateLimiter
from modelmux.domain.errors import ConfigurationError
from tests.contracts.rate_limiter import RateLimiterContract, is_granted, limit, running
from tests.support.limit_taker import FEW, FLOW

ROOT = Path(__file__).parents[4]


class TestSharedMemoryRateLimiter(RateLimiterContract):
    @pytest.fixture
    def limiter(self, clock: ManualClock, tmp_path: Path) -> Generator[RateLimiter]:
        limiter = SharedMemoryRateLimiter(tmp_path, clock)
        yield limiter
        limiter.close()


def start_taker(folder: Path, what: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.limit_taker", str(folder), what],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def await_word(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == f"{word}\n"


@contextmanager
def holder(folder: Path, *, locked: bool = False) -> Generator[subprocess.Popen[str]]:
    """Give a process that runs one of three, and is killed at the end."""
    process = start_taker(folder, "locked" if locked else "free")
    try:
        await_word(process, "holding")
        yield process
    finally:
        process.kill()
        process.communicate()


@contextmanager
def opened(folder: Path, clock: ManualClock | None = None) -> Generator[SharedMemoryRateLimiter]:
    limiter = SharedMemoryRateLimiter(folder, clock or SystemClock())
    try:
        yield limiter
    finally:
        limiter.close()


async def took(limiter: RateLimiter) -> bool:
    return is_granted(await limiter.take([(FEW, 1.0)]))


def test_four_processes_get_together_what_the_limit_allows_within_one_percent(
    tmp_path: Path,
) -> None:
    with opened(tmp_path) as limiter, ExitStack() as stack:
        processes = [stack.enter_context(start_taker(tmp_path, "hammer")) for _ in range(4)]
        for process in processes:
            await_word(process, "ready")
        began = time.monotonic()
        assert is_granted(asyncio.run(limiter.take([(FLOW, FLOW.burst)])))
        for process in processes:
            assert process.stdin is not None
            process.stdin.write(f"{began + 2.5}\n")
            process.stdin.flush()
        shares = [int(process.communicate()[0]) for process in processes]
        asked_s = time.monotonic() - began
        (standing,) = asyncio.run(limiter.take([(FLOW, 0.0)]))
        told_s = time.monotonic() - began
    assert all(share > 0 for share in shares)
    # What nobody has taken at the end is still there. A busy machine may tell late.
    per_s = FLOW.per_minute / 60
    least, most = ((standing.reset_s - FLOW.all_s + s) * per_s for s in (asked_s, told_s))
    assert least * 0.99 <= sum(shares) <= most * 1.01
    assert sum(shares) <= told_s * per_s * 1.01


async def test_what_a_killed_process_ran_is_free_again(tmp_path: Path) -> None:
    with opened(tmp_path) as limiter, holder(tmp_path) as other:
        assert [await took(limiter) for _ in range(3)] == [True, True, False]
        other.send_signal(signal.SIGKILL)
        other.wait()
        await asyncio.sleep(0.3)  # the dead are looked for a few times a second
        assert [await took(limiter) for _ in range(2)] == [True, False]


async def test_limits_that_are_taken_together_get_places_of_their_own(tmp_path: Path) -> None:
    """Of so many some begin to look for a place at the same one."""
    with opened(tmp_path, ManualClock()) as limiter:
        few = [running(1.0, f"key {number}") for number in range(300)]
        slow = [limit(burst=1.0, subject=f"key {number}") for number in range(1000)]
        every = [(one, 1.0) for one in (*few, *slow)]
        assert is_granted(await limiter.take(every))
        for one in every:
            assert not is_granted(await limiter.take([one]))
        limiter.give(every)
        for one in every:
            assert is_granted(await limiter.take([one]))


async def test_a_lock_ends_with_its_holder(tmp_path: Path) -> None:
    with opened(tmp_path) as limiter, holder(tmp_path, locked=True) as other:
        other.send_signal(signal.SIGKILL)
        other.wait()
        began = time.monotonic()
        assert await took(limiter)
        assert time.monotonic() - began < 0.15


async def test_a_process_that_stands_still_with_the_lock_holds_nobody_up_for_long(
    tmp_path: Path,
) -> None:
    with opened(tmp_path) as limiter, holder(tmp_path, locked=True):
        times: list[float] = []
        for _ in range(50):
            began = time.monotonic()
            assert is_granted(await limiter.take([(FLOW, 1.0), (FEW, 1.0)]))
            limiter.give([(FEW, 1.0)])
            times.append(time.monotonic() - began)
        assert max(times) < 1.0
        assert sorted(times)[25] < 0.02
        assert not is_granted(await limiter.take([(FLOW, FLOW.burst - 20)]))


async def test_what_was_taken_without_the_lock_is_written_down_with_it(tmp_path: Path) -> None:
    clock, slow = ManualClock(), limit(per_minute=0.1)
    with opened(tmp_path, clock) as limiter, opened(tmp_path, clock) as other:
        assert is_granted(await other.take([(slow, 2.0)]))
        assert is_granted(await limiter.take([(slow, 1.0)]))
        with holder(tmp_path, locked=True):
            assert is_granted(await limiter.take([(slow, 4.0)]))
            limiter.give([(slow, 1.0)])
            assert not is_granted(await limiter.take([(slow, 5.0)]))
        await limiter.take([])
        (standing,) = await other.take([(slow, 1.0)])
        assert standing.remaining == pytest.approx(3.0)


async def test_who_closes_frees_what_it_still_ran(tmp_path: Path) -> None:
    with opened(tmp_path) as limiter:
        with opened(tmp_path) as leaving:
            assert [await took(leaving) for _ in range(3)] == [True] * 3
            assert not await took(limiter)
        assert await took(limiter)
        leaving.give([(FEW, 1.0)])  # what ends later changes nothing
        assert [await took(limiter) for _ in range(3)] == [True, True, False]


async def test_two_in_one_process_count_each_for_itself(tmp_path: Path) -> None:
    """As after a reload, while streams of the old configuration still run."""
    with opened(tmp_path) as old, opened(tmp_path) as new:
        assert await took(old)
        assert [await took(new) for _ in range(3)] == [True, True, False]
        old.give([(FEW, 1.0)])
        old.give([(FEW, 1.0)])
        assert [await took(new) for _ in range(2)] == [True, False]


async def test_limits_outlive_the_process_that_counted_them(tmp_path: Path) -> None:
    clock = ManualClock()
    with opened(tmp_path, clock) as first:
        assert is_granted(await first.take([(limit(per_minute=1.0), 8.0)]))
    with opened(tmp_path, clock) as second:
        (standing,) = await second.take([(limit(per_minute=1.0), 1.0)])
    assert standing.remaining == pytest.approx(1.0)


async def test_a_file_of_another_start_of_the_machine_is_begun_anew(tmp_path: Path) -> None:
    clock = ManualClock()
    clock.advance(1e6)
    with opened(tmp_path, clock) as first:
        assert is_granted(await first.take([(limit(per_minute=1.0), 10.0)]))
    with (tmp_path / "limits").open("r+b") as file:
        file.seek(20)
        file.write(b"another")
    with opened(tmp_path, ManualClock()) as second:
        assert is_granted(await second.take([(limit(per_minute=1.0), 10.0)]))


async def test_a_full_table_takes_from_whoever_is_nearest_to_being_full(tmp_path: Path) -> None:
    tables = Tables(tmp_path)
    digests = [bytes(4) + number.to_bytes(12, "little") for number in range(40)]
    now = 100.0
    for number, digest in enumerate(digests[:32]):
        tables.flows[tables.flow(digest, now)] = now + 50 + number
    slots = {tables.flow(digest, now) for digest in digests[:32]}
    assert len(slots) == 32
    slot = tables.flow(digests[32], now)
    assert slot == tables.flow(digests[32], now)
    assert tables.flows[slot] == 0.0
    tables.flows[slot] = now + 200
    assert [tables.is_flow(slot, digest) for digest in digests[:2]] == [True, False] or (
        tables.flow(digests[1], now) in slots
    )
    assert sum(tables.flows[one] > now + 51 for one in slots) >= 31
    # What is full again is as good as free.
    fresh = tables.flow(digests[33], now + 150)
    assert fresh in slots
    tables.close()


async def test_keys_that_find_no_place_to_run_are_let_through_uncounted(tmp_path: Path) -> None:
    tables = Tables(tmp_path)
    digests = [bytes(4) + number.to_bytes(12, "little") for number in range(33)]
    for digest in digests[:32]:
        slot = tables.run(digest)
        assert slot is not None
        tables.counts[slot * 256 + tables.me] = 1
    assert tables.run(digests[32]) is None
    tables.close()


async def test_more_keys_than_there_are_places_do_no_harm(tmp_path: Path) -> None:
    clock = ManualClock()
    with opened(tmp_path, clock) as limiter:
        for number in range(3 * RUNS):
            one = [(limit(subject=f"k{number}"), 1.0), (running(2.0, f"k{number}"), 1.0)]
            assert is_granted(await limiter.take(one))
            limiter.give(one[1:])
        assert FLOWS > 3 * RUNS


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="limits cannot be counted"):
        SharedMemoryRateLimiter(tmp_path / "file", ManualClock())


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    with opened(tmp_path):
        for path in tmp_path.iterdir():
            assert path.stat().st_mode & 0o777 == 0o600


def test_a_disk_that_is_too_full_is_told(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The first megabyte is taken, as a disk takes what it still has room for.
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, before[1]))
    try:
        with pytest.raises(ConfigurationError, match="limits cannot be counted in"):
            Tables(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
