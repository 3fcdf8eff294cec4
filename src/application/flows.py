"""How what flows in by the minute is counted: one number a limit, the time at which it is full.

The generic cell rate algorithm of ITU-T I.371, read as a bucket: taking moves that time into the
future, and once it has passed the limit is as if nobody had ever taken from it.
"""

from .ports import Limit, Standing

_MOST_IN_DEBT_S = 3600.0
# So that sums of tenths do not refuse what fits: a billionth of a second.
_ROUNDING_S = 1e-9


def after_taking(limit: Limit, full_at: float, amount: float, now: float) -> Standing | None:
    """Return how it stands if `amount` is taken now, None if there is not so much.

    The limit is then full at `now` and the standing's `reset_s`.
    """
    filling_s = amount * limit.one_s
    if full_at > now:
        filling_s += full_at - now
    if filling_s > limit.all_s + _ROUNDING_S:
        return None
    remaining = limit.burst - filling_s / limit.one_s
    return Standing(limit, remaining if remaining > 1e-6 else 0.0, filling_s)


def after_giving(limit: Limit, full_at: float, amount: float, now: float) -> float:
    """Return when it will be full if `amount` is given; a debt lasts an hour at most.

    An upstream that tells nonsense of what it used must not shut a caller out for ever.
    """
    full_at = max(full_at, now) - amount * limit.one_s
    return min(full_at, now + limit.all_s + _MOST_IN_DEBT_S)


def lacking(limit: Limit, full_at: float, amount: float, now: float) -> Standing:
    """Return how it stands for somebody who wants `amount`, and how long until it is there."""
    filling_s = max(full_at - now, 0.0)
    remaining = max(limit.burst - filling_s / limit.one_s, 0.0)
    if amount > limit.burst:
        return Standing(limit, remaining, filling_s, float("inf"))
    wait_s = filling_s + amount * limit.one_s - limit.all_s
    return Standing(limit, remaining, filling_s, wait_s if wait_s > _ROUNDING_S else 0.0)
