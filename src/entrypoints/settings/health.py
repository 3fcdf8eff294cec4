"""What is told of the gateway: how providers are looked after, how finely is counted."""

from typing import Annotated

from msgspec import Meta

from .section import Seconds, Section


class HealthSettings(Section, frozen=True):
    """Times between two probes of a provider, more or less by a quarter.

    `store_counts`: a gateway whose store is down is not ready.
    """

    probe_every_s: Seconds = 300.0
    probe_when_unwell_s: Seconds = 15.0
    store_counts: bool = False


class MetricsSettings(Section, frozen=True):
    """`max_series`: of routes and of targets so many are told apart, the others are `other`."""

    max_series: Annotated[int, Meta(ge=10, le=2000)] = 500
