"""Domain error -> status, type, code and body of a refusal: the one table.

Source: the error envelope of OpenAI's API, `{"error": {message, type, param, code}}`, all four
always there. A caller's own credentials are never blamed for ours: an upstream's 401 is a 502.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from ..domain.errors import (
    AuthenticationError,
    BodyTooLarge,
    BodyTooSlow,
    ConfigurationError,
    Conflict,
    ContentBlocked,
    ContextTooLong,
    ConversionError,
    Forbidden,
    InvalidRequest,
    MethodNotAllowed,
    ModelmuxError,
    ModelNotFound,
    NotFound,
    OverloadError,
    ProviderError,
    ProviderProtocolBroken,
    QuotaExhausted,
    RateLimited,
    RequestError,
    SchemaUnmet,
    ShuttingDown,
    StoreError,
    StreamCut,
    TargetResting,
    UpstreamAuthFailed,
    UpstreamFailed,
    UpstreamModelNotFound,
    UpstreamOverloaded,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnreachable,
    WrongMediaType,
)

_MAX_MESSAGE = 8000
_INVALID = "invalid_request_error"
_UPSTREAM = "upstream_error"


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error as a caller is told it; `headers` are those the error itself asks for."""

    status: int
    type: str
    code: str | None
    message: str
    param: str | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class _Row:
    status: int
    type: str
    code: str | None = None


# An error without a row of its own takes that of its family.
_ROWS: Mapping[type[ModelmuxError], _Row] = {
    ModelmuxError: _Row(500, "server_error", "internal_error"),
    ConfigurationError: _Row(500, "server_error", "configuration_error"),
    RequestError: _Row(400, _INVALID),
    InvalidRequest: _Row(400, _INVALID),
    BodyTooLarge: _Row(413, _INVALID),
    BodyTooSlow: _Row(408, _INVALID),
    WrongMediaType: _Row(415, _INVALID),
    ModelNotFound: _Row(404, _INVALID),
    NotFound: _Row(404, _INVALID),
    Conflict: _Row(409, "conflict"),
    MethodNotAllowed: _Row(405, _INVALID),
    AuthenticationError: _Row(401, "authentication_error"),
    Forbidden: _Row(403, "permission_error"),
    OverloadError: _Row(503, "service_unavailable_error", "server_is_overloaded"),
    RateLimited: _Row(429, "rate_limit_error", "rate_limit_exceeded"),
    ShuttingDown: _Row(503, "service_unavailable_error", "shutting_down"),
    StoreError: _Row(503, "service_unavailable_error", "store_unavailable"),
    ProviderError: _Row(502, _UPSTREAM, "upstream_error"),
    ConversionError: _Row(502, _UPSTREAM, "upstream_answer_not_convertible"),
    ProviderProtocolBroken: _Row(502, _UPSTREAM, "upstream_protocol_broken"),
    SchemaUnmet: _Row(502, _UPSTREAM, "structured_output_invalid"),
    UpstreamUnreachable: _Row(502, _UPSTREAM, "upstream_unreachable"),
    UpstreamTimeout: _Row(504, _UPSTREAM, "upstream_timeout"),
    UpstreamFailed: _Row(502, _UPSTREAM, "upstream_failed"),
    UpstreamOverloaded: _Row(503, "service_unavailable_error", "server_is_overloaded"),
    TargetResting: _Row(503, "service_unavailable_error", "upstream_resting"),
    UpstreamRateLimited: _Row(429, "rate_limit_error", "rate_limit_exceeded"),
    QuotaExhausted: _Row(429, "insufficient_quota", "insufficient_quota"),
    UpstreamAuthFailed: _Row(502, _UPSTREAM, "upstream_auth_failed"),
    UpstreamRejected: _Row(400, _INVALID),
    ContextTooLong: _Row(400, _INVALID, "context_length_exceeded"),
    ContentBlocked: _Row(400, _INVALID, "content_filter"),
    UpstreamModelNotFound: _Row(404, _INVALID, "model_not_found"),
    StreamCut: _Row(502, _UPSTREAM, "stream_cut"),
}
# What an upstream says of the request and we pass on. 401, 403 and 429 have leaves of their own;
# clients repeat 409 and 408, which would change nothing.
_PASSED_STATUS = frozenset({400, 404, 405, 413, 415, 422})
_RETRIED_BY_CLIENTS = frozenset({408, 409, 429})
UNEXPECTED = Refusal(
    500,
    "server_error",
    "internal_error",
    "The gateway failed in a way nobody foresaw; its log says more.",
)


def describe(error: ModelmuxError) -> Refusal:
    """Return what a caller is told of `error`."""
    row = next(_ROWS[kind] for kind in type(error).__mro__ if kind in _ROWS)
    status, code, param, message = row.status, row.code, None, error.message
    headers: list[tuple[bytes, bytes]] = []
    if isinstance(error, InvalidRequest | Conflict):
        code, param = error.reason, error.param
    elif isinstance(error, RequestError):
        code, param = error.code, error.param
    elif isinstance(error, AuthenticationError):
        code = error.code
    elif isinstance(error, ProviderError):
        param = error.param
        if isinstance(error, UpstreamRejected):
            code = code or error.upstream_code or "upstream_rejected"
            if type(error) is UpstreamRejected and error.status in _PASSED_STATUS:
                status = error.status
    elif isinstance(error, ConfigurationError):
        message = "The gateway is not configured as it must be; its log says more."
    if isinstance(error, MethodNotAllowed):
        headers.append((b"allow", ", ".join(error.allowed).encode()))
    if (
        isinstance(error, ProviderError | OverloadError | StoreError)
        and error.retry_after_s is not None
    ):
        delay_s = max(error.retry_after_s, 0.0)
        headers.append((b"retry-after", b"%d" % math.ceil(delay_s)))
        headers.append((b"retry-after-ms", b"%d" % math.ceil(delay_s * 1000)))
    # An answer that broke off cannot be mended by us, yet asked for anew by the caller; whoever
    # is in the way is gone a moment later.
    lasting = not error.retryable and not isinstance(error, StreamCut | Conflict)
    if lasting and (status >= 500 or status in _RETRIED_BY_CLIENTS):
        headers.append((b"x-should-retry", b"false"))
    return Refusal(status, row.type, code, message[:_MAX_MESSAGE], param, tuple(headers))


def encode_refusal(refusal: Refusal, request_id: str) -> bytes:
    """Return the body of a refusal in OpenAI's shape; the request id is told for support."""
    return msgspec.json.encode(
        {
            "error": {
                "message": f"{refusal.message} (request id: {request_id})",
                "type": refusal.type,
                "param": refusal.param,
                "code": refusal.code,
            }
        }
    )
