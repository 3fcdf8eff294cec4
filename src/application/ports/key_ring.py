"""The keys callers hold."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key as we keep it, never its text; `id` is for people, times are epoch seconds.

    `tags` are words by which rules tell callers apart.
    """

    id: str
    name: str
    tenant: str
    created_at: float
    revoked_at: float | None = None
    tags: tuple[str, ...] = ()


class KeyRing(Protocol):
    """Finds the holder of a key; is asked at every call and so answers from memory."""

    @abstractmethod
    def find(self, key: str) -> KeyRecord | None:
        """Return the record of a key that is valid now, else None."""
        ...

    @abstractmethod
    def is_empty(self) -> bool:
        """Return whether there is no valid key at all."""
        ...


class KeyRegistry(Protocol):
    """Makes and ends keys; a running server's ring learns of both within a second."""

    @abstractmethod
    async def create(
        self, *, name: str, tenant: str, tags: tuple[str, ...] = ()
    ) -> tuple[KeyRecord, str]:
        """Return the new record and the key's text, which is kept nowhere.

        Raises:
            StoreError: it could not be kept.
        """
        ...

    @abstractmethod
    async def list(self) -> Sequence[KeyRecord]:
        """Return all records, revoked ones too, oldest first.

        Raises:
            StoreError: they cannot be read.
        """
        ...

    @abstractmethod
    async def revoke(self, key_id: str) -> KeyRecord | None:
        """Return the ended record; None if there is none of that id. Idempotent.

        Raises:
            StoreError: it could not be ended.
        """
        ...
