"""What Bedrock says went wrong, as ours."""

import json

import pytest

from modelmux.adapters.converse.errors import decode_error, is_expired
from modelmux.adapters.transport.languages import ErrorReply
from modelmux.domain.errors import (
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


def reply(status: int, kind: str = "", message: str = "words", **headers: str) -> ErrorReply:
    named = {"x-amzn-errortype": f"{kind}Exception:http://internal/"} if kind else {}
    body = json.dumps({"message": message}).encode()
    return ErrorReply(status, named | {k.replace("_", "-"): v for k, v in headers.items()}, body)


@pytest.mark.parametrize(
    ("status", "kind", "wanted"),
    [
        (403, "AccessDenied", UpstreamAuthFailed),
        (404, "ResourceNotFound", UpstreamModelNotFound),
        (429, "Throttling", UpstreamRateLimited),
        (429, "ModelNotReady", UpstreamOverloaded),
        (408, "ModelTimeout", UpstreamTimeout),
        (424, "ModelError", UpstreamFailed),
        (400, "Validation", UpstreamRejected),
        (400, "ServiceQuotaExceeded", QuotaExhausted),
        (500, "InternalServer", UpstreamFailed),
        (503, "ServiceUnavailable", UpstreamOverloaded),
        (403, "ExpiredToken", UpstreamAuthFailed),
        (403, "UnrecognizedClient", UpstreamAuthFailed),
        (400, "IncompleteSignature", UpstreamAuthFailed),
        (401, "", UpstreamAuthFailed),
        (418, "", UpstreamRejected),
        (502, "", UpstreamFailed),
        (302, "", ProviderProtocolBroken),
    ],
)
def test_an_error_is_known_by_its_name_or_status(
    status: int, kind: str, wanted: type[ProviderError]
) -> None:
    error = decode_error(reply(status, kind))
    assert type(error) is wanted
    assert error.status == status
    if kind:
        assert error.upstream_type == f"{kind}Exception"


@pytest.mark.parametrize(
    "body",
    [
        {"__type": "com.amazon.coral.service#ThrottlingException", "Message": "slow"},
        {"__type": "ThrottlingException", "message": "slow"},
        {"code": "ThrottlingException", "message": "slow"},
    ],
)
def test_older_spellings_are_read(body: dict[str, str]) -> None:
    error = decode_error(ErrorReply(400, {}, json.dumps(body).encode()))
    assert (type(error), error.message) == (UpstreamRateLimited, "slow")


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"message":5}', b"[]"])
def test_a_body_that_says_nothing_is_told_by_its_status(body: bytes) -> None:
    error = decode_error(ErrorReply(400, {}, body))
    assert error.message == "The upstream answered with status 400."


@pytest.mark.parametrize(
    "said",
    [
        "Input is too long for requested model.",
        "The model returned the following errors: prompt is too long: 9 tokens > 8 maximum",
        "Too many input tokens. Max input tokens: 8, request input token count: 9",
        "This model's maximum context length is 8 tokens.",
    ],
)
def test_too_long_a_conversation_is_known_by_its_words(said: str) -> None:
    assert type(decode_error(reply(400, "Validation", said))) is ContextTooLong


def test_a_model_that_wants_a_profile_is_explained() -> None:
    said = "Invocation of model ID x with on-demand throughput isn\u2019t supported."
    error = decode_error(reply(400, "Validation", said))
    assert type(error) is UpstreamModelNotFound
    assert "inference profile" in error.message


def test_expired_keys_are_told_to_whoever_runs_the_gateway() -> None:
    said = "The security token included in the request is expired"
    for one in (reply(403, "ExpiredToken", said), reply(403, "", said)):
        assert is_expired(one)
        error = decode_error(one)
        assert "expired" in error.message
        assert "sign in to AWS" in error.message
    assert not is_expired(reply(403, "AccessDenied"))


def test_a_model_that_was_not_granted_is_told_from_wrong_keys() -> None:
    said = "You don't have access to the model with the specified model ID."
    error = decode_error(reply(403, "AccessDenied", said))
    assert type(error) is UpstreamAuthFailed
    assert "has to be granted" in error.message
    assert "granted" not in decode_error(reply(403, "AccessDenied", "no")).message


def test_who_we_are_there_is_for_the_log() -> None:
    said = "User: arn:aws:iam::123456789012:user/x is not authorized to perform bedrock:InvokeModel"
    error = decode_error(reply(403, "AccessDenied", said))
    assert "arn" not in error.message
    assert "arn" in (error.detail or "")


def test_the_time_to_wait_is_kept() -> None:
    assert decode_error(reply(429, "Throttling", retry_after="3")).retry_after_s == 3.0
