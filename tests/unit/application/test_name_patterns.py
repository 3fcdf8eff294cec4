"""Names held to patterns: what is remembered changes nothing of the verdict."""

from modelmux.application.adjusting.patterns import name_pattern


def test_verdicts_are_the_same_at_first_and_again() -> None:
    pattern = name_pattern(r"[a-z]{1,3}")
    for _ in range(2):
        assert pattern.takes_all(set())
        assert pattern.takes_all({"a", "abc"})
        assert not pattern.takes_all({"a", "abcd"})
        assert not pattern.takes_all({"a\n"})
        assert pattern.takes("ab")
        assert not pattern.takes("abcd")
        assert not pattern.takes("")


def test_patterns_know_nothing_of_each_other() -> None:
    assert name_pattern(r"[a-z]+").takes_all({"abcdef"})
    assert not name_pattern(r"[a-z]{1,4}").takes_all({"abcdef"})


def test_any_number_of_names_of_any_length_is_judged() -> None:
    pattern = name_pattern(r"n\d+")
    for start in range(0, 20_000, 3000):
        names = {f"n{number}" for number in range(start, start + 3000)}
        assert pattern.takes_all(names)
        assert pattern.takes_all(names)
        assert not pattern.takes_all(names | {"other"})
    assert pattern.takes_all({"n" + "1" * 100_000})
    assert pattern.takes_all({f"n{number}" for number in range(10_000)})
