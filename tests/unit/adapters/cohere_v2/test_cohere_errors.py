"""Cohere's errors."""

import json

import pytest

from modelmux.adapters.cohere_v2.errors import decode_error
from modelmux.adapters.transport.languages import ErrorReply
from modelmux.domain.errors import (
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


def decoded(status: int, message: str = "words", **headers: str) -> ProviderError:
    body = json.dumps({"id": "e-1", "message": message}).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return decode_error(ErrorReply(status, named, body))


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (302, "words", ProviderProtocolBroken),
        (400, "words", UpstreamRejected),
        (400, "too many tokens: total number of tokens in the prompt cannot exceed 128000",
         ContextTooLong),
        (401, "invalid api token", UpstreamAuthFailed),
        (402, "words", QuotaExhausted),
        (403, "words", UpstreamAuthFailed),
        (404, "model 'x' not found", UpstreamModelNotFound),
        (422, "words", UpstreamRejected),
        (429, "words", UpstreamRateLimited),
        (429, "You are using a Trial key, which is limited to 1000 API calls / month.",
         QuotaExhausted),
        (498, "words", ContentBlocked),
        (499, "request cancelled", UpstreamFailed),
        (500, "words", UpstreamFailed),
        (501, "not implemented", UpstreamRejected),
        (503, "words", UpstreamOverloaded),
        (504, "words", UpstreamTimeout),
    ],
)  # fmt: skip
def test_each_status_has_its_error(status: int, message: str, kind: type[ProviderError]) -> None:
    error = decoded(status, message)
    assert type(error) is kind
    assert error.status == status


def test_its_words_are_told_and_the_wait_is_kept() -> None:
    error = decoded(429, "slow down", retry_after="3")
    assert error.message == "slow down"
    assert error.retry_after_s == 3


def test_what_it_says_of_our_key_is_for_the_log_alone() -> None:
    error = decoded(401, "invalid api token of acme")
    assert "acme" not in error.message
    assert error.detail == "invalid api token of acme"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"message":{"a":1}}'])
def test_a_body_without_words_still_has_its_status(body: bytes) -> None:
    error = decode_error(ErrorReply(502, {}, body))
    assert type(error) is UpstreamFailed
    assert "502" in error.message
