"""The part of the container for traces; what is sent of them is built in `telemetry`."""

import random

from ...application.filters.tracing import Tracing
from ...application.ports import Clock, LlmProvider
from ...application.tracing import Traces
from ..settings.providers import ProviderSettings
from ..settings.telemetry import TelemetrySettings
from .values import kind_of


def traces(telemetry: TelemetrySettings, clock: Clock) -> Traces | None:
    """Return what begins traces, None where nobody wants any."""
    if not telemetry.traces and not telemetry.names_calls:
        return None
    # Ids are no secrets, and the system's own randomness takes ten times as long.
    bits = random.Random().getrandbits  # noqa: S311  # see above
    return Traces(clock, bits, telemetry.sample_ratio, telemetry.traces)


def traced(
    llm: LlmProvider,
    name: str,
    settings: ProviderSettings,
    telemetry: TelemetrySettings,
    clock: Clock,
) -> LlmProvider:
    """Return an adapter whose attempts are named and noted, or itself where nobody wants that."""
    if not telemetry.traces and not telemetry.names_calls:
        return llm
    return Tracing(llm, name, kind_of(settings), clock, names_calls=telemetry.names_calls)
