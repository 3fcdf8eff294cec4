"""What is asked of an embedding model."""

from dataclasses import dataclass
from typing import TypeAlias

EmbeddingInput: TypeAlias = str | tuple[int, ...]
"""A text, or the numbers of its tokens in the model's own vocabulary."""


@dataclass(frozen=True, slots=True)
class EmbeddingAsk:
    """One vector is wanted for each of `inputs`, in their order; `dimensions` None: all there are.

    `ignored` names members of the caller's body that have no place here.
    """

    inputs: tuple[EmbeddingInput, ...]
    dimensions: int | None = None
    user: str | None = None
    ignored: tuple[str, ...] = ()
