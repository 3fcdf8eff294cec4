"""`traceparent`: read as strictly as the standard has it, and written so."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from modelmux.domain.trace import TraceParent, parse_traceparent

GOOD = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TRACE, SPAN = GOOD[3:35], GOOD[36:52]


def test_a_good_one_is_read() -> None:
    parent = parse_traceparent(GOOD)
    assert parent == TraceParent(int(TRACE, 16), int(SPAN, 16), True)
    assert str(parent) == GOOD


@pytest.mark.parametrize(
    ("text", "sampled"),
    [
        (f"00-{TRACE}-{SPAN}-00", False),
        (f"00-{TRACE}-{SPAN}-02", False),
        (f"00-{TRACE}-{SPAN}-ff", True),
        (f"01-{TRACE}-{SPAN}-01", True),
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be", True),
    ],
)
def test_flags_and_later_versions_are_read(text: str, sampled: bool) -> None:
    parent = parse_traceparent(text)
    assert parent is not None
    assert parent.sampled is sampled


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        GOOD.upper(),
        f" {GOOD}",
        f"{GOOD}\n",
        f"{GOOD}-more",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[1:]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}",
        f"01-{TRACE}-{SPAN}-01.more",
        f"01-{TRACE}-{SPAN}-01-{'x' * 300}",
        f"{GOOD},{GOOD}",
        f"00-{TRACE}-{SPAN}-\u0660\u0661",
    ],
)
def test_a_malformed_one_counts_as_none(text: str) -> None:
    assert parse_traceparent(text) is None


@given(some.text())
def test_whatever_is_sent_nothing_of_it_comes_back_but_two_numbers(text: str) -> None:
    parent = parse_traceparent(text)
    assert parent is None or len(str(parent)) == len(GOOD)


@given(some.integers(1, 2**128 - 1), some.integers(1, 2**64 - 1), some.booleans())
def test_what_is_written_is_read(trace_id: int, span_id: int, sampled: bool) -> None:
    parent = TraceParent(trace_id, span_id, sampled)
    assert parse_traceparent(str(parent)) == parent
