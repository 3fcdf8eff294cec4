"""How much memory this process may have, and how much it has. Linux tells; elsewhere nobody asks.

Sources: proc(5), statm; the kernel's cgroup-v2, memory.max, memory.current and memory.stat.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

_CGROUP: Final = Path("/sys/fs/cgroup")
_STATM: Final = Path("/proc/self/statm")
# Of what a container may have: at all of it the kernel kills.
_OF_CONTAINER = 0.9


class MemoryUse:
    """`limit_bytes` is for this process; a container's limit, where there is one, for all in it."""

    __slots__ = ("_cgroup", "_container_bytes", "_limit_bytes", "_statm")

    def __init__(
        self, limit_bytes: int | None, *, cgroup: Path = _CGROUP, statm: Path = _STATM
    ) -> None:
        self._limit_bytes = limit_bytes
        self._cgroup = cgroup
        self._statm = statm
        self._container_bytes = _number(lambda: (cgroup / "memory.max").read_text())

    @property
    def is_bounded(self) -> bool:
        """Whether there is anything to look at."""
        return self._limit_bytes is not None or self._container_bytes is not None

    def share(self) -> float:
        """Return how much of what there is has been taken: at 1.0 it is all; 0.0 if unknown."""
        shares = [0.0]
        if self._limit_bytes is not None:
            pages = _number(lambda: self._statm.read_text().split()[1]) or 0
            shares.append(pages * _page_bytes() / self._limit_bytes)
        if self._container_bytes is not None:
            used = _number(lambda: (self._cgroup / "memory.current").read_text()) or 0
            # Pages of files that nobody uses just now are given back before anybody is killed.
            used -= _number(lambda: _inactive_file(self._cgroup / "memory.stat")) or 0
            shares.append(used / (self._container_bytes * _OF_CONTAINER))
        return max(shares)


def _number(read: Callable[[], str]) -> int | None:
    """Return what a file of the kernel says, None if there is none or it says `max`."""
    try:
        return int(read())
    except (OSError, ValueError, IndexError):
        return None


def _inactive_file(stat: Path) -> str:
    for line in stat.read_text().splitlines():
        name, _, value = line.partition(" ")
        if name == "inactive_file":
            return value
    return ""


def _page_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
