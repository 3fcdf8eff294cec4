"""What models cost."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Protocol

from ...domain.events import Usage


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens. `input` is for what was not cached."""

    input: float
    output: float
    cached: float | None = None
    cache_write: float | None = None

    def cost(self, usage: Usage) -> float:
        """Return US dollars; cached tokens without a price of their own cost as input."""
        fresh = max(usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens, 0)
        cached = self.input if self.cached is None else self.cached
        written = self.input if self.cache_write is None else self.cache_write
        return (
            fresh * self.input
            + usage.cached_tokens * cached
            + usage.cache_write_tokens * written
            + usage.output_tokens * self.output
        ) / 1_000_000


class PriceBook(Protocol):
    """Answers from memory."""

    @abstractmethod
    def price(self, provider: str, model: str) -> Price | None:
        """Return the price of a configured provider's model, None where nobody knows one."""
        ...
