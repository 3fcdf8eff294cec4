"""Google's errors as ours: one envelope, at times wrapped in a list."""

from collections.abc import Mapping

import msgspec

from ...domain.errors import (
    ContextTooLong,
    ProviderError,
    ProviderProtocolBroken,
    UpstreamAuthFailed,
    UpstreamFailed,
    UpstreamModelNotFound,
    UpstreamOverloaded,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
)
from ..transport.languages import ErrorReply
from ..transport.retry_after import first_delay_s, retry_after_s
from ..transport.upstream_words import presentable
from . import wire

_decode_envelope = msgspec.json.Decoder(wire.ErrorEnvelope).decode
_decode_envelopes = msgspec.json.Decoder(list[wire.ErrorEnvelope]).decode
_decode_details = msgspec.json.Decoder(list[wire.ErrorDetail]).decode
_NO_HEADERS: Mapping[str, str] = {}
_NO_ERROR = wire.ErrorInfo()

# The status that an error inside a good reply would have had, if it does not tell it.
_CODE_OF_STATUS = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
_CLASS_OF_CODE: dict[int, type[ProviderError]] = {
    401: UpstreamAuthFailed,
    403: UpstreamAuthFailed,
    404: UpstreamModelNotFound,
    429: UpstreamRateLimited,
    503: UpstreamOverloaded,
}
_REFUSED = "The upstream refused the request."
_SAID_INSTEAD: dict[type[ProviderError], str] = {
    UpstreamAuthFailed: "The upstream did not accept the gateway's credentials.",
    UpstreamModelNotFound: "The upstream does not have the model.",
}


def decode_error(reply: ErrorReply) -> ProviderError:
    """Return what `reply` says went wrong."""
    body = reply.body
    try:
        envelopes = _decode_envelopes(body) if body[:1] == b"[" else [_decode_envelope(body)]
    except msgspec.DecodeError:
        envelopes = []
    error = envelopes[0].error if envelopes else _NO_ERROR
    return _classify(reply.status, reply.headers, error)


def decode_error_info(error: wire.ErrorInfo) -> ProviderError:
    """Return what an error inside a stream, after a good status, says went wrong."""
    return _classify(200, _NO_HEADERS, error)


def _classify(status: int, headers: Mapping[str, str], error: wire.ErrorInfo) -> ProviderError:
    if status < 300:
        status = error.code if error.code >= 400 else _CODE_OF_STATUS.get(error.status, 500)
    if 300 <= status < 400:
        return ProviderProtocolBroken(
            "The upstream redirects elsewhere; check its base URL.", status=status
        )
    said = presentable(error.message)
    message = said or f"The upstream answered with status {status}."
    if status in (408, 504):
        timeout = UpstreamTimeout(message, phase="first_byte")
        timeout.status = status
        timeout.upstream_type = error.status or None
        return timeout
    found = _class(status, message)
    detail = None
    if found is UpstreamAuthFailed or "projects/" in message:
        # These words name our account there: they are for the log.
        detail, message = message, _SAID_INSTEAD.get(found, _REFUSED)
    return found(
        message,
        detail=detail,
        status=status,
        upstream_type=error.status or None,
        retry_after_s=_retry_after_s(headers, error),
    )


def _class(status: int, message: str) -> type[ProviderError]:
    found = _CLASS_OF_CODE.get(status)
    if found is not None:
        return found
    if status >= 500 or status == 499:
        return UpstreamFailed
    if status == 400 and is_context_overflow(message):
        return ContextTooLong
    if status == 400 and is_bad_key(message):
        return UpstreamAuthFailed
    return UpstreamRejected


def is_context_overflow(message: str) -> bool:
    """Whether a 400's words say that the conversation is too long: there is no code for it."""
    return "exceeds the maximum number of tokens" in message


def is_bad_key(message: str) -> bool:
    """Whether a 400's words say that our key is not one: it comes as an invalid argument."""
    return message.startswith(("API key not valid", "API key expired"))


def _retry_after_s(headers: Mapping[str, str], error: wire.ErrorInfo) -> float | None:
    seconds = retry_after_s(headers)
    if seconds is not None or error.details is msgspec.UNSET:
        return seconds
    return decode_retry_info(error.details)


def decode_retry_info(details: msgspec.Raw) -> float | None:
    """Return the seconds of the RetryInfo among `details`, whose other members are not read."""
    try:
        delays = [detail.retry_delay for detail in _decode_details(details)]
    except msgspec.DecodeError:
        return None
    return first_delay_s(delays)
