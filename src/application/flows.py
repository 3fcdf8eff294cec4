"""How what flows in by the minute is counted: one number a limit, the time at which it is full.

The generic cell rate algorithm of ITU-T I.371, read as a bucket: taking moves that time into the
future, and once it has passed the limit is as if nobody had ever taken from it.
"""

from .ports import Limit, Standing

_MOST_IN_DEBT_S = 3600.0
# So that sums of tenths do not refuse what fits: a billionth of a second.
_ROUNDING_S = 1e-9


def after_taking(limit: Limit, full_at: float, amount: float, now: float) -> float | None:
    """Return when the limit will be full if `amount` is taken now, None if it has not so much."""
    filling_s = (full_at if full_at > now else now) - now + amount * 60.0 / limit.per_minute
    if filling_s > limit.burst * 60.0 / limit.per_minute + _ROUNDING_S:
        return None
    return now + filling_s


def after_giving(limit: Limit, full_at: float, amount: float, now: float) -> float:
    """Return when it will be full if `amount` is given; a debt lasts an hour at most.

    An upstream that tells nonsense of what it used must not shut a caller out for ever.
    """
    full_at = max(full_at, now) - amount * 60.0 / limit.per_minute
    return min(full_at, now + limit.burst * 60.0 / limit.per_minute + _MOST_IN_DEBT_S)


def standing(limit: Limit, full_at: float, now: float) -> Standing:
    """Return how the limit stands."""
    filling_s = full_at - now if full_at > now else 0.0
    remaining = limit.burst - filling_s * limit.per_minute / 60.0
    return Standing(limit, remaining if remaining > 0.0 else 0.0, filling_s)


def lacking(limit: Limit, full_at: float, amount: float, now: float) -> Standing:
    """Return how the limit stands for somebody who wants `amount`, and how long until it is there."""
    found = standing(limit, full_at, now)
    if amount > limit.burst:
        return Standing(limit, found.remaining, found.reset_s, float("inf"))
    filling_s = found.reset_s + (amount - limit.burst) * 60.0 / limit.per_minute
    wait_s = filling_s if filling_s > _ROUNDING_S else 0.0
    return Standing(limit, found.remaining, found.reset_s, wait_s)
