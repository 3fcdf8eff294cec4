"""Traces and metrics for OpenTelemetry."""

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta

from ...domain.secret import Secret
from .section import Section


class TelemetrySettings(Section, frozen=True):
    """`endpoint` is the base of OTLP over HTTP; None: as the `OTEL_*` variables say.

    `sample_ratio` is the share of requests without a trace of their caller's. `content` puts the
    beginnings of bodies, redacted, into spans. `propagate` names calls to upstreams; None: where
    there are traces.
    """

    traces: bool = False
    metrics: bool = False
    endpoint: str | None = None
    headers: Mapping[str, Secret] = {}
    sample_ratio: Annotated[float, Meta(ge=0, le=1)] = 1.0
    service_name: Annotated[str, Meta(min_length=1)] = "modelmux"
    content: bool = False
    propagate: bool | None = None

    @property
    def names_calls(self) -> bool:
        """Return whether upstreams are told which trace a call belongs to."""
        return self.traces if self.propagate is None else self.propagate
