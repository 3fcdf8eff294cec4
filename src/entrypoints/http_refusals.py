"""Refusals of the connection itself, before any handler: whole answers, as bytes."""

import itertools

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from ..domain.errors import InvalidRequest
from .errors import Refusal, describe, encode_refusal

_numbers = itertools.count(1)


def bad_request(message: str) -> Refusal:
    return describe(InvalidRequest(message, reason="bad_request"))


def head_too_large(limit_bytes: int, limit_headers: int) -> Refusal:
    return Refusal(
        431,
        "invalid_request_error",
        "request_header_too_large",
        f"The head of the request is larger than {limit_bytes} bytes or {limit_headers} headers.",
    )


def whole_refusal(refusal: Refusal) -> bytes:
    """Return head and body; what was refused has no id of its own, so it gets one here."""
    id_ = f"conn_{next(_numbers):08d}"
    body = encode_refusal(refusal, id_)
    return (
        b"%bcontent-type: application/json\r\ncontent-length: %d\r\n"
        b"x-request-id: %b\r\nconnection: close\r\n\r\n%b"
        % (STATUS_LINE[refusal.status], len(body), id_.encode(), body)
    )
