"""What is left of limits, as clients of both vendors are told."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmux.domain.quota import Left, Quota
from modelmux.entrypoints.messages.style import ANTHROPIC
from modelmux.entrypoints.wire_style import OPENAI, encode_duration

QUOTA = Quota(Left(60, 59, 1.0), Left(150_000, 149_984, 0.006), 1_795_000_000.25)


def test_openai_is_told_in_durations() -> None:
    assert OPENAI.quota(QUOTA) == [
        (b"x-ratelimit-limit-requests", b"60"),
        (b"x-ratelimit-remaining-requests", b"59"),
        (b"x-ratelimit-reset-requests", b"1s"),
        (b"x-ratelimit-limit-tokens", b"150000"),
        (b"x-ratelimit-remaining-tokens", b"149984"),
        (b"x-ratelimit-reset-tokens", b"6ms"),
    ]


def test_anthropic_is_told_in_times() -> None:
    assert ANTHROPIC.quota(QUOTA) == [
        (b"anthropic-ratelimit-requests-limit", b"60"),
        (b"anthropic-ratelimit-requests-remaining", b"59"),
        (b"anthropic-ratelimit-requests-reset", b"2026-11-18T11:06:42Z"),
        (b"anthropic-ratelimit-tokens-limit", b"150000"),
        (b"anthropic-ratelimit-tokens-remaining", b"149984"),
        (b"anthropic-ratelimit-tokens-reset", b"2026-11-18T11:06:41Z"),
    ]


def test_what_is_not_limited_is_not_told() -> None:
    only = Quota(requests=Left(1, 0, 60.0))
    assert [name for name, _ in OPENAI.quota(only)] == [
        b"x-ratelimit-limit-requests",
        b"x-ratelimit-remaining-requests",
        b"x-ratelimit-reset-requests",
    ]
    assert len(ANTHROPIC.quota(Quota(tokens=Left(1, 0, 60.0)))) == 3


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.0, b"0s"),
        (0.0001, b"1ms"),
        (0.25, b"250ms"),
        (1.0, b"1s"),
        (1.5, b"1.5s"),
        (59.9995, b"1m0s"),
        (360.0, b"6m0s"),
        (3661.25, b"1h1m1.25s"),
    ],
)
def test_durations(seconds: float, told: bytes) -> None:
    assert encode_duration(seconds) == told


@given(st.floats(0, 100_000))
def test_a_duration_is_never_less_than_it_is(seconds: float) -> None:
    text = encode_duration(seconds).decode()
    units = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
    parts = re.findall(r"([0-9.]+)(h|ms|m|s)", text)
    assert "".join(number + unit for number, unit in parts) == text
    total = sum(float(number) * units[unit] for number, unit in parts)
    assert seconds - 1e-6 <= total <= seconds + 0.0011
