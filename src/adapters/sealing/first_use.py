"""A sealer that is made when something is sealed or opened first.

The library behind it takes 7 MB, which no gateway needs while nobody carries anything for it.
"""

from collections.abc import Callable

from ...application.ports import Sealer


class FirstUseSealer(Sealer):
    """`make` may be called twice by two threads at once; either sealer does."""

    def __init__(self, make: Callable[[], Sealer]) -> None:
        self._make = make
        self._made: Sealer | None = None

    def seal(self, tenant: str, purpose: str, content: bytes) -> str:
        return self._sealer().seal(tenant, purpose, content)

    def open(self, tenant: str, purpose: str, sealed: str) -> bytes:
        return self._sealer().open(tenant, purpose, sealed)

    def _sealer(self) -> Sealer:
        made = self._made
        if made is None:
            made = self._made = self._make()
        return made
