"""Fingerprints: equal for what asks the same, and never for what differs in anything.

The values are made by looking at the domain's types, so that a field which is added tomorrow is
tried from that day.
"""

import dataclasses
import types
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import combinations
from types import MappingProxyType
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from modelmux.adapters.stored.fingerprints import fingerprint
from modelmux.domain.conversation import Message, OpaqueItem, Role, Text
from modelmux.domain.deferred import Deferred
from modelmux.domain.dialect import Dialect
from modelmux.domain.embedding import EmbeddingAsk
from modelmux.domain.request import Caller, Generation, GenerationRequest, Sampling, Verbatim
from tests.support.asking import asking, content_of, user

# Any, `cast` and `getattr`, in this file: types and values of every kind, by introspection.

OBJECTS: list[dict[str, Any]] = [
    {}, {"a": 1}, {"a": 1.0}, {"a": True}, {"a": None}, {"a": "1"}, {"a": [1]}, {"a": [[1]]},
    {"a": {"b": 1}}, {"b": 1}, {"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 2**70}, {"a": ""},
    {"a": []}, {"a": {}}, {"a": "true"}, {"a": -0.0}, {"a": 0.0}, {"a": 0},
]  # fmt: skip


def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind, localns={"JsonValue": object})


def values_of(kind: Any) -> list[Any]:
    """Return values of a type that all differ, among them one for each way to differ."""
    origin = get_origin(kind)
    if kind is str:
        return ["a", "b", "", "1", "null", '"']
    if kind is bool:
        return [False, True]
    if kind is int:
        return [3, 4, 0, 1, 2**70]
    if kind is float:
        return [0.5, 0.25, 1.0, 0.0, -0.0]
    if kind is type(None):
        return [None]
    if origin in (Union, types.UnionType):
        return [value for one in get_args(kind) for value in values_of(one)]
    if origin is Literal:
        return [*get_args(kind)]
    if origin is dict:
        return OBJECTS
    if origin is tuple:
        inner = get_args(kind)[0]
        some = values_of(inner)
        return [(), *((one,) for one in some), (some[0], some[1]), (some[1], some[0])]
    if origin is not None and issubclass(origin, Mapping):
        of = get_args(kind)[1]
        if of is object:  # JSON texts as they came
            texts = [b"1", b"1.0", b"true", b'"1"', b"[1]", b"[1,2]", b'{"b":1}', b" 1"]
            return [{}, *({"a": Raw(text)} for text in texts), {"b": Raw(b"1")}]
        some = values_of(of)
        return [{}, *({"a": one} for one in some), {"b": some[0]}, {"a": some[0], "b": some[0]}]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return [*kind]
    if isinstance(kind, type) and dataclasses.is_dataclass(cast("Any", kind)):
        return [*every(cast("Any", kind))]
    raise AssertionError(f"no values of {kind} are known here")


def every(kind: type) -> Iterator[Any]:
    """Yield one value of a dataclass, and others that differ from it in one field each."""
    hints = _hints(kind)
    fields = {field.name: values_of(hints[field.name]) for field in dataclasses.fields(kind)}
    first = kind(**{name: values[0] for name, values in fields.items()})
    yield first
    for name, values in fields.items():
        for value in values[1:]:
            yield replace(first, **{name: value})


def spelled(value: Any) -> Any:
    """Return what tells any two values apart, be they equal in Python as 1 and True are."""
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value)]
        return (type(value).__name__, *(spelled(getattr(value, name)) for name in names))
    if isinstance(value, Raw):
        return ("raw", bytes(value))
    if issubclass(type(value), Mapping):
        return ("mapping", *((key, spelled(one)) for key, one in value.items()))
    if type(value) in (tuple, list):
        return ("sequence", *(spelled(one) for one in value))
    return (type(value).__name__, repr(value))


def print_of(request: GenerationRequest, *scope: tuple[str, ...]) -> bytes:
    found = fingerprint(request, scope)
    assert found is not None
    assert len(found) == 32
    return found


def embedding(ask: EmbeddingAsk) -> GenerationRequest:
    return replace(asking(), dialect=Dialect.EMBEDDINGS, embedding=Deferred.of(ask))


@pytest.mark.parametrize(
    ("kind", "least"), [(Generation, 500), (EmbeddingAsk, 10)], ids=["generation", "embedding"]
)
def test_whatever_differs_in_one_field_has_another_fingerprint(kind: type, least: int) -> None:
    seen: dict[bytes, Any] = {}
    for value in every(kind):
        request = embedding(value) if kind is EmbeddingAsk else asking(value)
        digest = print_of(request)
        same = seen.setdefault(digest, spelled(value))
        assert same == spelled(value)
    assert len(seen) >= least


def _unions(kind: Any, seen: set[Any]) -> Iterator[list[type]]:
    """Yield the dataclasses of every union below a type."""
    origin = get_origin(kind)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        if kind not in seen:
            seen.add(kind)
            for hint in _hints(kind).values():
                yield from _unions(hint, seen)
        return
    if origin in (Union, types.UnionType):
        yield [
            one for one in get_args(kind) if isinstance(one, type) and dataclasses.is_dataclass(one)
        ]
    for one in get_args(kind):
        yield from _unions(one, seen)


def test_kinds_that_look_alike_stand_only_where_their_names_are_written() -> None:
    names_written = {"tool_choice", "output_format", "thinking"}
    for field in dataclasses.fields(Generation):
        for members in _unions(_hints(Generation)[field.name], set()):
            shapes = Counter(
                tuple(one.name for one in dataclasses.fields(member)) for member in members
            )
            alike = [shape for shape, count in shapes.items() if count > 1]
            assert not alike or field.name in names_written


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=6,
)
ITEMS = st.lists(
    st.builds(
        Message,
        st.sampled_from(Role),
        st.lists(st.builds(Text, st.text('ab"[]{},:', max_size=4)), max_size=3).map(tuple),
        st.none() | st.text("ab", max_size=2),
    )
    | st.builds(
        OpaqueItem, st.text("ab", max_size=2), st.dictionaries(st.sampled_from("abc"), JSON)
    ),
    max_size=3,
).map(tuple)


@given(ITEMS, ITEMS)
def test_two_conversations_share_a_fingerprint_exactly_when_they_are_the_same(
    one: tuple[Any, ...], other: tuple[Any, ...]
) -> None:
    prints = [print_of(asking(content_of(*items))) for items in (one, other)]
    assert (prints[0] == prints[1]) == (spelled(one) == spelled(other))


def test_the_rest_of_what_shapes_an_answer_is_in_it() -> None:
    base = asking()
    differing = [
        print_of(base),
        print_of(replace(base, dialect=Dialect.MESSAGES)),
        print_of(replace(base, terms={"anthropic-beta": "a"})),
        print_of(replace(base, terms={"anthropic-beta": "b"})),
        print_of(replace(base, terms={"anthropic-version": "a"})),
        print_of(base, ("a",)),
        print_of(base, ("a", "b")),
        print_of(base, ("a",), ("b",)),
        print_of(base, (), ("a", "b")),
        print_of(embedding(EmbeddingAsk(("a",)))),
    ]
    assert all(one != other for one, other in combinations(differing, 2))


def test_a_body_of_embeddings_counts_with_all_its_members_but_the_name() -> None:
    def body(**members: bytes) -> bytes:
        raw = {name: Raw(text) for name, text in members.items()}
        request = embedding(EmbeddingAsk(("a",)))
        return print_of(replace(request, verbatim=Verbatim(Dialect.EMBEDDINGS, raw)))

    base = body(model=b'"m"', input=b'"a"')
    assert body(model=b'"alias"', input=b'"a"') == base
    others = [
        print_of(embedding(EmbeddingAsk(("a",)))),
        body(input=b'["a"]'),
        body(input=b'"a"', encoding_format=b'"base64"'),
        body(input=b'"a"', encoding_format=b'"float"'),
        body(input=b'"a"', unknown=b"1"),
    ]
    assert len({base, *others}) == 6


def test_what_does_not_shape_an_answer_is_not_in_it() -> None:
    base = asking(content_of(user("Hi"), sampling=Sampling(temperature=0)))
    alike = [
        base,
        replace(base, stream=False),
        replace(base, include_usage=True),
        replace(base, caller=Caller("acme", "key-2", ("tag",))),
        replace(base, model="alias"),
        replace(base, size_bytes=12, headers={"x-any": "thing"}),
        replace(base, terms=MappingProxyType({})),
        asking(content_of(user("Hi"), sampling=Sampling(temperature=0))),
    ]
    assert len({print_of(request) for request in alike}) == 1


@dataclass(frozen=True, slots=True)
class Strange:
    value: Sequence[object]


def test_what_cannot_be_written_has_none() -> None:
    assert fingerprint(asking(content_of(user("\ud800"))), ()) is None
    strange: Any = content_of(user("Hi"), metadata={"a": Strange([object()])})
    assert fingerprint(asking(strange), ()) is None
