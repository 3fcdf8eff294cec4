"""Counts the tokens of a request by the provider's own counter."""

from abc import abstractmethod
from typing import Protocol

from ...domain.request import GenerationRequest


class TokenCounter(Protocol):
    @abstractmethod
    async def count(self, request: GenerationRequest) -> int:
        """Return the input tokens of a request aimed at one of the provider's models.

        Raises:
            UnsupportedFeature: this provider, or this model of it, has no counter.
            ProviderError: it did not answer.
        """
        ...
