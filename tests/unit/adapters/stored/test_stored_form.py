"""The stored form: everything there and back, nothing misread, and quickly."""

import time
from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmux.adapters.stored.records import (
    decode_item,
    decode_record,
    encode_item,
    encode_record,
)
from modelmux.domain.caching import CacheMark
from modelmux.domain.conversation import (
    Audio,
    Compaction,
    DocumentNotes,
    FileData,
    FileReference,
    FileUrl,
    ImageData,
    ImageReference,
    ImageUrl,
    Item,
    Message,
    OpaqueItem,
    OpaquePart,
    Part,
    Proof,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from modelmux.domain.dialect import Dialect
from modelmux.domain.errors import StoreError
from modelmux.domain.events import FinishReason, TokenLogprob, Usage
from modelmux.domain.json_values import JsonObject, JsonValue
from modelmux.domain.turn import Failure, ResponseRecord, Status

_json: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_objects: st.SearchStrategy[JsonObject] = st.dictionaries(st.text(), _json, max_size=3)
_marks = st.none() | st.builds(CacheMark, st.none() | st.sampled_from(["5m", "1h"]))
_notes = st.none() | st.builds(DocumentNotes, st.none() | st.text(), st.booleans())
_parts: dict[type, st.SearchStrategy[Part]] = {
    Text: st.builds(Text, st.text(), st.lists(_objects, max_size=2).map(tuple), cache=_marks),
    Refusal: st.builds(Refusal),
    ImageUrl: st.builds(ImageUrl, cache=_marks),
    ImageData: st.builds(ImageData, cache=_marks),
    ImageReference: st.builds(ImageReference, cache=_marks),
    Audio: st.builds(Audio),
    FileData: st.builds(FileData, notes=_notes, cache=_marks),
    FileReference: st.builds(FileReference, notes=_notes, cache=_marks),
    FileUrl: st.builds(FileUrl, notes=_notes, cache=_marks),
    OpaquePart: st.builds(OpaquePart, st.text(), _objects, st.sampled_from(Dialect)),
}
_part_lists = st.lists(st.one_of(*_parts.values()), max_size=3).map(tuple)
_items: dict[type, st.SearchStrategy[Item]] = {
    Message: st.builds(Message, parts=_part_lists),
    Reasoning: st.builds(Reasoning, proof=st.none() | st.builds(Proof)),
    ToolCall: st.builds(ToolCall, proof=st.none() | st.builds(Proof), cache=_marks),
    ToolResult: st.builds(ToolResult, parts=_part_lists, cache=_marks),
    Compaction: st.builds(Compaction),
    OpaqueItem: st.builds(OpaqueItem, st.text(), _objects, st.sampled_from(Dialect)),
}
_item_lists = st.lists(st.one_of(*_items.values()), max_size=3).map(tuple)
_floats = st.floats(allow_nan=False)
_logprobs = st.builds(
    TokenLogprob,
    logprob=_floats,
    top=st.lists(st.builds(TokenLogprob, logprob=_floats, top=st.just(())), max_size=2).map(tuple),
)
_counts = st.integers(0, 2**60)
_usages = st.builds(Usage, _counts, _counts, _counts, _counts, _counts)
_records = st.builds(
    ResponseRecord,
    created_at=_floats,
    input=_item_lists,
    output=_item_lists,
    logprobs=st.lists(_logprobs, max_size=2).map(tuple),
    previous=st.none() | st.text(),
    conversation=st.none() | st.text(),
    completed_at=st.none() | _floats,
    reason=st.none() | st.sampled_from(FinishReason),
    usage=st.none() | _usages,
    failure=st.none() | st.builds(Failure),
)


def record(*output: Item) -> ResponseRecord:
    return ResponseRecord(
        tenant="acme",
        id="resp_1",
        status=Status.COMPLETED,
        created_at=1.5,
        settings=b'{"model":"m"}',
        input=(Message(Role.USER, (Text("What is the weather?"),)),),
        output=output,
    )


def test_every_kind_of_item_and_part_is_tried() -> None:
    assert set(_items) == set(get_args(Item))
    assert set(_parts) == set(get_args(Part))


@given(_records)
def test_a_record_is_the_same_after_it_was_kept(kept: ResponseRecord) -> None:
    assert decode_record(encode_record(kept), kept.tenant, kept.id) == kept


@given(st.one_of(*_items.values()))
def test_an_item_is_the_same_after_it_was_kept(item: Item) -> None:
    assert decode_item(encode_item(item)) == item


def test_integers_of_any_size_stay_whole() -> None:
    item = OpaqueItem("x", {"type": "x", "n": 10**40, "half": "\ud800"})
    assert decode_item(encode_item(item)) == item


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(StoreError):
        encode_record(record(Message(Role.ASSISTANT, (Text("\ud800"),))))
    with pytest.raises(StoreError):
        encode_item(Compaction("\udfff"))


def test_numbers_beyond_64_bits_are_refused() -> None:
    with pytest.raises(StoreError):
        encode_record(replace(record(), usage=Usage(input_tokens=2**70)))


def test_what_is_nested_too_deep_is_refused() -> None:
    value: JsonValue = None
    for _ in range(200_000):
        value = [value]
    with pytest.raises(StoreError):
        encode_item(OpaqueItem("x", {"x": value}))


def test_what_a_later_release_wrote_is_not_guessed_at() -> None:
    value = encode_record(record())
    with pytest.raises(StoreError):
        decode_record(b"\x02" + value[1:], "acme", "resp_1")
    with pytest.raises(StoreError):
        decode_item(b"\x02" + encode_item(Compaction("x"))[1:])


def test_a_kind_of_item_that_came_later_is_not_guessed_at() -> None:
    value = encode_item(Compaction("x"))
    assert value[2] == 4  # array, kind, summary
    with pytest.raises(StoreError):
        decode_item(value[:2] + b"\x63" + value[3:])


def test_a_field_that_came_later_is_passed_over() -> None:
    value = encode_item(Compaction("x"))
    assert decode_item(value[:1] + b"\x93" + value[2:] + b"\xa3new") == Compaction("x")


@pytest.mark.parametrize("value", [b"", b"\x01", b"\x01\xc0", b"\x01\x90", b"plain text"])
def test_other_bytes_are_refused(value: bytes) -> None:
    with pytest.raises(StoreError):
        decode_record(value, "acme", "resp_1")
    with pytest.raises(StoreError):
        decode_item(value)


def test_a_record_cut_anywhere_is_refused() -> None:
    value = encode_record(record(Message(Role.ASSISTANT, (Text("Rain."),))))
    for end in range(len(value)):
        with pytest.raises(StoreError):
            decode_record(value[:end], "acme", "resp_1")


def test_the_stored_form_does_not_drift() -> None:
    """Fields may grow at the end; what an earlier release wrote is read for ever."""
    kept = record(Message(Role.ASSISTANT, (Text("Rain."),), phase="final_answer"))
    assert encode_record(kept) == bytes.fromhex(THIS_RELEASE)
    for release in (FIRST_RELEASE, THIS_RELEASE):
        assert decode_record(bytes.fromhex(release), "acme", "resp_1") == kept


FIRST_RELEASE = (
    "019fa9636f6d706c65746564cb3ff8000000000000c40d7b226d6f64656c223a226d227d919500a4757365729193"
    "00b4576861742069732074686520776561746865723fc0c0c0919500a9617373697374616e74919300a55261696e"
    "2ec0c0ac66696e616c5f616e7377657290c0c0c3c2c2c0c0c0c0"
)
THIS_RELEASE = (
    "01dc0010a9636f6d706c65746564cb3ff8000000000000c40d7b226d6f64656c223a226d227d919500a475736572"
    "919400b4576861742069732074686520776561746865723fc0c0c0c0919500a9617373697374616e74919400a552"
    "61696e2ec0c0c0ac66696e616c5f616e7377657290c0c0c3c2c2c0c0c0c0c0"
)


def test_a_verdict_is_kept() -> None:
    kept = replace(record(Message(Role.ASSISTANT, (Text("Rain."),))), verdict="unmet: $: not JSON")
    assert decode_record(encode_record(kept), "acme", "resp_1") == kept


def test_a_long_chain_is_read_in_no_time() -> None:
    value = encode_record(record(Message(Role.ASSISTANT, (Text("It rains. " * 20),))))
    fastest = min(_time_of_200(value) for _ in range(20))
    assert fastest < 0.004  # seconds; 0.001 on an idle machine


def _time_of_200(value: bytes) -> float:
    started = time.perf_counter()
    for _ in range(200):
        decode_record(value, "acme", "resp_1")
    return time.perf_counter() - started
