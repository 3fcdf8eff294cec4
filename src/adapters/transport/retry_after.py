"""How long an upstream asks us to wait, read from a reply's headers."""

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of `retry-after-ms` or `retry-after`; None if there are none to trust.

    A date is measured against the reply's own `date`, so that no clock of ours is asked.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    text = headers.get("retry-after")
    seconds = _number(text)
    if seconds is not None or text is None:
        return seconds
    until, since = _date(text), _date(headers.get("date"))
    if until is None or since is None:
        return None
    return max(0.0, (until - since).total_seconds())


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text is not None else -1.0
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None


def _date(text: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text) if text is not None else None
    except ValueError:
        return None
    # A date without its zone cannot be compared with one that has it.
    return moment if moment is not None and moment.tzinfo is not None else None
