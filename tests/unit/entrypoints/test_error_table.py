"""Every error of the tree, as a caller is told it."""

import inspect
import json

import pytest

from modelmux.domain import errors as tree
from modelmux.domain.errors import (
    Conflict,
    InvalidRequest,
    MethodNotAllowed,
    ModelmuxError,
    ModelNotFound,
    OverloadError,
    ProviderError,
    QuotaExhausted,
    StreamCut,
    UpstreamAuthFailed,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
)
from modelmux.entrypoints.errors import describe, encode_refusal

ALL = [
    kind for _, kind in inspect.getmembers(tree, inspect.isclass) if issubclass(kind, ModelmuxError)
]
STATUS = {
    "BodyTooLarge": 413, "BodyTooSlow": 408, "WrongMediaType": 415, "ModelNotFound": 404,
    "NotFound": 404, "Conflict": 409, "MethodNotAllowed": 405, "MissingKey": 401, "InvalidKey": 401,
    "AuthenticationError": 401, "Forbidden": 403, "UpstreamTimeout": 504,
    "UpstreamRateLimited": 429, "QuotaExhausted": 429, "UpstreamModelNotFound": 404,
    "RequestError": 400, "InvalidRequest": 400, "UnsupportedFeature": 400,
    "UpstreamRejected": 400, "ContextTooLong": 400, "ContentBlocked": 400,
    "TooManyWaiting": 503, "RateLimited": 429, "Overloaded": 503,
    "TargetResting": 503, "ShuttingDown": 503, "OverloadError": 503, "StoreError": 503,
    "UpstreamOverloaded": 503, "ModelmuxError": 500, "ConfigurationError": 500,
}  # fmt: skip


def make(kind: type[ModelmuxError]) -> ModelmuxError:
    if kind is MethodNotAllowed:
        return MethodNotAllowed("no", allowed=("GET", "HEAD"))
    if kind is UpstreamTimeout:
        return UpstreamTimeout("late", phase="idle")
    if kind is Conflict:
        return Conflict("somebody writes", reason="conversation_locked")
    return kind("what happened")


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_error_has_a_status_and_a_body_of_openais_shape(kind: type[ModelmuxError]) -> None:
    refusal = describe(make(kind))
    assert refusal.status == STATUS.get(kind.__name__, 502)
    body = json.loads(encode_refusal(refusal, "req_1"))
    assert set(body) == {"error"}
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert body["error"]["message"].endswith("(request id: req_1)")
    assert body["error"]["code"] or kind.__name__ == "RequestError"


def test_clients_may_try_again_where_somebody_else_writes_now() -> None:
    refusal = describe(Conflict("somebody writes", reason="conversation_locked"))
    assert (refusal.type, refusal.code) == ("conflict", "conversation_locked")
    assert (b"x-should-retry", b"false") not in refusal.headers


def test_a_request_error_keeps_its_param_and_fine_word() -> None:
    refusal = describe(InvalidRequest("bad", param="messages[0]", reason="invalid_type"))
    assert (refusal.param, refusal.code) == ("messages[0]", "invalid_type")
    assert describe(ModelNotFound("gpt-9")).code == "model_not_found"


def test_an_upstreams_refusal_keeps_its_words() -> None:
    error = UpstreamRejected("too odd", status=422, upstream_code="odd", param="tools")
    refusal = describe(error)
    assert (refusal.status, refusal.code, refusal.param) == (422, "odd", "tools")
    assert refusal.message == "too odd"
    assert describe(UpstreamRejected("teapot", status=418)).status == 400
    assert describe(UpstreamRejected("clash", status=409)).status == 400


def test_an_upstream_that_refuses_us_is_not_the_callers_fault() -> None:
    refusal = describe(UpstreamAuthFailed("it does not take our key", status=401))
    assert (refusal.status, refusal.code) == (502, "upstream_auth_failed")
    assert (b"x-should-retry", b"false") in refusal.headers


@pytest.mark.parametrize(
    ("error", "retry"),
    [
        (UpstreamRateLimited("slow", retry_after_s=1.5), True),
        (OverloadError("full", retry_after_s=1.5), True),
        (QuotaExhausted("no money", retry_after_s=1.5), False),
    ],
)
def test_a_told_delay_survives(error: ModelmuxError, retry: bool) -> None:
    headers = dict(describe(error).headers)
    assert headers[b"retry-after"] == b"2"
    assert headers[b"retry-after-ms"] == b"1500"
    assert (headers.get(b"x-should-retry") != b"false") == retry


def test_a_cut_answer_may_be_asked_for_anew() -> None:
    assert b"x-should-retry" not in dict(describe(StreamCut("cut")).headers)


def test_a_configuration_error_tells_callers_nothing_of_the_installation() -> None:
    told = describe(tree.ConfigurationError("the file secrets.toml is broken")).message
    assert "secrets.toml" not in told


def test_a_message_of_any_length_is_told_bounded() -> None:
    assert len(describe(ProviderError("x" * 100_000)).message) == 8000
