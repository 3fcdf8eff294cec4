"""Ids that tests can foretell."""

from itertools import count

from ...application.ports import IdSource


class CountingIds(IdSource):
    """Counts from 1 over all prefixes, padded to the length of a random id."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def new(self, prefix: str) -> str:
        return f"{prefix}{next(self._numbers):020d}"
