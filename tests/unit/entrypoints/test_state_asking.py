"""What the routes of kept state read of a query and a body."""

from typing import Any

import msgspec
import pytest
from litestar import Request

from modelmux.application.paging import PageRequest
from modelmux.domain.errors import InvalidRequest, NotFound
from modelmux.entrypoints.members import decode_members
from modelmux.entrypoints.state.asking import (
    Asking,
    flag,
    known_form,
    metadata_of,
    page_asked,
    query_of,
    whole_number,
)


def asking(query: bytes) -> Asking:
    scope: Any = {"type": "http", "query_string": query}  # Any: as much of a scope as is read
    return Request(scope)


def test_a_list_is_spelled_with_brackets_or_without() -> None:
    both = query_of(asking(b"include[]=a&include%5B%5D=b&include=c&x="))
    assert both == {"include": ["a", "b", "c"], "x": [""]}
    assert query_of(asking(b"")) == {}


def test_a_query_is_bounded() -> None:
    with pytest.raises(InvalidRequest):
        query_of(asking(b"&".join(b"a%d=1" % number for number in range(65))))


@pytest.mark.parametrize(
    ("query", "page"),
    [
        (b"", PageRequest(None, 20, True)),
        (b"order=asc&limit=100&after=msg_1", PageRequest("msg_1", 100, False)),
        (b"order=desc&limit=1&after=", PageRequest(None, 1, True)),
    ],
)
def test_a_page_is_asked_for(query: bytes, page: PageRequest) -> None:
    assert page_asked(query_of(asking(query))) == page


@pytest.mark.parametrize(
    ("query", "param"),
    [
        (b"limit=0", "limit"),
        (b"limit=101", "limit"),
        (b"limit=-1", "limit"),
        (b"limit=ten", "limit"),
        (b"limit=%D9%A1", "limit"),
        (b"limit=" + b"9" * 5000, "limit"),
        (b"limit=", "limit"),
        (b"order=up", "order"),
    ],
)
def test_what_no_page_can_be_is_named(query: bytes, param: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        page_asked(query_of(asking(query)))
    assert refusal.value.param == param


def test_a_switch_is_on_off_or_refused() -> None:
    for word, on in (("true", True), ("True", True), ("1", True), ("false", False), ("", False)):
        assert flag({"stream": [word]}, "stream") is on
    assert flag({}, "stream") is False
    with pytest.raises(InvalidRequest) as refusal:
        flag({"stream": ["yes"]}, "stream")
    assert refusal.value.param == "stream"


def test_a_number_that_is_left_out_is_the_default() -> None:
    assert whole_number({}, "starting_after", -1, 0, 10) == -1
    assert whole_number({"starting_after": ["0"]}, "starting_after", -1, 0, 10) == 0


@pytest.mark.parametrize("id_", ["x" * 201, "resp_\n", "resp_é", "resp_\0"])
def test_what_can_be_no_id_is_not_found(id_: str) -> None:
    with pytest.raises(NotFound) as refusal:
        known_form(id_, "Response")
    assert refusal.value.message.isprintable()


def labels(value: object) -> bytes:
    return msgspec.json.encode({"metadata": value})


def test_metadata_may_be_left_out_or_null() -> None:
    assert metadata_of({}) == {}
    assert metadata_of(decode_members(labels(None))) == {}
    most = {f"{number:064}": "v" * 512 for number in range(16)}
    assert metadata_of(decode_members(labels(most))) == most


@pytest.mark.parametrize(
    "value",
    [
        {str(number): "" for number in range(17)},
        {"k" * 65: ""},
        {"k": "v" * 513},
        {"k": 1},
        {"k": None},
        [],
        "text",
    ],
)
def test_metadata_out_of_bounds_is_refused_by_name(value: object) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        metadata_of(decode_members(labels(value)))
    assert refusal.value.param is not None
    assert refusal.value.param.startswith("metadata")
