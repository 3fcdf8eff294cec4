"""Cohere's errors as ours: a status, and `{"message"}`.

Source: Cohere's API reference, errors (November 2026). 498 is not about our token: a word on a
deny list stood in the prompt or the answer.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

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

_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_text = msgspec.json.Decoder(str).decode
_CLASS_OF_STATUS: Final[Mapping[int, type[ProviderError]]] = {
    401: UpstreamAuthFailed,
    402: QuotaExhausted,
    403: UpstreamAuthFailed,
    404: UpstreamModelNotFound,
    413: ContextTooLong,
    429: UpstreamRateLimited,
    498: ContentBlocked,
    499: UpstreamFailed,
    501: UpstreamRejected,
    503: UpstreamOverloaded,
}


def decode_error(reply: ErrorReply) -> ProviderError:
    """Return what `reply` says went wrong."""
    status = reply.status
    if 300 <= status < 400:
        return ProviderProtocolBroken(
            "The upstream redirects elsewhere; check its base URL.", status=status
        )
    said = presentable(_message(reply.body))
    message = said or f"The upstream answered with status {status}."
    if status in (408, 504):
        late = UpstreamTimeout(message, phase="first_byte")
        late.status = status
        return late
    found = _class(status, message)
    detail = None
    if found is UpstreamAuthFailed:
        # Its words are about our key: they are for the log.
        detail, message = message, "The upstream did not accept the gateway's credentials."
    return found(
        message,
        detail=detail,
        status=status,
        retry_after_s=retry_after_s(reply.headers),
    )


def says_too_many_tokens(message: str) -> bool:
    """Whether a 400's words say that the conversation is too long: there is no code for it."""
    return message.startswith("too many tokens")


def says_trial_is_used_up(message: str) -> bool:
    """Whether a 429's words are about the calls of a month, which no waiting brings back."""
    return "/ month" in message


def _class(status: int, message: str) -> type[ProviderError]:
    if status == 429 and says_trial_is_used_up(message):
        return QuotaExhausted
    found = _CLASS_OF_STATUS.get(status)
    if found is not None:
        return found
    if status >= 500:
        return UpstreamFailed
    if status in (400, 422) and says_too_many_tokens(message):
        return ContextTooLong
    return UpstreamRejected


def _message(body: bytes) -> str:
    try:
        return _decode_text(_decode(body).get("message", b'""'))
    except msgspec.DecodeError:
        return ""
