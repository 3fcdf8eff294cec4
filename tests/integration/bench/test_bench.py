"""The bench measures what it says: small jobs through the real gateway, and the table's words."""

from pathlib import Path

import pytest

from bench.figures import Figure
from bench.gateway import drive, gateway, stub
from bench.load import Job
from bench.payloads import (
    CLAUDE,
    GATEWAY_KEY,
    MODEL,
    chat_answer,
    claude_answer,
    long_request,
    short_request,
)
from bench.processes import BenchFailed
from bench.report import table

CHAT = "/v1/chat/completions"


def test_the_bodies_have_the_sizes_that_the_budget_names() -> None:
    assert len(short_request(MODEL)) == len(short_request(CLAUDE)) == 238
    assert len(chat_answer()) == len(claude_answer()) == 620
    assert 108_000 < len(long_request(MODEL)) < 112_000


def test_both_lanes_are_driven_whole_and_streamed(tmp_path: Path) -> None:
    with stub() as upstream, gateway(upstream, tmp_path) as running:
        upstream.set_pace(chunks=100, interval_ms=50)
        for model in (MODEL, CLAUDE):
            body = short_request(model).decode()
            whole = drive(
                Job("closed", running.port, CHAT, body, GATEWAY_KEY, running.pid, 4, 5, requests=40)
            )
            assert whole.requests == 40
            body = short_request(model, stream=True).decode()
            streamed = drive(
                Job("streams", running.port, CHAT, body, GATEWAY_KEY, running.pid, 3, 1)
            )
            assert streamed.streams == 3
            # Three streams of twenty chunks a second; a busy machine delivers fewer, never more.
            assert 15 < streamed.chunks / streamed.wall_s < 75


def test_a_wrong_answer_is_no_figure(tmp_path: Path) -> None:
    with stub() as upstream, gateway(upstream, tmp_path) as running:
        body = short_request("no-such-model").decode()
        job = Job("closed", running.port, CHAT, body, GATEWAY_KEY, running.pid, 1, 2, requests=5)
        with pytest.raises(BenchFailed, match="status 404"):
            drive(job)


def test_the_table_says_what_is_within_the_budget() -> None:
    rows = table(
        [
            Figure("within", "µs", 100, (80, 90, 120)),
            Figure("at its best", "µs", 100, (90, 110, 120)),
            Figure("beyond", "µs", 100, (110, 120, 130)),
            Figure("yardstick", "µs", None, (40,)),
        ]
    ).splitlines()
    verdicts = [row.split("|")[-2].strip() for row in rows[2:]]
    assert verdicts == ["yes", "best run only", "**no**", "-"]
