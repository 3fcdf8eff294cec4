"""What is left of a caller's limits: the tightest of requests and of tokens a minute."""

from typing import NamedTuple


# Tuples: they are made for each request, and a frozen dataclass takes four times as long.
class Left(NamedTuple):
    """`limit` is what a minute allows, `reset_s` how long until all of it is there again."""

    limit: int
    remaining: int
    reset_s: float


class Quota(NamedTuple):
    """None: nothing limits it. `at` is when it was so, in seconds since the epoch."""

    requests: Left | None = None
    tokens: Left | None = None
    at: float = 0.0
