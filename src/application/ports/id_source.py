"""Names for things that are new."""

from abc import abstractmethod
from typing import Protocol


class IdSource(Protocol):
    """Gives each name once."""

    @abstractmethod
    def new(self, prefix: str) -> str:
        """Return `prefix` followed by at least 96 random bits in letters and digits."""
        ...
