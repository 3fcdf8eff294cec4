"""Prompt caching, as callers ask for it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_SPAN = re.compile(r"(\d{1,6})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@dataclass(frozen=True, slots=True)
class CacheMark:
    """Everything up to here is worth keeping, for `ttl`; None is the vendor's default.

    Each vendor has words of its own for it (`5m`, `1h`; `30m`, `12h`): `nearest` finds another's.
    """

    ttl: str | None = None

    def nearest(self, words: Sequence[str]) -> str | None:
        """Return the shortest of `words` that is as long, or the longest there is."""
        if self.ttl is None or self.ttl in words:
            return self.ttl
        wanted = _seconds(self.ttl)
        ordered = sorted(words, key=_seconds)
        return next((word for word in ordered if _seconds(word) >= wanted), ordered[-1])


def _seconds(word: str) -> int:
    found = _SPAN.fullmatch(word)
    return int(found[1]) * _SECONDS[found[2]] if found is not None else 0
