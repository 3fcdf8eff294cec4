"""Anthropic's manners: the error envelope, the headers, and the pings of its streams.

Source: platform documentation of versions 2023-06-01 and 2026-10-21.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

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
_OLDEST = "2023-06-01"
_PING = b'event: ping\ndata: {"type":"ping"}\n\n'


def error_type(status: int) -> str:
    """Return Anthropic's word for a status."""
    return _TYPES.get(status) or ("api_error" if status >= 500 else "invalid_request_error")


def encode_refusal(refusal: Refusal, request_id: str) -> bytes:
    """Return the body of a refusal in Anthropic's shape."""
    message = refusal.message
    if refusal.param is not None and not message.startswith(refusal.param):
        message = f"{refusal.param}: {message}"
    error: dict[str, object] = {"type": error_type(refusal.status), "message": message}
    if refusal.code is not None:
        error["details"] = {"error_code": refusal.code}
    return msgspec.json.encode({"type": "error", "error": error, "request_id": request_id})


def _headers(id_: bytes, elapsed_s: float, terms: Mapping[str, str]) -> Headers:
    del elapsed_s
    version = terms.get("anthropic-version", _OLDEST)
    return [
        (b"request-id", id_),
        (b"x-request-id", id_),
        (b"anthropic-version", version.encode("latin-1")),
    ]


ANTHROPIC = WireStyle(encode_refusal, _headers, _PING)


# Any: a scope's values are of many types
def style_of(scope: Mapping[str, Any]) -> WireStyle:
    """Return the manners of whoever asked: by the path, or by the header of Anthropic's clients."""
    if scope["path"].startswith("/v1/messages"):
        return ANTHROPIC
    spoken = any(name == b"anthropic-version" for name, _ in scope["headers"])
    return ANTHROPIC if spoken else OPENAI
