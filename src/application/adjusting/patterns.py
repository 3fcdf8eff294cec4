"""Names held to a target's pattern: those that agents send with every request are known already."""

import re
from collections.abc import Set
from functools import lru_cache

_MOST_KEPT = 4096
_LONGEST_KEPT = 128  # characters: all that is kept takes a megabyte at most


class NamePattern:
    """A pattern that the whole of a name must match."""

    __slots__ = ("_known", "_match")

    def __init__(self, pattern: str) -> None:
        self._match = re.compile(pattern).fullmatch
        self._known: frozenset[str] = frozenset()

    def takes(self, name: str) -> bool:
        return name in self._known or self._match(name) is not None

    def takes_all(self, names: Set[str]) -> bool:
        """Whether each of `names` matches; they are remembered if so."""
        known = self._known
        if names <= known:
            return True
        new = names - known
        if not all(self._match(name) for name in new):
            return False
        kept = frozenset(name for name in new if len(name) <= _LONGEST_KEPT)
        if len(kept) <= _MOST_KEPT:
            room = len(known) + len(kept) <= _MOST_KEPT
            self._known = known | kept if room else kept
        return True


@lru_cache(maxsize=32)
def name_pattern(pattern: str) -> NamePattern:
    """Return the one of `pattern`, which comes from a record of capabilities."""
    return NamePattern(pattern)
