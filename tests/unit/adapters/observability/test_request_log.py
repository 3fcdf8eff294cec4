import json
from collections.abc import Mapping
from typing import Any

import pytest

from modelmux.adapters.memory.clock import ManualClock
from modelmux.adapters.memory.observer import RecordingObserver
from modelmux.adapters.observability.observer_group import ObserverGroup
from modelmux.adapters.observability.request_log import RequestLog
from modelmux.application.ports import Exchange, Observer
from modelmux.domain.errors import UpstreamRateLimited
from modelmux.domain.redaction import redact
from tests.contracts.observer import ObserverContract, finished, refused, request


def lines_of(written: list[bytes]) -> list[Mapping[str, Any]]:
    return [json.loads(line) for line in written]


NOW = ManualClock().now


class TestRequestLogAsJson(ObserverContract):
    @pytest.fixture
    def observer(self) -> Observer:
        written: list[bytes] = []

        def check(line: bytes) -> None:
            assert line.endswith(b"\n")
            assert line.count(b"\n") == 1
            json.loads(line)
            written.append(line)

        return RequestLog(check, redact, NOW)


class TestRequestLogForPeople(ObserverContract):
    @pytest.fixture
    def observer(self) -> Observer:
        def check(line: bytes) -> None:
            assert line.endswith(b"\n")
            assert line.count(b"\n") == 1

        return RequestLog(check, redact, NOW, pretty=True)


class TestObserverGroup(ObserverContract):
    @pytest.fixture
    def observer(self) -> Observer:
        return ObserverGroup([RecordingObserver(), RecordingObserver()])

    def test_tells_everybody(self) -> None:
        both = [RecordingObserver(), RecordingObserver()]
        group = ObserverGroup(both)
        group.exchange_started()
        group.attempt_settled(request(), 1.0, None)
        group.exchange_settled(finished())
        for one in both:
            assert (len(one.attempts), len(one.exchanges), one.in_flight) == (1, 1, 0)


def test_a_line_tells_what_happened() -> None:
    written: list[bytes] = []
    RequestLog(written.append, redact, lambda: 1_800_000_000.25).exchange_settled(finished())
    assert lines_of(written) == [
        {
            "ts": "2027-01-15T08:00:00.250Z",
            "level": "info",
            "event": "request",
            "request_id": "req_1",
            "method": "POST",
            "path": "/v1/chat/completions",
            "status": 200,
            "duration_ms": 1250.0,
            "first_byte_ms": 300.0,
            "tenant": "acme",
            "key_id": "key1",
            "model": "sonnet",
            "provider": "vertex",
            "upstream_model": "claude-test",
            "attempts": 2,
            "stream": True,
            "input_tokens": 100,
            "output_tokens": 20,
            "cached_tokens": 60,
            "adjusted": ["temperature=dropped"],
            "outcome": "finished",
        }
    ]


def test_a_line_tells_the_cost_where_it_is_known_even_if_it_is_nothing() -> None:
    written: list[bytes] = []
    for cost in (0.0125, 0.0):
        exchange = finished()
        exchange.journal.cost = cost
        RequestLog(written.append, redact, lambda: 0.0).exchange_settled(exchange)
        RequestLog(written.append, redact, lambda: 0.0, pretty=True).exchange_settled(exchange)
    assert lines_of(written[::2])[0]["cost_usd"] == 0.0125
    assert lines_of(written[::2])[1]["cost_usd"] == 0.0
    assert b"cost=$0.012500" in written[1]


def test_what_is_not_known_is_left_out() -> None:
    written: list[bytes] = []
    RequestLog(written.append, redact, lambda: 0.0).exchange_settled(refused())
    assert lines_of(written)[0] == {
        "ts": "1970-01-01T00:00:00.000Z",
        "level": "warning",
        "event": "request",
        "request_id": "req_2",
        "method": "POST",
        "path": "/v1/chat/completions",
        "status": 401,
        "duration_ms": 0.2,
        "error": "invalid_api_key",
    }


def test_the_level_follows_what_happened() -> None:
    def level_of(exchange: Exchange) -> str:
        written: list[bytes] = []
        RequestLog(written.append, redact, NOW, level="debug").exchange_settled(exchange)
        return str(lines_of(written)[0]["level"])

    failed, cut, health, sick = finished(), finished(), finished(), finished()
    failed.status = 502
    cut.journal.outcome = "cut"
    health.path, sick.path, sick.status = "/health", "/health", 503
    levels = [level_of(one) for one in (finished(), refused(), failed, cut, health, sick)]
    assert levels == ["info", "warning", "error", "error", "debug", "error"]


def test_lines_below_the_level_are_not_written() -> None:
    written: list[bytes] = []
    log = RequestLog(written.append, redact, NOW, level="error")
    log.exchange_settled(finished())
    log.attempt_settled(request(), 0.1, UpstreamRateLimited("slow down"))
    assert written == []


def test_details_are_redacted() -> None:
    written: list[bytes] = []
    log = RequestLog(written.append, redact, NOW)
    exchange = refused()
    exchange.error_detail = "upstream said: bad key sk-notsecretnotsecret"
    log.exchange_settled(exchange)
    log.attempt_settled(request(), 0.1, UpstreamRateLimited("x", detail=exchange.error_detail))
    assert all(b"notsecret" not in line and b"sk-[redacted]" in line for line in written)
    assert len(written) == 2


def test_a_failed_attempt_is_told_though_the_request_may_succeed() -> None:
    written: list[bytes] = []
    log = RequestLog(written.append, redact, lambda: 0.0)
    log.attempt_settled(request(), 0.1, None)
    log.attempt_settled(request(), 0.1, UpstreamRateLimited("slow down", status=429))
    assert lines_of(written) == [
        {
            "ts": "1970-01-01T00:00:00.000Z",
            "level": "warning",
            "event": "attempt_failed",
            "provider": "vertex",
            "upstream_model": "claude-test",
            "attempt": 1,
            "duration_ms": 100.0,
            "error": "UpstreamRateLimited",
            "upstream_status": 429,
            "error_detail": "slow down",
        }
    ]


def test_why_a_target_was_taken_stands_in_the_line_where_it_was_noted() -> None:
    exchange = finished()
    assert "choice" not in told_of(exchange)
    exchange.journal.choice = ("route r, weighted", "1. a/m: drawn by its weight, 3")
    assert told_of(exchange)["choice"] == list(exchange.journal.choice)
    written: list[bytes] = []
    RequestLog(written.append, redact, NOW, pretty=True).exchange_settled(exchange)
    assert b"[route r, weighted; 1. a/m: drawn by its weight, 3]" in written[0]


def told_of(exchange: Exchange) -> Mapping[str, Any]:
    written: list[bytes] = []
    RequestLog(written.append, redact, NOW).exchange_settled(exchange)
    return lines_of(written)[0]


def test_the_pretty_form_shows_the_facts_and_steers_no_terminal() -> None:
    written: list[bytes] = []
    exchange = finished()
    exchange.error, exchange.error_detail = "stream_cut", "\x1b]0;owned\x07\nnext"
    RequestLog(written.append, redact, NOW, pretty=True).exchange_settled(exchange)
    text = written[0].decode()
    for fact in ("200", "sonnet", "-> vertex/claude-test", "tokens=100+20", "1.2s", "stream_cut"):
        assert fact in text
    assert "\x1b]" not in text
    assert "\x07" not in text
    assert text.count("\n") == 1


@pytest.mark.parametrize("pretty", [False, True])
def test_a_name_that_nothing_stands_behind_is_told_harmlessly(pretty: bool) -> None:
    written: list[bytes] = []
    asked = "nosuch\n\x1b[31m sk-live-abcdefghijklmnopqrstuvwx" + "x" * 1000
    exchange = refused()
    exchange.model, exchange.asked = "", asked
    RequestLog(written.append, redact, NOW, pretty=pretty).exchange_settled(exchange)
    (line,) = written
    assert b"nosuch" in line
    assert b"abcdefghijklmnop" not in line
    assert b"\x1b[31m sk" not in line
    assert line.count(b"\n") == 1
    assert len(line) < 800
