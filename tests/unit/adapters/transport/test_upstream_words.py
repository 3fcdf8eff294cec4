"""What is taken out of an upstream's words, and that it takes no time."""

import time

import pytest

from modelmux.adapters.transport.upstream_words import presentable


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("at 10.1.2.3:8000 now", "at [upstream] now"),
        ("at 127.0.0.1", "at [upstream]"),
        ("http://192.168.0.1/v1 failed", "[upstream] failed"),
        ("see https://example.com/docs", "see https://example.com/docs"),
        ("resolver 8.8.8.8", "resolver 8.8.8.8"),
        ("version 1.2.3.4.5 and 999.1.1.1", "version 1.2.3.4.5 and 999.1.1.1"),
        ('oops\n  File "/srv/x.py", line 3', "oops"),
    ],
)
def test_the_inside_is_hidden_and_the_rest_stays(said: str, shown: str) -> None:
    assert presentable(said) == shown


@pytest.mark.parametrize("piece", ["\n", "\n ", "a.", "a+", "1.", "bearer ", "sk-", "eyJ", "://"])
def test_no_text_takes_long(piece: str) -> None:
    text = piece * 200_000
    began = time.perf_counter()
    presentable(text)
    assert time.perf_counter() - began < 0.1
