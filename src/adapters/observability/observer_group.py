"""Several observers as one."""

from collections.abc import Iterable

from ...application.ports import Event, Exchange, Observer
from ...domain.errors import ModelmuxError
from ...domain.request import GenerationRequest


class ObserverGroup(Observer):
    """Tells each of `observers`, in their order."""

    def __init__(self, observers: Iterable[Observer]) -> None:
        self._observers = tuple(observers)

    def attempt_settled(
        self, request: GenerationRequest, duration_s: float, error: ModelmuxError | None
    ) -> None:
        for observer in self._observers:
            observer.attempt_settled(request, duration_s, error)

    def count(self, event: Event, *labels: str) -> None:
        for observer in self._observers:
            observer.count(event, *labels)

    def exchange_started(self) -> None:
        for observer in self._observers:
            observer.exchange_started()

    def exchange_settled(self, exchange: Exchange) -> None:
        for observer in self._observers:
            observer.exchange_settled(exchange)
