import json

import pytest

from modelmux.adapters.openai_errors.decode import decode_error, says_context_too_long
from modelmux.adapters.transport.languages import ErrorReply
from modelmux.adapters.transport.upstream_words import presentable
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

KEY = "test-key-not-secret"


def error_of(
    status: int,
    body: object = None,
    headers: dict[str, str] | None = None,
    hidden: tuple[str, ...] = (),
) -> ProviderError:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return decode_error(ErrorReply(status, headers or {}, raw), hidden=hidden)


def openai(message: str, code: object = None, kind: str = "t", param: object = None) -> object:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


@pytest.mark.parametrize(
    ("status", "body", "leaf"),
    [
        (400, openai("bad", "invalid_value"), UpstreamRejected),
        (400, openai("long", "context_length_exceeded"), ContextTooLong),
        (400, openai("blocked", "content_filter"), ContentBlocked),
        (400, openai("no", "model_not_found"), UpstreamModelNotFound),
        (401, openai("key", "invalid_api_key"), UpstreamAuthFailed),
        (402, openai("Insufficient Balance"), QuotaExhausted),
        (403, openai("region"), UpstreamAuthFailed),
        (403, openai("no money", "insufficient_quota"), QuotaExhausted),
        (404, openai("no", "model_not_found"), UpstreamModelNotFound),
        (404, openai("no", "DeploymentNotFound"), UpstreamModelNotFound),
        (404, openai("The model `x` does not exist.", 404), UpstreamModelNotFound),
        (404, {"error": 'model "x" not found, try pulling it first'}, UpstreamModelNotFound),
        (404, {"detail": "Not Found"}, UpstreamRejected),
        (408, b"", UpstreamTimeout),
        (409, openai("busy", "conversation_locked"), UpstreamOverloaded),
        (413, openai("large"), UpstreamRejected),
        (422, {"detail": [{"loc": ["body", "seed"], "msg": "extra"}]}, UpstreamRejected),
        (429, openai("slow down", "rate_limit_exceeded"), UpstreamRateLimited),
        (429, openai("money", "insufficient_quota", "insufficient_quota"), QuotaExhausted),
        (429, openai("money", "credit_balance_exhausted"), QuotaExhausted),
        (429, openai("pace", "slow_down", "insufficient_quota"), UpstreamRateLimited),
        (429, b"", UpstreamRateLimited),
        (500, openai("oops"), UpstreamFailed),
        (502, b"<html><title>Bad Gateway</title></html>", UpstreamFailed),
        (503, openai("busy", "server_is_overloaded"), UpstreamOverloaded),
        (504, b"", UpstreamTimeout),
        (529, b"", UpstreamOverloaded),
        (200, openai("later", 429), UpstreamRateLimited),
        (200, openai("later", "rate_limit_exceeded"), UpstreamRateLimited),
        (200, openai("long", "context_length_exceeded"), ContextTooLong),
        (200, openai("money", "insufficient_quota"), QuotaExhausted),
        (200, openai("no", "model_not_found"), UpstreamModelNotFound),
        (200, openai("bad", None, "invalid_request_error"), UpstreamRejected),
        (200, {"error": "something"}, UpstreamFailed),
        (301, b"", ProviderProtocolBroken),
    ],
)
def test_status_and_code_decide_the_leaf(
    status: int, body: object, leaf: type[ProviderError]
) -> None:
    assert type(error_of(status, body)) is leaf


def test_the_words_of_openai_are_kept() -> None:
    error = error_of(
        400,
        openai("Invalid 'messages[0]'.", "invalid_value", "invalid_request_error", "messages[0]"),
        {"x-request-id": "req_1", "cf-ray": "ray_1"},
    )
    assert error.message == "Invalid 'messages[0]'."
    assert (error.upstream_code, error.upstream_type) == ("invalid_value", "invalid_request_error")
    assert (error.param, error.status) == ("messages[0]", 400)
    assert error.detail == "status 400, x-request-id req_1, cf-ray ray_1: Invalid 'messages[0]'."


@pytest.mark.parametrize(
    ("body", "message", "param"),
    [
        (
            {"object": "error", "message": "flat", "type": "T", "param": "n", "code": 400},
            "flat",
            "n",
        ),
        (
            {"detail": [{"loc": ["body", "messages", 0, "role"], "msg": "wrong", "type": "v"}]},
            "messages[0].role: wrong",
            "messages[0].role",
        ),
        ({"detail": "Not allowed"}, "Not allowed", None),
        (
            {"message": {"detail": [{"loc": ["body", "seed"], "msg": "Extra input"}]}},
            "seed: Extra input",
            "seed",
        ),
        ({"message": "Unauthorized", "request_id": "1"}, "Unauthorized", None),
        (
            {"statusCode": 429, "message": "Rate limit is exceeded."},
            "Rate limit is exceeded.",
            None,
        ),
        ({"error": "plain words"}, "plain words", None),
        ([{"error": {"message": "in a list"}}], "in a list", None),
        ({"error": {"message": "odd", "code": {"a": 1}, "param": 7}}, "odd", None),
        (b"upstream connect error", "upstream connect error", None),
        (b"<html><head><title>502 Bad</title></head></html>", "a web page: 502 Bad", None),
        (b"<html>", "a web page", None),
        (b"", "The upstream answered with status 400 and no explanation.", None),
        (b'{"error":{"message":', '{"error":{"message":', None),
        (b"\xff\xfe", "\ufffd\ufffd", None),
    ],
)
def test_every_envelope_is_opened(body: object, message: str, param: str | None) -> None:
    error = error_of(400, body)
    assert error.message == message
    assert error.param == param


def test_the_api_management_layer_of_azure_tells_its_status_in_the_body() -> None:
    assert type(error_of(200, {"statusCode": 429, "message": "slow"})) is UpstreamRateLimited


def test_a_blocked_prompt_at_azure_is_told_by_its_inner_code() -> None:
    body = {
        "error": {
            "message": "The response was filtered",
            "type": None,
            "param": "prompt",
            "code": None,
            "status": 400,
            "innererror": {
                "code": "ResponsibleAIPolicyViolation",
                "content_filter_result": {"hate": {"filtered": True}},
            },
        }
    }
    error = error_of(400, body)
    assert type(error) is ContentBlocked
    assert error.param == "prompt"


def test_what_is_said_about_our_key_is_for_the_log() -> None:
    error = error_of(401, openai(f"Incorrect API key provided: {KEY}"), hidden=(KEY,))
    assert error.message == "The upstream does not take the gateway's credentials."
    assert error.detail == "status 401: Incorrect API key provided: [hidden]"


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        (
            {
                "retry-after": "Fri, 20 Nov 2026 12:00:30 GMT",
                "date": "Fri, 20 Nov 2026 12:00:00 GMT",
            },
            30.0,
        ),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_the_wish_to_wait_is_kept(headers: dict[str, str], wait_s: float | None) -> None:
    assert error_of(429, openai("slow"), headers).retry_after_s == wait_s


@pytest.mark.parametrize(("word", "told"), [("true", True), ("false", False), ("", None)])
def test_the_word_on_trying_again_is_kept(word: str, told: bool | None) -> None:
    assert error_of(500, openai("oops"), {"x-should-retry": word}).should_retry is told


@pytest.mark.parametrize(
    "message",
    [
        "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens.",
        "However, the model's context length is only 8192 tokens",
        "the request exceeds the available context size. try increasing it",
        "Prompt contains 40000 tokens, too large for model with 32768 maximum context length",
        "The prompt is too long: 140000, model maximum context length: 131071",
        "This model's maximum prompt length is 131072 but the request contains 140000 tokens.",
        "Please reduce the length of the messages or completion.",
        "`inputs` tokens + `max_new_tokens` must be <= 8193",
        "Trying to keep the first 4096 tokens when context the overflows.",
    ],
)
def test_prose_on_too_long_a_prompt_is_understood(message: str) -> None:
    assert says_context_too_long(message)
    assert type(error_of(400, {"object": "error", "message": message, "code": 400})) is (
        ContextTooLong
    )


@pytest.mark.parametrize("message", ["Invalid schema for function", "temperature is too high"])
def test_other_prose_is_not(message: str) -> None:
    assert not says_context_too_long(message)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("key sk-proj-abc123def456 is bad", "key sk-[redacted] is bad"),
        ("Bearer abc.def is bad", "Bearer [redacted] is bad"),
        ("ask http://10.0.0.7:8000/v1/chat now", "ask [upstream] now"),
        ("ask http://vllm:8000/v1", "ask [upstream]"),
        ("ask https://llm.corp.internal/v1", "ask [upstream]"),
        ("ask https://user@my.host.example/x", "ask [upstream]"),
        ("see https://platform.openai.com/docs", "see https://platform.openai.com/docs"),
        ("bad Traceback (most recent call last): File x", "bad"),
        ("a\n\n b", "a b"),
    ],
)
def test_keys_inner_addresses_and_traces_are_taken_out(text: str, shown: str) -> None:
    assert presentable(text, ("my.host.example",)) == shown


def test_a_message_is_bounded() -> None:
    assert len(error_of(400, openai("x" * 100_000)).message) <= 2000
    assert len(error_of(400, b"x" * 60_000).message) <= 2000


def test_a_redirect_names_its_target_in_the_log_only() -> None:
    error = error_of(307, b"", {"location": "http://vllm:8000/v1/chat/completions/"})
    assert "vllm" not in error.message
    assert error.detail == "location: [upstream]"


def test_deep_nesting_does_no_harm() -> None:
    assert type(error_of(400, b'{"error":' * 50_000)) is UpstreamRejected
