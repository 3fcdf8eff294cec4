"""The port behind which every model stands."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

from ...domain.events import StreamEvent
from ...domain.request import GenerationRequest


class Answer(Protocol):
    """A running answer. Whoever opened it closes it."""

    @abstractmethod
    async def read(self) -> Sequence[StreamEvent]:
        """Return the events that have arrived, at least one; `()` after `ResponseFinished`.

        Raises:
            ProviderError: the upstream failed, or broke off before it finished.
        """
        ...

    @abstractmethod
    async def aclose(self) -> None:
        """Free the upstream connection: at its end it is pooled, before that closed. Idempotent."""
        ...


class LlmProvider(Protocol):
    """Answers a conversation as a stream of events."""

    @abstractmethod
    async def open(self, request: GenerationRequest) -> Answer:
        """Start the answer; return when its first events are there.

        Raises:
            UnsupportedFeature: before any I/O, if this provider cannot say the request.
            ProviderError: any upstream failure before the first event.
        """
        ...
