"""The part of the container that speaks to OpenTelemetry, once something is sent there."""

from ... import __version__
from ...adapters.otel.exporting import Target, Telemetry
from ...domain.redaction import redact
from ..settings.sections import Settings
from .values import kind_of


def build(settings: Settings) -> Telemetry:
    telemetry = settings.telemetry
    headers = {name: value.reveal() for name, value in telemetry.headers.items()}
    target = Target(telemetry.endpoint, headers, telemetry.service_name, __version__)
    types = {name: kind_of(provider) for _, name, provider in settings.named_providers()}
    return Telemetry(target, types, redact, traces=telemetry.traces, metrics=telemetry.metrics)
