"""Seals what clients carry for us: they can neither read nor change it."""

from abc import abstractmethod
from typing import Protocol


class Sealer(Protocol):
    """A seal is for one tenant and one purpose; seals of retired keys still open."""

    @abstractmethod
    def seal(self, tenant: str, purpose: str, content: bytes) -> str:
        """Return text that begins with `SEAL_MARK`; under one key the same for the same."""
        ...

    @abstractmethod
    def open(self, tenant: str, purpose: str, sealed: str) -> bytes:
        """Return what was sealed.

        Raises:
            InvalidRequest: altered, cut, of another tenant or purpose, or of a key we do not have.
        """
        ...


SEAL_MARK = "mmx1."
