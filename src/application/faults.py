"""Whose fault a failed attempt is: what breakers, rests and failover go by."""

from ..domain.errors import (
    ContentBlocked,
    ContextTooLong,
    ModelmuxError,
    OverloadError,
    ProviderError,
    ProviderProtocolBroken,
    QuotaExhausted,
    StreamCut,
    TargetResting,
    UpstreamAuthFailed,
    UpstreamFailed,
    UpstreamOverloaded,
    UpstreamRateLimited,
    UpstreamTimeout,
    UpstreamUnreachable,
)

_ILLS = (
    UpstreamUnreachable, UpstreamTimeout, UpstreamFailed, UpstreamOverloaded,
    ProviderProtocolBroken, StreamCut,
)  # fmt: skip


def is_own_fault(error: ModelmuxError) -> bool:
    """Return whether it tells of a target that is not well: whoever asks would have met it.

    A status of 4xx is about the request, the caller or the pace, whatever it is read as.
    """
    return isinstance(error, _ILLS) and (error.status is None or not 400 <= error.status < 500)


def shows_life(error: ModelmuxError) -> bool:
    """Return whether the target itself said so, and is no worse for it."""
    return isinstance(error, ProviderError) and error.status is not None and not is_own_fault(error)


def asked_rest_s(error: ModelmuxError) -> float | None:
    """Return for how long the target asked not to be asked: `retry-after` of a 429, 503 or 529."""
    if isinstance(error, UpstreamRateLimited | QuotaExhausted) or (
        isinstance(error, UpstreamOverloaded) and is_own_fault(error)
    ):
        return error.retry_after_s
    return None


def worth(error: ModelmuxError) -> int:
    """Return how much an error tells a caller whose targets all failed; of equals the last counts.

    What a target answered tells more than what is wrong with our account there, that more than a
    place we had not free, and that more than not having asked.
    """
    if isinstance(error, TargetResting):
        return 0
    if isinstance(error, OverloadError):
        return 1
    if isinstance(error, UpstreamAuthFailed | QuotaExhausted):
        return 2
    return 3


def more_useful(told: ModelmuxError | None, error: ModelmuxError) -> ModelmuxError:
    """Return which of two failures of one request is told, `error` being the later."""
    if told is None or worth(error) > worth(told):
        return error
    if worth(error) < worth(told):
        return told
    if isinstance(error, TargetResting) and isinstance(told, TargetResting):
        return min(told, error, key=lambda one: one.retry_after_s or 0.0)
    return error


def is_of_the_target(error: ModelmuxError) -> bool:
    """Return whether another target may do better, whatever the route says."""
    return error.retryable or isinstance(error, UpstreamAuthFailed | QuotaExhausted)


def condition_of(error: ModelmuxError) -> str | None:
    """Return the word by which a route can have the next target asked after this refusal."""
    if isinstance(error, ContextTooLong):
        return "context_too_long"
    return "content_filter" if isinstance(error, ContentBlocked) else None
