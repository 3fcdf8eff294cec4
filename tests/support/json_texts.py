"""What strategies of bodies in all three dialects draw their values from."""

from typing import Any, Final

from hypothesis import strategies as st

from tests.matrix.samples import CITY, CLOSED_CITY, PERSON, RICH

# Any: JSON in the shape of whatever dialect.
Json = dict[str, Any]

NO_MEMBERS: Final[Json] = {}
WORDS: Final = st.text('aé\n"\\\u2028\U0001f600 {', min_size=1, max_size=5)
"""Texts with what is easily spelt wrong."""

FILLED: Final = WORDS.map(lambda text: f"b{text}b")
"""Texts that are not blank, and do not end in white space."""

NAMES: Final = st.sampled_from(["get_weather", "a", "x-1", "Z" * 64])
SCHEMAS: Final = st.sampled_from([CITY, CLOSED_CITY, PERSON, RICH])
NUMBERS: Final = st.sampled_from([0, 0.25, 1])
VALUES: Final = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | WORDS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORDS, inner, max_size=2),
    max_leaves=4,
)
OBJECTS: Final = st.dictionaries(st.sampled_from(["city", "a b", "é"]), VALUES, max_size=2)


def shaped(
    required: dict[str, st.SearchStrategy[Any]], **optional: st.SearchStrategy[Any]
) -> st.SearchStrategy[Json]:
    """Return objects with all of `required` and any of `optional`."""
    return st.fixed_dictionaries(required, optional=optional)


def one_of_type(kind: str, /, **optional: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    return shaped({"type": st.just(kind)}, **optional)


def without_none(value: Json) -> Json:
    """Return `value` without the members that are null: they say the same as their absence."""
    return {name: said for name, said in value.items() if said is not None}
