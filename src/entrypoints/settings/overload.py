"""What is refused when there is too much."""

from .section import Count, Seconds, Section


class OverloadSettings(Section, frozen=True):
    """`max_lag_s` is how long a burst may make callers wait; where the wait stays, `target_lag_s`.

    `max_memory_bytes` is for each process; None: a container's limit alone counts, if there is one.
    """

    enabled: bool = True
    target_lag_s: Seconds = 0.02
    max_lag_s: Seconds = 0.25
    max_memory_bytes: Count | None = None
    max_connections: Count | None = None
