"""CacheMark: the nearest word another vendor has for a time to live."""

import pytest

from modelmux.domain.caching import CacheMark


@pytest.mark.parametrize(
    ("ttl", "words", "nearest"),
    [
        (None, ("5m", "1h"), None),
        ("5m", ("5m", "1h"), "5m"),
        ("5m", ("30m", "12h"), "30m"),
        ("1h", ("30m", "12h"), "12h"),
        ("12h", ("5m", "1h"), "1h"),
        ("30m", ("5m", "1h"), "1h"),
        ("forever", ("5m", "1h"), "5m"),
    ],
)
def test_the_nearest_word_is_as_long_where_there_is_one(
    ttl: str | None, words: tuple[str, ...], nearest: str | None
) -> None:
    assert CacheMark(ttl).nearest(words) == nearest
