"""Google's errors."""

import json
from typing import Any

import pytest

from modelmux.adapters.gemini.errors import decode_error
from modelmux.adapters.transport.languages import ErrorReply
from modelmux.domain.errors import (
    ContextTooLong,
    ProviderError,
    UpstreamAuthFailed,
    UpstreamFailed,
    UpstreamModelNotFound,
    UpstreamOverloaded,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
)
from tests.support.fake_gemini import error_reply


def decoded(status: int, name: str, message: str = "words", **more: Any) -> ProviderError:
    reply = error_reply(status, name, message, **more)
    return decode_error(ErrorReply(reply.status, {}, reply.body))


@pytest.mark.parametrize("listed", [True, False], ids=["in a list", "bare"])
@pytest.mark.parametrize(
    ("status", "name", "message", "kind"),
    [
        (400, "INVALID_ARGUMENT", "words", UpstreamRejected),
        (400, "INVALID_ARGUMENT",
         "The input token count (9) exceeds the maximum number of tokens allowed (8).",
         ContextTooLong),
        (400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.",
         UpstreamAuthFailed),
        (401, "UNAUTHENTICATED", "words", UpstreamAuthFailed),
        (403, "PERMISSION_DENIED", "words", UpstreamAuthFailed),
        (404, "NOT_FOUND", "words", UpstreamModelNotFound),
        (429, "RESOURCE_EXHAUSTED", "words", UpstreamRateLimited),
        (499, "CANCELLED", "words", UpstreamFailed),
        (500, "INTERNAL", "words", UpstreamFailed),
        (503, "UNAVAILABLE", "words", UpstreamOverloaded),
        (504, "DEADLINE_EXCEEDED", "words", UpstreamTimeout),
    ],
)  # fmt: skip
def test_each_status_has_its_error(
    status: int, name: str, message: str, kind: type[ProviderError], listed: bool
) -> None:
    error = decoded(status, name, message, listed=listed)
    assert type(error) is kind
    assert (error.status, error.upstream_type) == (status, name)


def test_retry_info_tells_the_wait() -> None:
    assert decoded(429, "RESOURCE_EXHAUSTED", retry_after_s=31).retry_after_s == 31


def test_a_header_wins_over_retry_info() -> None:
    reply = error_reply(429, "RESOURCE_EXHAUSTED", retry_after_s=31)
    error = decode_error(ErrorReply(429, {"retry-after": "2"}, reply.body))
    assert error.retry_after_s == 2


def test_an_error_in_a_good_reply_has_the_status_it_names() -> None:
    body = json.dumps({"error": {"message": "busy", "status": "UNAVAILABLE"}}).encode()
    error = decode_error(ErrorReply(200, {}, body))
    assert isinstance(error, UpstreamOverloaded)
    assert error.message == "busy"


def test_what_names_our_account_is_for_the_log_alone() -> None:
    words = "Publisher Model `projects/acme-secret/locations/x` was not found"
    error = decoded(404, "NOT_FOUND", words)
    assert "acme-secret" not in error.message
    assert error.detail == words


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"error":"x"}'])
def test_a_body_without_an_envelope_still_has_its_status(body: bytes) -> None:
    error = decode_error(ErrorReply(502, {}, body))
    assert isinstance(error, UpstreamFailed)
    assert "502" in error.message
