"""Errors of Claude's doors, in Anthropic's envelope and in Google's."""

import json
from typing import Any

import pytest

from modelmux.adapters.anthropic_messages.errors import decode_error, decode_error_event
from modelmux.adapters.transport.languages import ErrorReply
from modelmux.domain.errors import (
    ContextTooLong,
    ProviderError,
    QuotaExhausted,
    UpstreamAuthFailed,
    UpstreamFailed,
    UpstreamModelNotFound,
    UpstreamOverloaded,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
)


def anthropic(kind: str, message: str = "words") -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}


def google(code: int, status: str, message: str = "words", *details: Any) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "status": status, "details": details}}


def decoded(status: int, body: object, **headers: str) -> ProviderError:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return decode_error(ErrorReply(status, named, json.dumps(body).encode()))


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, anthropic("invalid_request_error"), UpstreamRejected),
        (400, anthropic("invalid_request_error", "prompt is too long: 9 tokens > 8 maximum"),
         ContextTooLong),
        (400, anthropic("invalid_request_error", "Your credit balance is too low to access"),
         QuotaExhausted),
        (401, anthropic("authentication_error"), UpstreamAuthFailed),
        (402, anthropic("billing_error"), QuotaExhausted),
        (403, anthropic("permission_error"), UpstreamAuthFailed),
        (404, anthropic("not_found_error"), UpstreamModelNotFound),
        (409, anthropic("conflict_error"), UpstreamRejected),
        (413, anthropic("request_too_large"), UpstreamRejected),
        (429, anthropic("rate_limit_error"), UpstreamRateLimited),
        (500, anthropic("api_error"), UpstreamFailed),
        (503, google(503, "UNAVAILABLE"), UpstreamOverloaded),
        (504, anthropic("timeout_error"), UpstreamTimeout),
        (529, anthropic("overloaded_error"), UpstreamOverloaded),
        (403, google(403, "PERMISSION_DENIED"), UpstreamAuthFailed),
        (404, [google(404, "NOT_FOUND")], UpstreamModelNotFound),
        (429, [google(429, "RESOURCE_EXHAUSTED")], UpstreamRateLimited),
    ],
)  # fmt: skip
def test_each_status_has_its_error(status: int, body: object, kind: type[ProviderError]) -> None:
    error = decoded(status, body)
    assert type(error) is kind
    assert error.status == status


def test_the_words_and_the_type_are_kept() -> None:
    error = decoded(400, anthropic("invalid_request_error", "max_tokens: Field required"))
    assert error.message == "max_tokens: Field required"
    assert error.upstream_type == "invalid_request_error"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"error":"x"}', b'{"detail":1}'])
def test_a_body_without_an_envelope_still_has_its_status(body: bytes) -> None:
    error = decode_error(ErrorReply(502, {}, body))
    assert isinstance(error, UpstreamFailed)
    assert "502" in error.message


def test_what_names_our_account_is_for_the_log_alone() -> None:
    words = "Permission denied on resource //aiplatform.googleapis.com/projects/acme-secret"
    error = decoded(403, google(403, "PERMISSION_DENIED", words))
    assert "acme-secret" not in error.message
    assert error.detail == words


def test_the_wait_is_read_from_headers_and_from_googles_details() -> None:
    busy = anthropic("rate_limit_error")
    assert decoded(429, busy, retry_after="7").retry_after_s == 7
    assert decoded(429, busy, retry_after="7", retry_after_ms="1500").retry_after_s == 1.5
    dated = decoded(
        429,
        busy,
        retry_after="Fri, 20 Nov 2026 10:00:30 GMT",
        date="Fri, 20 Nov 2026 10:00:00 GMT",
    )
    assert dated.retry_after_s == 30
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "12.5s"}
    other = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "x"}
    assert decoded(429, google(429, "X", "words", other, info)).retry_after_s == 12.5


@pytest.mark.parametrize("text", ["soon", "-1", "nan", "inf", "Fri, 20 Nov 2026 10:00:30 GMT"])
def test_a_wait_that_cannot_be_trusted_is_none(text: str) -> None:
    assert decoded(429, anthropic("rate_limit_error"), retry_after=text).retry_after_s is None


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("overloaded_error", UpstreamOverloaded),
        ("api_error", UpstreamFailed),
        ("rate_limit_error", UpstreamRateLimited),
        ("invalid_request_error", UpstreamRejected),
        ("newer_error", UpstreamFailed),
    ],
)
def test_an_error_in_a_stream_is_classed_by_its_type(kind: str, error: type[ProviderError]) -> None:
    assert type(decode_error_event(json.dumps(anthropic(kind)).encode())) is error
