"""Metrics of OpenTelemetry's: tokens and durations of what models were asked."""

from opentelemetry.metrics import Meter

from ...application.ports import Event, Exchange, Observer
from ...domain.errors import ModelmuxError
from ...domain.request import GenerationRequest
from . import names


class MeterObserver(Observer):
    """Records a request when it is over; `types` gives a configured provider's type."""

    def __init__(self, meter: Meter, types: dict[str, str]) -> None:
        self._types = types
        self._tokens = meter.create_histogram(
            names.TOKEN_USAGE,
            unit="{token}",
            description="Number of input and output tokens used.",
            explicit_bucket_boundaries_advisory=names.TOKEN_BOUNDS,
        )
        self._duration = meter.create_histogram(
            names.OPERATION_DURATION,
            unit="s",
            description="GenAI operation duration.",
            explicit_bucket_boundaries_advisory=names.DURATION_BOUNDS,
        )

    def count(self, event: Event, *labels: str) -> None:
        """Prometheus has these."""

    def exchange_started(self) -> None:
        """A request is recorded when it is over."""

    def attempt_settled(
        self, request: GenerationRequest, duration_s: float, error: ModelmuxError | None
    ) -> None:
        """Prometheus has these."""

    def exchange_settled(self, exchange: Exchange) -> None:
        journal = exchange.journal
        if not journal.provider:
            return  # no model was asked
        kind = self._types.get(journal.provider, "")
        attributes: dict[str, str] = {
            names.OPERATION: names.operation_of(exchange.path),
            names.PROVIDER: names.PROVIDERS.get(kind, kind),
            # The caller's word, once planning has found it, and not the upstream's: it is bounded.
            names.REQUEST_MODEL: exchange.model,
        }
        if exchange.error is not None:
            attributes[names.ERROR_TYPE] = exchange.error
        self._duration.record(exchange.duration_s, attributes)
        usage = journal.usage
        if usage is not None:
            self._tokens.record(usage.input_tokens, {**attributes, names.TOKEN_TYPE: "input"})
            self._tokens.record(usage.output_tokens, {**attributes, names.TOKEN_TYPE: "output"})
