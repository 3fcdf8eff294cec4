"""How long an upstream asks us to wait, read from a reply's headers."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

# A month: what is longer is a mistake of the upstream's, and would only hide the failure.
_LONGEST_S = 31 * 86400.0


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of `retry-after-ms` or `retry-after`; None if there are none to trust.

    A date is measured against the reply's own `date`, so that no clock of ours is asked.
    """
    milliseconds = _seconds_of(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    text = headers.get("retry-after")
    seconds = _seconds_of(text)
    if seconds is not None or text is None:
        return seconds
    until, since = _date(text), _date(headers.get("date"))
    if until is None or since is None:
        return None
    seconds = max(0.0, (until - since).total_seconds())
    return seconds if seconds <= _LONGEST_S else None


def first_delay_s(delays: Iterable[str]) -> float | None:
    """Return the seconds of the first of Google's durations (`3.5s`) that can be waited for."""
    for delay in delays:
        if delay.endswith("s"):
            seconds = _seconds_of(delay[:-1])
            if seconds is not None:
                return seconds
    return None


def _seconds_of(text: str | None) -> float | None:
    """Return the number that `text` is, if it is a time somebody might wait."""
    try:
        number = float(text) if text is not None else -1.0
    except ValueError:
        return None
    return number if 0 <= number <= _LONGEST_S else None


def _date(text: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text) if text is not None else None
    except (ValueError, OverflowError):
        return None
    # A date without its zone cannot be compared with one that has it.
    return moment if moment is not None and moment.tzinfo is not None else None
