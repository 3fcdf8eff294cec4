import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmux.domain.errors import InvalidRequest
from modelmux.entrypoints.members import decode_members

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=4), _JSON), st.sampled_from([None, 2]), st.booleans())
def test_any_object_comes_through_with_its_order_and_text(
    value: dict[str, object], indent: int | None, escaped: bool
) -> None:
    body = json.dumps(value, indent=indent, ensure_ascii=escaped).encode()
    members = decode_members(body)
    assert list(members) == list(value)
    assert {name: json.loads(bytes(raw)) for name, raw in members.items()} == value


@given(
    st.lists(st.tuples(st.sampled_from("abc"), _JSON), min_size=1, max_size=5),
    st.sampled_from([",", " , ", ",\n\t"]),
)
def test_a_repeated_member_is_refused_wherever_it_stands(
    pairs: list[tuple[str, object]], comma: str
) -> None:
    names = [name for name, _ in pairs]
    text = comma.join(f'"{name}":{json.dumps(value)}' for name, value in pairs)
    body = ("{" + text + "}").encode()
    if len(set(names)) == len(names):
        assert list(decode_members(body)) == names
        return
    with pytest.raises(InvalidRequest) as caught:
        decode_members(body)
    assert caught.value.reason == "duplicate_parameter"
    assert caught.value.param in names


@pytest.mark.parametrize(
    "body",
    [
        b'{"n":1,"n":12}',
        b'{"n":12,"n":1}',
        b'{"n":1,"\\u006e":1}',
        b'{"n":"a","m":{"n":1},"n":"b"}',
    ],
)
def test_a_member_repeated_with_a_like_value_or_another_spelling_is_found(body: bytes) -> None:
    with pytest.raises(InvalidRequest, match="more than once"):
        decode_members(body)


def test_a_name_that_is_repeated_below_the_top_level_is_the_upstreams_business() -> None:
    members = decode_members(b'{ "a": {"x":1,"x":2} }')
    assert bytes(members["a"]) == b'{"x":1,"x":2}'


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "invalid_json"),
        (b"{", "invalid_json"),
        (b"nonsense", "invalid_json"),
        (b'{"a":NaN}', "invalid_json"),
        (b'{"a":[Infinity]}', "invalid_json"),
        (b'{"a":"\xff"}', "invalid_json"),
        (b'{"a":"\xed\xa0\x80"}', "invalid_json"),
        (b'{"a":"\\ud800"}', "invalid_json"),
        (b'{"a":"\\ud800 and more of it"}', "invalid_json"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "invalid_json"),
        (b'{"a":' + b'{"a":' * 100_000, "invalid_json"),
        (b'{"a":1} {"b":2}', "invalid_json"),
        (b"[1]", "invalid_type"),
        (b"null", "invalid_type"),
    ],
)
def test_what_is_no_json_object_in_utf8_is_refused(body: bytes, reason: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode_members(body)
    assert caught.value.reason == reason


def test_a_million_small_members_are_refused_before_they_are_made() -> None:
    body = b"{" + b",".join(b'"%d":1' % number for number in range(200_000)) + b"}"
    with pytest.raises(InvalidRequest, match="may take"):
        decode_members(body)
