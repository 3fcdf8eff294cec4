"""Anthropic's manners: the error envelope, the headers, and the pings of its streams.

Source: platform documentation of versions 2023-06-01 and 2026-10-21.
"""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from ...domain.quota import Quota
from ..errors import Refusal
from ..wire_style import OPENAI, Headers, WireStyle

_TYPES: Mapping[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
# Fine words that say more than the status does.
_TYPES_BY_CODE: Mapping[str, str] = {
    "insufficient_quota": "billing_error",
    "store_unavailable": "api_error",
}
_OLDEST = "2023-06-01"
_INDEX = re.compile(r"\[(\d+)\]")
_MISSING = "Missing required parameter: "
_INVALID = re.compile(r"Invalid (?:type|value) for ")
_RFC_3339 = "%Y-%m-%dT%H:%M:%SZ"
_PING = b'event: ping\ndata: {"type":"ping"}\n\n'


def error_type(status: int, code: str | None = None) -> str:
    """Return Anthropic's word for a status, or for our finer word where that says more."""
    if code is not None and code in _TYPES_BY_CODE:
        return _TYPES_BY_CODE[code]
    return _TYPES.get(status) or ("api_error" if status >= 500 else "invalid_request_error")


def encode_refusal(refusal: Refusal, request_id: str) -> bytes:
    """Return the body of a refusal in Anthropic's shape."""
    error: dict[str, object] = {
        "type": error_type(refusal.status, refusal.code),
        "message": _said(refusal.message, refusal.param),
    }
    if refusal.code is not None:
        error["details"] = {"error_code": refusal.code}
    return msgspec.json.encode({"type": "error", "error": error, "request_id": request_id})


def _said(message: str, param: str | None) -> str:
    """Return what is wrong as Anthropic says it: the path, a colon, and the rest."""
    if param is None:
        return message
    path = dotted(param)
    quoted = f"'{param}'"
    if message.startswith(_MISSING) and message.startswith(quoted, len(_MISSING)):
        return f"{path}: Field required"
    invalid = _INVALID.match(message)
    start = 0 if invalid is None else invalid.end()
    if message.startswith(quoted, start):
        message = message[start + len(quoted) :].lstrip(": ")
    return message if message.startswith(f"{path}:") else f"{path}: {message}"


def dotted(param: str) -> str:
    """Return a path with numbers between dots: `messages.0.content`, not `messages[0].content`."""
    return _INDEX.sub(r".\1", param)


def _headers(id_: bytes, elapsed_s: float, terms: Mapping[str, str]) -> Headers:
    del elapsed_s
    version = terms.get("anthropic-version", _OLDEST)
    return [
        (b"request-id", id_),
        (b"x-request-id", id_),
        (b"anthropic-version", version.encode("latin-1")),
    ]


def _quota(quota: Quota) -> Headers:
    """Return what is left as Anthropic tells it; input and output are not limited apart here."""
    headers: Headers = []
    for left, what in ((quota.requests, b"requests"), (quota.tokens, b"tokens")):
        if left is not None:
            full_at = datetime.fromtimestamp(math.ceil(quota.at + left.reset_s), UTC)
            headers += (
                (b"anthropic-ratelimit-%s-limit" % what, b"%d" % left.limit),
                (b"anthropic-ratelimit-%s-remaining" % what, b"%d" % left.remaining),
                (b"anthropic-ratelimit-%s-reset" % what, full_at.strftime(_RFC_3339).encode()),
            )
    return headers


# The SDK has an error of its own for 529, and agents change the model when they meet it; a 429 for
# want of money would have them wait.
_STATUSES = {"server_is_overloaded": 529, "insufficient_quota": 402}
ANTHROPIC = WireStyle(
    encode_refusal, _headers, _quota, _PING, named_key_first=True, statuses=_STATUSES
)


# Any: a scope's values are of many types
def style_of(scope: Mapping[str, Any]) -> WireStyle:
    """Return the manners of whoever asked: by the path, or by the header of Anthropic's clients."""
    if scope["path"].startswith("/v1/messages"):
        return ANTHROPIC
    spoken = any(name == b"anthropic-version" for name, _ in scope["headers"])
    return ANTHROPIC if spoken else OPENAI
