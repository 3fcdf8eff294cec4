"""Where keys stand, checked against what tomllib itself reads."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmux.entrypoints.settings.raw_tables import Raw, is_list, is_table
from modelmux.entrypoints.settings.toml_positions import KeyPath, locate

TEXT = '''\
# a comment with [brackets] and key = value
a.b = 1
[server]
port = 3000 # x
"quoted \\" key" = 'lit#eral'
[[providers]]
name = """
[not.a.table]
x = 1 \\"""
"""
models = [ "a", # c ]
  'b', """c
]"""", ]
[[providers]]
h = { x = 1, y = {z=[1,[2]]} }
when = 1979-05-27 07:32:00
[providers.capabilities."gpt-*"]
n = 1
[[providers.deep]]
q = \'\'\'it's''\'\'\'
'''


def paths_of(value: Raw, path: KeyPath = ()) -> set[KeyPath]:
    """Return the path of everything in what tomllib read."""
    found = {path} if path else set[KeyPath]()
    if is_table(value):
        for key, inner in value.items():
            found |= paths_of(inner, (*path, key))
    elif is_list(value):
        for index, inner in enumerate(value):
            found |= paths_of(inner, (*path, index))
    return found


def test_finds_all_that_tomllib_reads_and_nothing_else() -> None:
    assert set(locate(TEXT)) == paths_of(tomllib.loads(TEXT))


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (("a", "b"), (2, 1)),
        (("server", "port"), (4, 1)),
        (("providers", 0, "models", 1), (12, 3)),
        (("providers", 1), (14, 1)),
        (("providers", 1, "h", "y", "z", 1, 0), (15, 25)),
        (("providers", 1, "capabilities", "gpt-*", "n"), (18, 1)),
        (("providers", 1, "deep", 0, "q"), (20, 1)),
    ],
)
def test_points_at_the_key(path: KeyPath, place: tuple[int, int]) -> None:
    assert locate(TEXT)[path] == place


KEYS = st.sampled_from(["a", "b-1", '"c d"', "'e.f'", '"g#h"'])
SCALARS = st.sampled_from(
    ["1", "-2.5", "true", '"x"', "'y#'", '"""m\n[z]\n"""', "'''n]'''", '"\\"]"', "07:32:00"]
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: "[ " + ",\n".join(items) + " ]")
        | st.dictionaries(KEYS, inner, max_size=3).map(
            lambda table: "{ " + ", ".join(f"{k} = {v}" for k, v in table.items()) + " }"
        )
    ),
    max_leaves=6,
)


@given(st.lists(st.tuples(KEYS, st.dictionaries(KEYS, VALUES, max_size=3)), max_size=4))
def test_finds_all_in_any_text(tables: list[tuple[str, dict[str, str]]]) -> None:
    lines: list[str] = []
    for name, members in tables:
        lines.append(f"[[{name}]]  # a table")
        lines += [f"  {key} = {value} # end" for key, value in members.items()]
    text = "\n".join(lines)
    assert set(locate(text)) == paths_of(tomllib.loads(text))
