"""Errors in Anthropic's words."""

import json

import pytest

from modelmux.application.spelling import spelled
from modelmux.domain.dialect import Dialect
from modelmux.domain.errors import (
    BodyTooLarge,
    Forbidden,
    InvalidKey,
    InvalidRequest,
    MethodNotAllowed,
    ModelmuxError,
    ModelNotFound,
    QuotaExhausted,
    ShuttingDown,
    StoreError,
    StreamCut,
    TooManyWaiting,
    UnsupportedFeature,
    UpstreamAuthFailed,
    UpstreamOverloaded,
    UpstreamRateLimited,
    UpstreamTimeout,
)
from modelmux.entrypoints.errors import UNEXPECTED, Refusal, describe
from modelmux.entrypoints.members import misfit, missing
from modelmux.entrypoints.messages.style import ANTHROPIC, encode_refusal
from modelmux.entrypoints.wire_style import OPENAI


def told(refusal: Refusal) -> dict[str, object]:
    body = json.loads(encode_refusal(refusal, "req_1"))
    assert body["type"] == "error"
    assert body["request_id"] == "req_1"
    error: dict[str, object] = body["error"]
    return error


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (InvalidRequest("x"), 400, "invalid_request_error"),
        (UnsupportedFeature("x"), 400, "invalid_request_error"),
        (InvalidKey("x"), 401, "authentication_error"),
        (Forbidden("x"), 403, "permission_error"),
        (ModelNotFound("x"), 404, "not_found_error"),
        (MethodNotAllowed("x", allowed=("POST",)), 405, "invalid_request_error"),
        (BodyTooLarge("x"), 413, "request_too_large"),
        (UpstreamRateLimited("x"), 429, "rate_limit_error"),
        (QuotaExhausted("x"), 402, "billing_error"),
        (UpstreamAuthFailed("x"), 502, "api_error"),
        (StreamCut("x"), 502, "api_error"),
        (TooManyWaiting("x"), 529, "overloaded_error"),
        (UpstreamOverloaded("x"), 529, "overloaded_error"),
        (ShuttingDown("x"), 503, "overloaded_error"),
        (StoreError("x"), 503, "api_error"),
        (UpstreamTimeout("x", phase="idle"), 504, "timeout_error"),
    ],
)
def test_each_status_has_its_type(error: ModelmuxError, status: int, kind: str) -> None:
    refusal = describe(error)
    assert ANTHROPIC.status_of(refusal) == status
    assert told(refusal)["type"] == kind


def test_others_are_told_the_usual_status() -> None:
    assert OPENAI.status_of(describe(UpstreamOverloaded("x"))) == 503


def test_what_nobody_expected_is_an_api_error() -> None:
    assert told(UNEXPECTED)["type"] == "api_error"


def test_the_fine_word_is_among_the_details() -> None:
    assert told(describe(ModelNotFound("x")))["details"] == {"error_code": "model_not_found"}
    assert "details" not in told(Refusal(400, "t", None, "m"))


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (missing("max_tokens"), "max_tokens: Field required"),
        (missing("messages[0].content"), "messages.0.content: Field required"),
        (
            misfit("Expected `str`, got `int` - at `$.text`", "messages[0].content[1]"),
            "messages.0.content.1.text: Expected str, got int.",
        ),
        (InvalidRequest("'messages' is empty.", param="messages"), "messages: is empty."),
        (InvalidRequest("tools: no", param="tools"), "tools: no"),
        (InvalidRequest("no", param="tools[0].name"), "tools.0.name: no"),
        (InvalidRequest("no"), "no"),
    ],
)
def test_messages_begin_with_the_path(error: InvalidRequest, message: str) -> None:
    assert told(describe(error))["message"] == message


@pytest.mark.parametrize(
    ("said", "there"),
    [
        ("stop", "stop_sequences"),
        ("max_completion_tokens", "max_tokens"),
        ("response_format", "output_config.format"),
        ("response_format.json_schema.schema", "output_config.format.schema"),
        ("reasoning_effort", "output_config.effort"),
        ("user", "metadata.user_id"),
        ("parallel_tool_calls", "tool_choice.disable_parallel_tool_use"),
        ("tools[3].function.parameters", "tools.3.input_schema"),
        ("tools[3].function.parameters.properties", "tools.3.input_schema.properties"),
        ("tools[3].custom", "tools.3"),
        ("messages[0].content[2]", "messages.0.content.2"),
        ("temperature", "temperature"),
        ("n", "n"),
    ],
)
def test_members_have_the_names_of_the_dialect(said: str, there: str) -> None:
    assert spelled(said, Dialect.MESSAGES) == there
    assert spelled(there, Dialect.MESSAGES) == there


def test_only_anthropics_clients_are_looked_for_in_the_named_header_first() -> None:
    assert ANTHROPIC.named_key_first
    assert not OPENAI.named_key_first
