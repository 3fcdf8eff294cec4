"""What upstreams can do to the gateway, its memory and its other callers."""

import json
from pathlib import Path

import pytest

from tests.support.hostile import CLAUDE, GEMINI, LANES, RELAYED, House, error_of, others_asking
from tests.support.hostile_upstream import SECRET

needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
both_ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
every_lane = pytest.mark.parametrize("model", LANES)


@every_lane
@pytest.mark.parametrize("kind", ["newlines", "schemes"])
def test_an_error_of_odd_words_holds_up_nobody(house: House, model: str, kind: str) -> None:
    with others_asking(house) as others:
        answer = house.ask(model, f"@@{kind}@@")
    assert answer.status_code == 400
    assert others.slowest_s < 0.25


@every_lane
@both_ways
def test_an_upstreams_words_give_away_nothing_of_the_inside(
    house: House, model: str, stream: bool
) -> None:
    answer = house.ask(model, "@@leak@@", stream=stream)
    assert answer.status_code == 400
    message = error_of(answer)["message"]
    assert message.startswith("failed at [upstream] on [upstream]")
    for secret in (
        (SECRET, "abcdefghijkl", "10.1.2.3", "Traceback", "/srv/app")
        if (model == RELAYED)
        else ("abcdefghijkl", "10.1.2.3", "Traceback", "/srv/app")
    ):
        assert secret not in message


@every_lane
@both_ways
@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("deep", 502, "upstream_protocol_broken"),
        ("redirect", 502, "upstream_protocol_broken"),
        ("endless-wait", 429, "rate_limit_exceeded"),
        ("html", 502, "upstream_protocol_broken"),
        ("head-alone", 502, "upstream_unreachable"),
    ],
)
def test_what_is_no_answer_is_told_in_openais_shape(
    house: House, model: str, stream: bool, kind: str, status: int, code: str
) -> None:
    answer = house.ask(model, f"@@{kind}@@", stream=stream)
    assert (answer.status_code, error_of(answer)["code"]) == (status, code)
    assert "retry-after" not in answer.headers


@every_lane
def test_a_whole_answer_where_a_stream_was_asked_becomes_a_stream(house: House, model: str) -> None:
    answer = house.ask(model, "@@whole@@ MARK-1", stream=True)
    frames = [line[6:] for line in answer.text.splitlines() if line.startswith("data: ")]
    assert frames.pop() == "[DONE]"
    chunks = [json.loads(frame) for frame in frames]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    assert "".join(delta.get("content") or "" for delta in deltas) == "MARK-1"
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


@needs_proc
def test_answers_over_the_limit_leave_no_memory_behind(house: House) -> None:
    for model in LANES:
        house.ask(model, "@@large@@")
    before_kb = house.resident_kb()
    for _ in range(3):
        for model in (RELAYED, CLAUDE, GEMINI):
            assert house.ask(model, "@@large@@").status_code == 502
    # Each is 64 MB; one that were kept would show.
    assert house.resident_kb() - before_kb < 48 * 1024
