"""The file in which processes of one machine count together: where each number stands.

Header, then the flows (a key of 16 bytes and one double each), then what runs (a key and for each
process its own count). A slot whose number says "as if never used" is free, so that nothing is
ever deleted. Whoever searches, claims or changes holds the lock; see `limits.py`.
"""

import fcntl
import mmap
import os
import struct
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from ...domain.errors import ConfigurationError

FLOWS = 65_536
RUNS = 4_096
PROCESSES = 256
_PROBES = 32
_KEY = 16
_HEADER = 64
_FLOW_KEYS = _HEADER
_FLOW_VALUES = _FLOW_KEYS + FLOWS * _KEY
_RUN_KEYS = _FLOW_VALUES + FLOWS * 8
_RUN_COUNTS = _RUN_KEYS + RUNS * _KEY
_SIZE = _RUN_COUNTS + RUNS * PROCESSES * 4
_MAGIC = b"modelmux limits1"
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_SEEN_AT = 48  # how many processes there ever were at once


class Tables:
    """Opened by each process for itself, and closed by whoever opened it.

    `flows` is when each limit is full; `counts` what runs: `PROCESSES` numbers a slot.

    Raises:
        ConfigurationError: the folder cannot be written, or too many processes count there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lives: dict[int, int] = {}
        try:
            self.file = _open(folder / "limits")
            self._map = self._mapped()
        except OSError as error:
            raise ConfigurationError(
                f"limits cannot be counted in {folder}: {error.strerror}",
                hint="it needs room, and to be writable; TMPDIR names another folder",
            ) from error
        view = memoryview(self._map)
        self.flows = view[_FLOW_VALUES:_RUN_KEYS].cast("d")
        self.counts = view[_RUN_COUNTS:_SIZE].cast("I")
        self._seen = view[_SEEN_AT : _SEEN_AT + 4].cast("I")
        self._views = (self.flows, self.counts, self._seen, view)
        try:
            self.me = self._enter()
        except OSError as error:
            raise ConfigurationError(
                f"limits cannot be counted in {folder}: {error.strerror}"
            ) from error

    def flow(self, digest: bytes, now: float, spoken_for: Collection[int] = ()) -> int:
        """Return the slot of a flow, claimed if it had none; held: the lock.

        `spoken_for` are slots that look free, and will not be when the lock is let go.
        """
        start = int.from_bytes(digest[:4], "little")
        flows, place = self.flows, self._map
        free = -1
        nearest = start % FLOWS
        for probe in range(start, start + _PROBES):
            slot = probe % FLOWS
            at = _FLOW_KEYS + slot * _KEY
            if place[at : at + _KEY] == digest:
                return slot
            if slot in spoken_for:
                continue
            if free < 0 and flows[slot] <= now:
                free = slot
            elif flows[slot] < flows[nearest]:
                nearest = slot
        # All taken: the limit that is nearest to being full loses least.
        slot = free if free >= 0 else nearest
        flows[slot] = 0.0
        place[_FLOW_KEYS + slot * _KEY : _FLOW_KEYS + (slot + 1) * _KEY] = digest
        return slot

    def is_flow(self, slot: int, digest: bytes) -> bool:
        """Return whether a slot still is that of a flow."""
        at = _FLOW_KEYS + slot * _KEY
        return self._map[at : at + _KEY] == digest

    def run(self, digest: bytes, spoken_for: Collection[int] = ()) -> int | None:
        """Return the slot of what runs, claimed if it had none; None: all near it are taken.

        Held: the lock. `spoken_for` as for flows.
        """
        start = int.from_bytes(digest[:4], "little")
        free = None
        for probe in range(start, start + _PROBES):
            slot = probe % RUNS
            if self.is_run(slot, digest):
                return slot
            if free is None and slot not in spoken_for and self.running(slot) == 0:
                free = slot
        if free is not None:
            at = _RUN_KEYS + free * _KEY
            self._map[at : at + _KEY] = digest
        return free

    def is_run(self, slot: int, digest: bytes) -> bool:
        """Return whether a slot still is that of what runs under a key."""
        at = _RUN_KEYS + slot * _KEY
        return self._map[at : at + _KEY] == digest

    def running(self, slot: int) -> int:
        """Return how much runs in all processes."""
        at = slot * PROCESSES
        return sum(self.counts[at : at + self._seen[0]])

    def forget_dead(self, slot: int) -> bool:
        """Free what processes ran that are dead; return whether there were any in this slot.

        Held: the lock.
        """
        at = slot * PROCESSES
        found = False
        for number in range(self._seen[0]):
            if number != self.me and self.counts[at + number] and self._grasp(number):
                self._clear(number)
                self._let_go(number)
                found = True
        return found

    def close(self) -> None:
        """Free what this process still counted, and its place. Idempotent."""
        if self.file < 0:
            return
        self._clear(self.me)
        for view in self._views:
            view.release()
        self._map.close()
        for life in self._lives.values():
            os.close(life)
        self._lives.clear()
        os.close(self.file)
        self.file = -1

    def _mapped(self) -> mmap.mmap:
        fcntl.flock(self.file, fcntl.LOCK_EX)
        try:
            head = _MAGIC + _boot_id()
            if os.pread(self.file, len(head), 0) != head or os.fstat(self.file).st_size != _SIZE:
                # Written, not only made so long: a full disk is told now, and kills nobody later.
                os.ftruncate(self.file, 0)
                _write_whole(self.file, bytes(_SIZE))
                os.pwrite(self.file, head, 0)
            return mmap.mmap(self.file, _SIZE)
        finally:
            fcntl.flock(self.file, fcntl.LOCK_UN)

    def _enter(self) -> int:
        for number in range(PROCESSES):
            if not self._grasp(number):
                continue
            fcntl.flock(self.file, fcntl.LOCK_EX)
            try:
                self._clear(number)
                self._seen[0] = max(self._seen[0], number + 1)
            finally:
                fcntl.flock(self.file, fcntl.LOCK_UN)
            return number
        raise ConfigurationError(
            f"{PROCESSES} processes count their limits in {self._folder} already",
            hint="give other gateways another folder by TMPDIR",
        )

    def _grasp(self, number: int) -> bool:
        """Lock the life of a place, which succeeds if nobody alive has it."""
        life = self._lives.get(number)
        if life is None:
            life = self._lives[number] = _open(self._folder / f"limits.process-{number}")
        try:
            fcntl.flock(life, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _let_go(self, number: int) -> None:
        fcntl.flock(self._lives[number], fcntl.LOCK_UN)

    def _clear(self, number: int) -> None:
        for at in range(number, RUNS * PROCESSES, PROCESSES):
            if self.counts[at]:
                self.counts[at] = 0


def _write_whole(file: int, data: bytes) -> None:
    """Write from the beginning on: a disk that gets full takes a part in silence."""
    written = 0
    while written < len(data):
        written += os.pwrite(file, data[written:], written)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


def _boot_id() -> bytes:
    """Return what changes when the machine starts anew, and its monotonic time with it."""
    with suppress(OSError, ValueError):
        return bytes.fromhex(_BOOT.read_text().strip().replace("-", ""))
    return struct.pack("16x")
