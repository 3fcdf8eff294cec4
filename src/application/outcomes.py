"""How a turn ends: the record that is kept of an answer, of a failure and of a cancellation."""

from dataclasses import replace

from ..domain.errors import (
    ModelmuxError,
    OverloadError,
    QuotaExhausted,
    RequestError,
    UpstreamOverloaded,
    UpstreamRateLimited,
    UpstreamRejected,
)
from ..domain.events import CUT_SHORT
from ..domain.journal import Journal
from ..domain.response import Response
from ..domain.turn import Failure, KeptItem, ResponseRecord, Status, item_id

_MAX_MESSAGE = 2000
_MAX_VERDICT = 512  # characters, the most of a value of metadata
_VERDICTS = frozenset({"unmet", "unchecked"})


def finished(asked: ResponseRecord, response: Response, now: float) -> ResponseRecord:
    """Return the record of a whole answer."""
    candidate = response.candidates[0]
    cut_short = candidate.reason in CUT_SHORT
    return replace(
        asked,
        status=Status.INCOMPLETE if cut_short else Status.COMPLETED,
        output=candidate.items,
        logprobs=candidate.logprobs,
        completed_at=now,
        reason=candidate.reason,
        usage=response.usage,
    )


def verdict(journal: Journal) -> str | None:
    """Return in what an answer does not fit the schema that was asked for, if that was found."""
    for one in journal.adjustments:
        if one.action in _VERDICTS:
            return f"{one.action}: {one.detail}"[:_MAX_VERDICT]
    return None


def failed(asked: ResponseRecord, failure: Failure) -> ResponseRecord:
    """Return the record of a turn of which nothing came."""
    return replace(asked, status=Status.FAILED, failure=failure)


def cancelled(asked: ResponseRecord) -> ResponseRecord:
    return replace(asked, status=Status.CANCELLED)


def failure_of(error: ModelmuxError) -> Failure:
    """Return what is told of `error` in a response, in the Responses API's words."""
    match error:
        case UpstreamRateLimited() | UpstreamOverloaded() | QuotaExhausted() | OverloadError():
            code = "rate_limit_exceeded"
        case RequestError() | UpstreamRejected():
            code = "invalid_prompt"
        case _:
            code = "server_error"
    return Failure(code, error.message[:_MAX_MESSAGE])


def kept_input(record: ResponseRecord) -> tuple[KeptItem, ...]:
    """Return a response's own input items with their ids."""
    return tuple(
        KeptItem(item_id(record.id, "i", number, item), item)
        for number, item in enumerate(record.input)
    )


def kept_items(record: ResponseRecord) -> tuple[KeptItem, ...]:
    """Return all items that a turn adds to its conversation."""
    return kept_input(record) + tuple(
        KeptItem(item_id(record.id, "o", number, item), item)
        for number, item in enumerate(record.output)
    )
