"""Ollama's errors."""

import json

import msgspec
import pytest

from modelmux.adapters.ollama_native.errors import decode_error, decode_error_line
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

# What a newer server answers to a prompt that does not fit: the runner's own words, in a text.
NESTED = json.dumps(
    {
        "error": json.dumps(
            {
                "error": {
                    "code": 400,
                    "message": "request (8889 tokens) exceeds the available context size (4096 "
                    "tokens), try increasing it",
                    "type": "exceed_context_size_error",
                }
            }
        )
    }
).encode()


def decoded(status: int, message: str = "words") -> ProviderError:
    return decode_error(ErrorReply(status, {}, json.dumps({"error": message}).encode()))


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (301, "words", ProviderProtocolBroken),
        (400, '"llama3.2" does not support thinking', UpstreamRejected),
        (400, "the input length exceeds the context length", ContextTooLong),
        (400, "the prompt is longer than the context length currently available", ContextTooLong),
        (401, "unauthorized", UpstreamAuthFailed),
        (402, "words", QuotaExhausted),
        (403, "words", UpstreamAuthFailed),
        (404, "model 'x' not found", UpstreamModelNotFound),
        (429, "words", UpstreamRateLimited),
        (500, "words", UpstreamFailed),
        (500, "input length exceeds maximum context length", ContextTooLong),
        (503, "server busy, please try again", UpstreamOverloaded),
        (504, "words", UpstreamTimeout),
    ],
)
def test_each_status_has_its_error(status: int, message: str, kind: type[ProviderError]) -> None:
    error = decoded(status, message)
    assert type(error) is kind
    assert error.status == status


def test_the_words_of_the_runner_are_found() -> None:
    error = decode_error(ErrorReply(400, {}, NESTED))
    assert type(error) is ContextTooLong
    assert error.message.startswith("request (8889 tokens)")


def test_an_error_in_a_stream_is_a_failure_of_the_model() -> None:
    error = decode_error_line(msgspec.Raw(b'"model runner has unexpectedly stopped"'))
    assert type(error) is UpstreamFailed
    assert error.message == "model runner has unexpectedly stopped"


@pytest.mark.parametrize("body", [b"", b"404 page not found", b"[]", b'{"error":7}'])
def test_a_body_without_words_still_has_its_status(body: bytes) -> None:
    error = decode_error(ErrorReply(502, {}, body))
    assert type(error) is UpstreamFailed
    assert "502" in error.message


def test_words_within_words_come_to_an_end() -> None:
    text = "deep"
    for _ in range(6):
        text = json.dumps({"error": text})
    assert type(decode_error(ErrorReply(500, {}, text.encode()))) is UpstreamFailed
