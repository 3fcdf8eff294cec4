"""Keeps what was observed."""

from dataclasses import dataclass, field

from ...application.ports import Event, Exchange, Observer
from ...domain.errors import ModelmuxError
from ...domain.request import GenerationRequest


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call of `attempt_settled`; provider and model are the journal's at that moment."""

    request: GenerationRequest
    provider: str
    model: str
    duration_s: float
    error: ModelmuxError | None


@dataclass(slots=True)
class RecordingObserver(Observer):
    """Lists what it was told, in order; `in_flight` counts exchanges started and not settled."""

    attempts: list[Attempt] = field(default_factory=list[Attempt])
    exchanges: list[Exchange] = field(default_factory=list[Exchange])
    in_flight: int = 0
    counted: list[tuple[Event, tuple[str, ...]]] = field(
        default_factory=list[tuple[Event, tuple[str, ...]]]
    )

    def attempt_settled(
        self, request: GenerationRequest, duration_s: float, error: ModelmuxError | None
    ) -> None:
        journal = request.journal
        self.attempts.append(Attempt(request, journal.provider, journal.model, duration_s, error))

    def count(self, event: Event, *labels: str) -> None:
        self.counted.append((event, labels))

    def exchange_started(self) -> None:
        self.in_flight += 1

    def exchange_settled(self, exchange: Exchange) -> None:
        self.in_flight -= 1
        self.exchanges.append(exchange)
