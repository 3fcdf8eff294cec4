"""The tables of all workers of one gateway, as files of one folder.

A worker holds the lock of its file as long as it lives, and the kernel lets go of it whatever way
the worker ends. Who comes next goes on in a file that is free: no count is lost or goes backwards,
and there are never more files than there were workers at once.
"""

import fcntl
import mmap
import os
import time
from collections.abc import Iterator, Sequence
from errno import ENOSPC
from pathlib import Path
from threading import Lock

from .counts import CAPACITY_BYTES, TOP_BYTES, CountTable, Seen, used_bytes

_MOST_FILES = 1024
_STEP_BYTES = 2**16
_NOTHING = bytes(_STEP_BYTES)
_LOOKS = 3
_LOOK_AGAIN_S = 0.002


class _Room:
    """Has the disk keep room for what is about to be written to a mapped file.

    Else a full disk would be told by a signal that ends the process, at whatever it counts then.
    """

    def __init__(self, descriptor: int, used_bytes: int) -> None:
        """`used_bytes` were written before, by a process that asked for room as this one does."""
        self._file: int | None = descriptor
        self._end = -(-used_bytes // _STEP_BYTES) * _STEP_BYTES

    def reach(self, end: int) -> bool:
        """Return whether there is room for the first `end` bytes."""
        try:
            while self._end < end:
                if self._file is None:
                    return False
                left = _STEP_BYTES - self._end % _STEP_BYTES
                self._end += os.pwrite(self._file, _NOTHING[:left], self._end)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Ask for no more: the descriptor is about to be another's."""
        self._file = None


class CountFiles:
    """The files of `folder`, of which one is taken by this process until `close`."""

    def __init__(self, folder: Path) -> None:
        """Take a file.

        Raises:
            OSError: the folder cannot be written.
        """
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file, self._number, self._room, self.table = self._take()
        self._others: dict[str, tuple[int, CountTable]] = {}
        self._lock = Lock()  # scrapes read in threads of their own

    @property
    def name(self) -> str:
        """The worker's number, as text."""
        return str(self._number)

    def seen(self) -> Sequence[Seen]:
        """Return every worker's table, this one's first."""
        found = [Seen(self.name, self.table)]
        with self._lock:
            for path in sorted(self._folder.glob("counts-*")):
                number = path.name.removeprefix("counts-")
                if number != self.name and (other := self._other(path, number)) is not None:
                    descriptor, table = other
                    found.append(Seen(number, table, live=not _is_free(descriptor)))
        return found

    def close(self) -> None:
        """Leave the file to whoever comes next; what is counted here later is still kept."""
        self._room.close()
        fcntl.flock(self._file, fcntl.LOCK_UN)  # the mapping holds it open as well
        os.close(self._file)
        for descriptor, _ in self._others.values():
            os.close(descriptor)
        self._others.clear()

    def _take(self) -> tuple[int, int, _Room, CountTable]:
        for number, path in _names(self._folder):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if _locked(descriptor):
                used = used_bytes(os.pread(descriptor, TOP_BYTES, 0))
                if used is not None:
                    return descriptor, number, *_table(descriptor, used)
                fcntl.flock(descriptor, fcntl.LOCK_UN)  # of another layout: not ours
            os.close(descriptor)
        raise OSError(f"more than {_MOST_FILES} files of counts are in use")

    def _other(self, path: Path, number: str) -> tuple[int, CountTable] | None:
        known = self._others.get(number)
        if known is None:
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                return None
            if os.fstat(descriptor).st_size < CAPACITY_BYTES:  # its worker has only just come
                os.close(descriptor)
                return None
            memory = mmap.mmap(descriptor, CAPACITY_BYTES, access=mmap.ACCESS_READ)
            known = self._others[number] = (descriptor, CountTable(memoryview(memory)))
        return known


def _table(descriptor: int, used: int) -> tuple[_Room, CountTable]:
    room = _Room(descriptor, used)
    try:
        if os.fstat(descriptor).st_size < CAPACITY_BYTES:
            os.ftruncate(descriptor, CAPACITY_BYTES)
        if not room.reach(1):
            raise OSError(ENOSPC, os.strerror(ENOSPC))
        table = CountTable(memoryview(mmap.mmap(descriptor, CAPACITY_BYTES)), room.reach)
    except OSError:
        os.close(descriptor)
        raise
    table.begin()
    return room, table


def _names(folder: Path) -> Iterator[tuple[int, Path]]:
    for number in range(_MOST_FILES):
        yield number, folder / f"counts-{number}"


def _locked(descriptor: int) -> bool:
    """Take the lock; another's look at it takes it for a moment too, so look more than once."""
    for look in range(_LOOKS):
        if look:
            time.sleep(_LOOK_AGAIN_S)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        return True
    return False


def _is_free(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return True
