"""The laws of `TokenCounter`."""

from abc import ABC, abstractmethod

import pytest

from modelmux.application.ports import TokenCounter
from modelmux.domain.errors import ProviderError
from modelmux.domain.request import GenerationRequest


class TokenCounterContract(ABC):
    """Inherit, give `well`, `unwell` and a `request` that is aimed at a model they know."""

    @pytest.fixture
    @abstractmethod
    def well(self) -> TokenCounter:
        """Return a counter whose provider answers."""
        ...

    @pytest.fixture
    @abstractmethod
    def unwell(self) -> TokenCounter:
        """Return a counter whose provider does not."""
        ...

    @pytest.fixture
    @abstractmethod
    def request_(self) -> GenerationRequest: ...

    async def test_tokens_are_counted(
        self, well: TokenCounter, request_: GenerationRequest
    ) -> None:
        assert await well.count(request_) > 0

    async def test_counting_again_gives_the_same(
        self, well: TokenCounter, request_: GenerationRequest
    ) -> None:
        assert await well.count(request_) == await well.count(request_)

    async def test_a_provider_that_does_not_answer_is_told(
        self, unwell: TokenCounter, request_: GenerationRequest
    ) -> None:
        with pytest.raises(ProviderError):
            await unwell.count(request_)
