"""How long an upstream asks to be left alone, and when it is not believed."""

import pytest

from modelmux.adapters.transport.retry_after import retry_after_s

NOW = ("date", "Fri, 20 Nov 2026 10:00:00 GMT")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "3", "retry-after-ms": "250"}, 0.25),
        (dict([("retry-after", "Fri, 20 Nov 2026 10:00:07 GMT"), NOW]), 7.0),
        (dict([("retry-after", "Fri, 20 Nov 2026 09:00:00 GMT"), NOW]), 0.0),
        ({"retry-after": "Fri, 20 Nov 2026 10:00:07 GMT"}, None),
    ],
)
def test_a_wait_is_read_in_any_spelling(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers) == seconds


@pytest.mark.parametrize(
    "text",
    ["-1", "nan", "inf", "1e308", "9" * 400, "soon", "", "Fri, 99 Foo 2026",
     "Mon, 20 Nov 1995 19:12:08 -9999999999999", "Mon, 20 Nov 99999999999 19:12:08 GMT",
     "Fri, 20 Nov 9999 10:00:00 GMT"],
)  # fmt: skip
def test_what_is_no_wait_is_none(text: str) -> None:
    assert retry_after_s(dict([("retry-after", text), NOW])) is None
