"""Limits counted by all processes of one machine together, without a service beside them.

All write into one file that each of them maps. A change takes the file's lock (`flock`, half a
microsecond), which the kernel frees when its holder dies. A holder that was stopped in the middle
is waited for a fifth of a second; then each process goes on by what it can read and remembers what
it took, to write it down once it has the lock. What runs is counted by process, each in cells of
its own; the cells of one that died are freed when its place is needed.

Assumed: `time.monotonic` is one clock for the processes that share a folder, as on Linux and
macOS; the folder is on a file system of this machine.
"""

import fcntl
import os
import time
from collections.abc import Collection, Sequence
from hashlib import blake2b
from pathlib import Path

from ...application.flows import after_giving, after_taking, lacking
from ...application.ports import Clock, Limit, LimitKey, RateLimiter, Standing
from .tables import PROCESSES, Tables

_LOOK_AGAIN_S = 0.05
_SPINS = 50
# Longer than a busy machine lets a process stand in the middle of its work.
_PATIENCE_S = 0.2
_IMPATIENT_S = 5.0
_MOST_OWED_S = 1.0
_DEAD_LOOKED_FOR_EVERY_S = 0.25
_MAX_REMEMBERED = 65_536


class SharedMemoryRateLimiter(RateLimiter):
    """Whoever makes one closes it: then what it still counted as running is free.

    Raises:
        ConfigurationError: the folder cannot be written, or too many processes count there.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._tables = Tables(folder)
        self._monotonic = clock.monotonic
        self._slots: dict[LimitKey, tuple[bytes, int]] = {}
        self._owed: dict[LimitKey, tuple[Limit, float, float]] = {}
        self._impatient_until = 0.0
        self._looked_for_dead_at = float("-inf")

    async def take(self, wanted: Sequence[tuple[Limit, float]]) -> Sequence[Standing]:
        tables = self._tables
        standings: list[Standing] = []
        flowing: dict[int, float] = {}
        running: dict[int, int] = {}
        if not self._lock():
            return self._take_unlocked(wanted)
        try:
            now = self._monotonic()
            for limit, amount in wanted:
                if limit.runs:
                    slot = self._run(limit.key, running)
                    if slot is None:  # more keys run than there are places: these are not counted
                        standings.append(Standing(limit, limit.burst - amount, 0.0))
                        continue
                    count = tables.running(slot) + amount
                    if count > limit.burst and self._forget_dead(slot, now):
                        count = tables.running(slot) + amount
                    if count > limit.burst:
                        return self._refusals(wanted, now)
                    running[slot] = int(amount)
                    standings.append(Standing(limit, limit.burst - count, 0.0))
                else:
                    slot = self._flow(limit.key, now, flowing)
                    standing = after_taking(limit, tables.flows[slot], amount, now)
                    if standing is None:
                        return self._refusals(wanted, now)
                    flowing[slot] = now + standing.reset_s
                    standings.append(standing)
            for slot, full_at in flowing.items():
                tables.flows[slot] = full_at
            for slot, number in running.items():
                tables.counts[slot * PROCESSES + tables.me] += number
            return standings
        finally:
            fcntl.flock(tables.file, fcntl.LOCK_UN)

    def give(self, changes: Sequence[tuple[Limit, float]]) -> None:
        tables = self._tables
        if tables.file < 0:  # closed: what it counted is free already
            return
        locked = self._lock()
        try:
            now = self._monotonic()
            for limit, amount in changes:
                key = limit.key
                if limit.runs:
                    slot = self._run(key) if locked else self._known_run(key)
                    if slot is not None:
                        cell = slot * PROCESSES + tables.me
                        tables.counts[cell] = max(tables.counts[cell] - int(amount), 0)
                elif locked:
                    slot = self._flow(key, now)
                    tables.flows[slot] = after_giving(limit, tables.flows[slot], amount, now)
                else:
                    self._owe(limit, -amount, now)
        finally:
            if locked:
                fcntl.flock(tables.file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Free what still runs here, and the file. Idempotent."""
        if self._tables.file >= 0 and self._owed and self._lock():
            fcntl.flock(self._tables.file, fcntl.LOCK_UN)
        self._tables.close()

    def _take_unlocked(self, wanted: Sequence[tuple[Limit, float]]) -> Sequence[Standing]:
        """Take by what can be read, changing no cells but those of this process."""
        tables, now = self._tables, self._monotonic()
        standings: list[Standing] = []
        running: list[tuple[int, int]] = []
        for limit, amount in wanted:
            if limit.runs:
                slot = self._known_run(limit.key)
                free = limit.burst - (0 if slot is None else tables.running(slot))
                standings.append(_crowded(limit, amount, free))
                if slot is not None:
                    running.append((slot * PROCESSES + tables.me, int(amount)))
            else:
                full_at = self._full_at(limit.key)
                taken = after_taking(limit, full_at, amount, now)
                standings.append(taken or lacking(limit, full_at, amount, now))
        if any(standing.wait_s > 0 for standing in standings):
            return standings
        for limit, amount in wanted:
            if not limit.runs:
                self._owe(limit, amount, now)
        for cell, number in running:
            tables.counts[cell] += number
        return standings

    def _owe(self, limit: Limit, amount: float, now: float) -> None:
        _, since, owed_s = self._owed.get(limit.key, (limit, now, 0.0))
        self._owed[limit.key] = limit, since, owed_s + amount * limit.one_s

    def _full_at(self, key: LimitKey) -> float:
        """Return when a flow is full, as far as this process can know without the lock."""
        known = self._slots.get(key)
        full_at = 0.0
        if known is not None and self._tables.is_flow(known[1], known[0]):
            full_at = self._tables.flows[known[1]]
        owed = self._owed.get(key)
        return full_at if owed is None else max(full_at, owed[1]) + owed[2]

    def _pay(self) -> None:
        """Write down what was taken without the lock; held: the lock."""
        now = self._monotonic()
        for key, (limit, since, owed_s) in self._owed.items():
            slot = self._flow(key, now)
            full_at = max(self._tables.flows[slot], since) + owed_s
            # Others took as well meanwhile, by the same numbers: that shuts nobody out for long.
            self._tables.flows[slot] = min(full_at, now + limit.all_s + _MOST_OWED_S)
        self._owed.clear()

    def _flow(self, key: LimitKey, now: float, spoken_for: Collection[int] = ()) -> int:
        known = self._slots.get(key)
        if known is not None and self._tables.is_flow(known[1], known[0]):
            return known[1]
        digest = self._digest(key, known)
        slot = self._tables.flow(digest, now, spoken_for)
        self._slots[key] = digest, slot
        return slot

    def _run(self, key: LimitKey, spoken_for: Collection[int] = ()) -> int | None:
        known = self._slots.get(key)
        if known is not None and self._tables.is_run(known[1], known[0]):
            return known[1]
        digest = self._digest(key, known)
        slot = self._tables.run(digest, spoken_for)
        if slot is not None:
            self._slots[key] = digest, slot
        return slot

    def _known_run(self, key: LimitKey) -> int | None:
        """Return the slot of what runs if it can be found without the lock."""
        known = self._slots.get(key)
        if known is None or not self._tables.is_run(known[1], known[0]):
            return None
        return known[1]

    def _digest(self, key: LimitKey, known: tuple[bytes, int] | None) -> bytes:
        if known is not None:
            return known[0]
        if len(self._slots) >= _MAX_REMEMBERED:
            self._slots.clear()
        return _digest(key)

    def _forget_dead(self, slot: int, now: float) -> bool:
        if now - self._looked_for_dead_at < _DEAD_LOOKED_FOR_EVERY_S:
            return False
        self._looked_for_dead_at = now
        return self._tables.forget_dead(slot)

    def _refusals(self, wanted: Sequence[tuple[Limit, float]], now: float) -> list[Standing]:
        return [
            _crowded(limit, amount, self._free(limit))
            if limit.runs
            else lacking(limit, self._tables.flows[self._flow(limit.key, now)], amount, now)
            for limit, amount in wanted
        ]

    def _free(self, limit: Limit) -> float:
        slot = self._run(limit.key)
        return limit.burst - (0 if slot is None else self._tables.running(slot))

    def _lock(self) -> bool:
        """Take the file's lock; False: its holder does not go on, and is waited for no longer."""
        file = self._tables.file
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not self._lock_in_a_moment(file):
                return False
        if self._owed:
            self._pay()
        return True

    def _lock_in_a_moment(self, file: int) -> bool:
        # The machine's own time, not the port's: this is a bound on how long the process stands.
        began = time.monotonic()
        if began < self._impatient_until:
            return False
        tries = 0
        while time.monotonic() - began < _PATIENCE_S:
            tries += 1
            os.sched_yield() if tries < _SPINS else time.sleep(0.0001)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            return True
        self._impatient_until = time.monotonic() + _IMPATIENT_S
        return False


def _crowded(limit: Limit, amount: float, free: float) -> Standing:
    wait_s = 0.0 if amount <= free else _LOOK_AGAIN_S if amount <= limit.burst else float("inf")
    return Standing(limit, max(free - (0 if wait_s else amount), 0.0), 0.0, wait_s)


def _digest(key: LimitKey) -> bytes:
    # Lengths part the words: any of them may hold any letter.
    words = [word.encode("utf-8", "surrogatepass") for word in key]
    return blake2b(
        b"".join(b"%d:%s" % (len(word), word) for word in words), digest_size=16
    ).digest()
