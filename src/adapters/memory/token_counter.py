"""A counter that says what it was told."""

from ...application.ports import TokenCounter
from ...domain.errors import ModelmuxError
from ...domain.request import GenerationRequest


class ScriptedCounter(TokenCounter):
    """Gives `outcomes` in turn, the last one again and again; `asked` keeps every request."""

    def __init__(self, outcome: int | ModelmuxError, *further: int | ModelmuxError) -> None:
        self._outcomes = (outcome, *further)
        self.asked: list[GenerationRequest] = []

    async def count(self, request: GenerationRequest) -> int:
        outcome = self._outcomes[min(len(self.asked), len(self._outcomes) - 1)]
        self.asked.append(request)
        if isinstance(outcome, ModelmuxError):
            raise outcome
        return outcome
