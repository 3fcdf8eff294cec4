"""Claude's errors as ours. Google's doors answer in Google's envelope, or in Anthropic's."""

from collections.abc import Mapping

import msgspec

from ...domain.errors import (
    ContextTooLong,
    ProviderError,
    ProviderProtocolBroken,
    QuotaExhausted,
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
_NO_BODY = wire.ErrorBody()

# The status that an error inside a stream would have had.
_STATUS_OF_TYPE = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "conflict_error": 409,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
_CLASS_OF_STATUS: dict[int, type[ProviderError]] = {
    401: UpstreamAuthFailed,
    402: QuotaExhausted,
    403: UpstreamAuthFailed,
    404: UpstreamModelNotFound,
    429: UpstreamRateLimited,
    503: UpstreamOverloaded,
    529: UpstreamOverloaded,
}
_REFUSED = "The upstream refused the request."
_SAID_INSTEAD: dict[type[ProviderError], str] = {
    UpstreamAuthFailed: "The upstream did not accept the gateway's credentials.",
    UpstreamModelNotFound: "The upstream does not have the model.",
}


def decode_error(reply: ErrorReply) -> ProviderError:
    """Return what `reply` says went wrong."""
    return _decode(reply.status, reply.headers, reply.body)


def decode_error_event(data: bytes) -> ProviderError:
    """Return what an `error` event, after a good status, says went wrong."""
    return _decode(200, _NO_HEADERS, data)


def _decode(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    if 300 <= status < 400:
        return ProviderProtocolBroken(
            "The upstream redirects elsewhere; check its base URL.", status=status
        )
    error = _error_body(body)
    if status < 300:
        status = _STATUS_OF_TYPE.get(error.type, 500)
    kind = error.type or error.status
    said = presentable(error.message)
    message = said or f"The upstream answered with status {status}."
    if status in (408, 504):
        timeout = UpstreamTimeout(message, phase="first_byte")
        timeout.status = status
        timeout.upstream_type = kind or None
        return timeout
    found = _class(status, error)
    detail = None
    if found is UpstreamAuthFailed or "projects/" in message:
        # These words name our account there: they are for the log.
        detail, message = message, _SAID_INSTEAD.get(found, _REFUSED)
    return found(
        message,
        detail=detail,
        status=status,
        upstream_type=kind or None,
        retry_after_s=_retry_after_s(headers, error),
    )


def _class(status: int, error: wire.ErrorBody) -> type[ProviderError]:
    found = _CLASS_OF_STATUS.get(status)
    if found is not None:
        return found
    if status >= 500 or status == 499:
        return UpstreamFailed
    if status == 400:
        if is_context_overflow(error.message):
            return ContextTooLong
        if is_out_of_credit(error.message):
            return QuotaExhausted
    return UpstreamRejected


def is_context_overflow(message: str) -> bool:
    """Whether a 400's words say that the conversation is too long: there is no code for it."""
    return message.startswith("prompt is too long") or "exceed context limit" in message


def is_out_of_credit(message: str) -> bool:
    """Whether a 400's words say that there is no money left: it comes as an invalid request."""
    return "credit balance is too low" in message


def _error_body(body: bytes) -> wire.ErrorBody:
    try:
        envelopes = _decode_envelopes(body) if body[:1] == b"[" else (_decode_envelope(body),)
    except msgspec.DecodeError:
        return _NO_BODY
    return envelopes[0].error if envelopes else _NO_BODY


def _retry_after_s(headers: Mapping[str, str], error: wire.ErrorBody) -> float | None:
    seconds = retry_after_s(headers)
    if seconds is not None or error.details is msgspec.UNSET:
        return seconds
    try:
        delays = [detail.retry_delay for detail in _decode_details(error.details)]
    except msgspec.DecodeError:
        return None  # Anthropic's details are an object, and tell no time
    return first_delay_s(delays)
