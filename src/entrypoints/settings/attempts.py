"""Attempts: how often targets are asked again, and when they are left alone."""

from typing import Annotated

from msgspec import Meta

from .section import Count, Seconds, Section


class RetrySettings(Section, frozen=True):
    """`attempts` counts the first one; the wait between two doubles each time and is jittered.

    `budget` is the share of a provider's calls that may be repeated beside the first
    `budget_reserve`; 0 of both: none.
    """

    attempts: Annotated[int, Meta(ge=1, le=20)] = 3
    first_wait_s: Seconds = 0.25
    longest_wait_s: Seconds = 8.0
    budget: Annotated[float, Meta(ge=0, le=1)] = 0.2
    budget_reserve: Annotated[float, Meta(ge=0, le=10_000)] = 10.0


class BreakerSettings(Section, frozen=True):
    """`failures` in a row open it, or a share of `error_rate` among `min_calls` of `window_s`."""

    enabled: bool = True
    failures: Count = 5
    error_rate: Annotated[float, Meta(gt=0, le=1)] = 0.5
    min_calls: Count = 20
    window_s: Seconds = 30.0
    open_s: Seconds = 5.0
    longest_open_s: Seconds = 60.0
