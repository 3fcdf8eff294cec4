"""What an upstream's error means, by its status and its codes: the domain's leaf for it."""

import re
from collections.abc import Mapping
from typing import Final

from ...domain.errors import (
    ContentBlocked,
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
from ..transport.retry_after import retry_after_s
from ..transport.upstream_words import presentable
from .bodies import Told, read_error

_NO_MONEY = frozenset(
    {"insufficient_quota", "credit_balance_exhausted", "billing_hard_limit_reached"}
)
_NO_MODEL = frozenset({"model_not_found", "DeploymentNotFound"})
_BLOCKED = frozenset(
    {
        "content_filter", "content_policy_violation", "ResponsibleAIPolicyViolation",
        "bio_policy", "misalignment_policy_violation", "image_content_policy_violation",
    }
)  # fmt: skip
_TOO_LONG = frozenset({"context_length_exceeded", "exceed_context_size_error"})
_SHOULD_RETRY: Final = {"true": True, "false": False}
_TRACKING_HEADERS: Final = (
    "x-request-id",
    "apim-request-id",
    "request-id",
    "cf-ray",
    "x-ms-region",
)
# What a code says of an error that came inside a 200, where no status tells it.
_STATUS_OF_CODE: Final[Mapping[str, int]] = {
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "tokens": 429,
    "requests": 429,
    "slow_down": 503,
    "server_is_overloaded": 503,
    "overloaded_error": 503,
    "service_unavailable_error": 503,
    "invalid_request_error": 400,
    "BadRequestError": 400,
    "invalid_api_key": 401,
    "authentication_error": 401,
    "permission_error": 403,
    "NotFoundError": 404,
    # What a response says of itself that failed.
    "invalid_prompt": 400,
    "data_residency_mismatch": 400,
    "vector_store_timeout": 504,
}


def decode_error(reply: ErrorReply, *, hidden: tuple[str, ...] = ()) -> ProviderError:
    """Return what a reply that is no answer means; `hidden` words are taken out of its message."""
    told = read_error(reply.body)
    status = reply.status
    if status < 300:
        status = told.status or _status_of(told)
    elif status < 400:
        return ProviderProtocolBroken(
            "The upstream redirects elsewhere; check its base URL.",
            status=status,
            detail=presentable(f"location: {reply.headers.get('location', '')}", hidden),
        )
    return _classify(status, told, reply.headers, hidden)


def decode_error_object(data: bytes, *, hidden: tuple[str, ...] = ()) -> ProviderError:
    """Return what an error frame inside a stream means."""
    return decode_error(ErrorReply(200, {}, data), hidden=hidden)


def says_context_too_long(message: str) -> bool:
    """Return whether a message without a code complains of too long a prompt.

    vLLM, llama.cpp, Together, Mistral, Fireworks, xAI, Groq and LM Studio have only prose.
    """
    return _PROSE_TOO_LONG.search(message) is not None


_PROSE_TOO_LONG = re.compile(
    r"maximum (?:context|prompt|model|input) length|context (?:length|size|window) (?:is|of|exceed)"
    r"|exceeds? (?:the )?(?:available |maximum |model'?s )*context|context_length"
    r"|(?:prompt|input) is too long|too large for model|reduce the length of"
    r"|context the overflows|tokens \+ `?max_new_tokens",
    re.IGNORECASE,
)
_PROSE_NO_MODEL = re.compile(
    r"\bmodels?\b.{0,200}\b(?:does not exist|not found|not exist)", re.IGNORECASE | re.DOTALL
)


def _classify(
    status: int, told: Told, headers: Mapping[str, str], hidden: tuple[str, ...]
) -> ProviderError:
    said = presentable(told.message, hidden)
    detail = _detail(status, told, headers, hidden)
    if status in (408, 504):
        late = UpstreamTimeout(said or "The upstream ran out of time.", phase="first_byte")
        late.status, late.detail = status, detail
        return late
    leaf = _leaf(status, told)
    message = said or f"The upstream answered with status {status} and no explanation."
    if leaf is UpstreamAuthFailed:
        # Its words are about our key: they are for the log.
        message = "The upstream does not take the gateway's credentials."
    return leaf(
        message,
        detail=detail,
        status=status,
        upstream_code=told.code,
        upstream_type=told.type,
        param=told.param,
        retry_after_s=retry_after_s(headers),
        should_retry=_SHOULD_RETRY.get(headers.get("x-should-retry", "").lower()),
    )


def _leaf(status: int, told: Told) -> type[ProviderError]:
    codes = {told.code, told.type, told.inner_code}
    # The type may stay insufficient_quota where the code says that it is only the pace.
    paces = told.code in ("slow_down", "rate_limit_exceeded")
    if status == 402 or (status in (400, 403, 429) and codes & _NO_MONEY and not paces):
        return QuotaExhausted
    if status == 429:
        return UpstreamRateLimited
    if status in (401, 403):
        return UpstreamAuthFailed
    if status in (409, 503, 529):
        return UpstreamOverloaded
    if status >= 500:
        return UpstreamFailed
    if codes & _BLOCKED:
        return ContentBlocked
    if codes & _NO_MODEL or (status == 404 and _PROSE_NO_MODEL.search(told.message)):
        return UpstreamModelNotFound
    if codes & _TOO_LONG or (status in (400, 413, 422) and says_context_too_long(told.message)):
        return ContextTooLong
    return UpstreamRejected


def _status_of(told: Told) -> int:
    for word in (told.code, told.type):
        if word is not None:
            if word in _STATUS_OF_CODE:
                return _STATUS_OF_CODE[word]
            if word in _NO_MONEY:
                return 429
            if word in _BLOCKED | _TOO_LONG:
                return 400
            if word in _NO_MODEL:
                return 404
            if "_image" in word or word.startswith("image_"):
                return 400  # some fifteen codes of the Responses API
    return 400 if says_context_too_long(told.message) else 500


def _detail(status: int, told: Told, headers: Mapping[str, str], hidden: tuple[str, ...]) -> str:
    """Return what helps to find the call in the upstream's own logs."""
    named = [f"{name} {headers[name][:100]}" for name in _TRACKING_HEADERS if name in headers]
    facts = ", ".join((f"status {status}", *named))
    said = presentable(told.message, hidden)[:500]
    return f"{facts}: {said}" if said else facts
