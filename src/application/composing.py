"""Composing: what a call is about, with all that stands before it, for who does not answer it."""

from dataclasses import dataclass

from ..domain.request import Generation, GenerationRequest
from .context import ContextLoader, compose_alone


@dataclass(frozen=True, slots=True)
class Composing:
    """Keeps nothing, and holds nothing."""

    context: ContextLoader

    async def compose(self, request: GenerationRequest) -> Generation:
        """Return the content of a request with what it continues.

        Raises:
            InvalidRequest: what it continues or refers to is not there, or not to be continued.
            NotFound: there is no such conversation.
            StoreError: the store is needed, and does not answer.
        """
        content = request.content.get()
        if request.turn is None:
            return compose_alone(content)
        return (await self.context.compose(request.turn, content)).content
