"""Ollama's errors as ours: `{"error": "text"}`, with a status or as a line inside a stream.

Source: Ollama's API documentation and its server's `routes.go`, November 2026. There are no codes.
What the model's runner said may stand inside the text as JSON again.
"""

from collections.abc import Mapping
from typing import Final

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
from ..transport.retry_after import retry_after_s
from ..transport.upstream_words import presentable

_CLASS_OF_STATUS: Final[Mapping[int, type[ProviderError]]] = {
    401: UpstreamAuthFailed,
    402: QuotaExhausted,
    403: UpstreamAuthFailed,
    404: UpstreamModelNotFound,
    429: UpstreamRateLimited,
    503: UpstreamOverloaded,
}
_TOO_LONG: Final = (
    "exceeds the available context size",
    "exceeds maximum context length",
    "exceeds the context length",
    "longer than the context length",
)
_NO_HEADERS: Final[Mapping[str, str]] = {}


class _Body(msgspec.Struct, frozen=True):
    error: msgspec.Raw = msgspec.Raw(b'""')


class _Told(msgspec.Struct, frozen=True):
    message: str = ""


_decode_body = msgspec.json.Decoder(_Body).decode
_decode_text = msgspec.json.Decoder(str).decode
_decode_told = msgspec.json.Decoder(_Told).decode


def decode_error(reply: ErrorReply) -> ProviderError:
    """Return what `reply` says went wrong."""
    try:
        error = _decode_body(reply.body).error
    except msgspec.DecodeError:
        error = msgspec.Raw(b'""')
    return _classify(reply.status, reply.headers, _words(bytes(error)))


def decode_error_line(error: msgspec.Raw) -> ProviderError:
    """Return what an error inside a stream, after a good status, says went wrong."""
    return _classify(200, _NO_HEADERS, _words(bytes(error)))


def says_too_long(message: str) -> bool:
    """Whether the words are that the conversation does not fit: there is no code for it."""
    return any(words in message for words in _TOO_LONG)


def _classify(status: int, headers: Mapping[str, str], words: str) -> ProviderError:
    if 300 <= status < 400:
        return ProviderProtocolBroken(
            "The upstream redirects elsewhere; check its base URL.", status=status
        )
    message = presentable(words) or f"The upstream answered with status {status}."
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
        status=None if status < 300 else status,
        retry_after_s=retry_after_s(headers),
    )


def _class(status: int, message: str) -> type[ProviderError]:
    if says_too_long(message):
        return ContextTooLong
    found = _CLASS_OF_STATUS.get(status)
    if found is not None:
        return found
    return UpstreamRejected if 400 <= status < 500 else UpstreamFailed


def _words(error: bytes, depth: int = 0) -> str:
    """Return the message of `error`: a text, an object with one, or either written in a text."""
    try:
        if error.startswith(b'"'):
            text = _decode_text(error)
            if text.startswith("{") and depth < 3:
                return _words(text.encode(), depth + 1) or text
            return text
        told = _decode_told(error).message
        if told:
            return told
        inner = bytes(_decode_body(error).error)
    except msgspec.DecodeError:
        return ""
    return _words(inner, depth + 1) if inner != b'""' and depth < 3 else ""
