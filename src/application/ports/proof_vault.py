"""Keeps proofs for clients that cannot carry them."""

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from ...domain.conversation import Proof, Reasoning


@dataclass(frozen=True, slots=True)
class ProofKey:
    """Whose and which: `call_id` is a tool call's id."""

    tenant: str
    call_id: str


@dataclass(frozen=True, slots=True)
class KeptProof:
    """What stood at a tool call: the thoughts since the call before it, and its own proof."""

    reasoning: tuple[Reasoning, ...]
    proof: Proof | None


class ProofVault(Protocol):
    """Bounded in time and size; a proof that is gone is no error."""

    @abstractmethod
    async def keep(self, proofs: Mapping[ProofKey, KeptProof]) -> None:
        """Keep all, until the vault's time limit; they outlive the process once this returns.

        Raises:
            StoreError: they could not be kept.
        """
        ...

    @abstractmethod
    async def find(self, keys: Iterable[ProofKey]) -> Mapping[ProofKey, KeptProof]:
        """Return those of `keys` that are kept.

        Raises:
            StoreError: the store does not answer.
        """
        ...

    @abstractmethod
    async def erase(self, tenant: str) -> int:
        """Delete all that is kept for a tenant; return how many.

        Raises:
            StoreError: the store does not answer.
        """
        ...
