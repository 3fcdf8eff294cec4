"""What is left of a caller's limits: the tightest of requests and of tokens a minute."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Left:
    """`limit` is what a minute allows, `reset_s` how long until all of it is there again."""

    limit: int
    remaining: int
    reset_s: float


@dataclass(frozen=True, slots=True)
class Quota:
    """None: nothing limits it. `at` is when it was so, in seconds since the epoch."""

    requests: Left | None = None
    tokens: Left | None = None
    at: float = 0.0
