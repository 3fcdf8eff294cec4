"""The keys that seal, and where they are held."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

KEY_BYTES = 32
ID_BYTES = 4


@dataclass(frozen=True)
class SealKey:
    """`id`, which stands in each envelope, tells nothing of the secret."""

    secret: bytes

    @classmethod
    def of_text(cls, text: str) -> "SealKey":
        """Return the key that a text of somebody's choice stands for."""
        return cls(
            hashlib.sha256(
                b"modelmux seal key\0" + text.encode("utf-8", "surrogateescape")
            ).digest()
        )

    @cached_property
    def id(self) -> bytes:
        return hashlib.sha256(b"modelmux seal key id\0" + self.secret).digest()[:ID_BYTES]

    @cached_property
    def nonce_secret(self) -> bytes:
        return hashlib.sha256(b"modelmux seal nonce\0" + self.secret).digest()

    def __repr__(self) -> str:
        return f"SealKey({self.id.hex()})"


class SealKeys(Protocol):
    """May be asked in any thread."""

    def newest(self) -> SealKey:
        """Return the key that seals now."""
        ...

    def find(self, id_: bytes) -> SealKey | None:
        """Return the key of that id, retired ones too."""
        ...


class HeldKeys(SealKeys):
    """Keys that stay as they are: the first seals, all open."""

    def __init__(self, keys: Sequence[SealKey]) -> None:
        self._newest = keys[0]
        self._keys = {key.id: key for key in keys}

    def newest(self) -> SealKey:
        return self._newest

    def find(self, id_: bytes) -> SealKey | None:
        return self._keys.get(id_)
