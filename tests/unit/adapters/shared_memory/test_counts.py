"""What one process counts, another reads, whole or not at all."""

from math import isnan
from mmap import mmap

import pytest

from modelmux.adapters.shared_memory.counts import (
    CAPACITY_BYTES,
    MAX_CELLS,
    TOP_BYTES,
    CountTable,
    used_bytes,
)


@pytest.fixture
def memory() -> memoryview:
    return memoryview(mmap(-1, CAPACITY_BYTES))


def begun(memory: memoryview) -> CountTable:
    table = CountTable(memory)
    table.begin()
    return table


def read(table: CountTable) -> dict[bytes, list[float]]:
    return {
        record.key: list(table.cells[record.at : record.at + record.cells])
        for record in table.records()
    }


def test_a_reader_sees_what_is_counted(memory: memoryview) -> None:
    writer, reader = begun(memory), CountTable(memory)
    at = writer.place(b"requests", 1)
    other = writer.place(b"an odd name\xff", 3)
    writer.cells[at] += 2
    writer.cells[other + 2] += 0.5
    assert read(reader) == {b"requests": [2], b"an odd name\xff": [0, 0, 0.5]}
    writer.cells[at] += 1
    assert read(reader)[b"requests"] == [3]


def test_a_key_has_one_place(memory: memoryview) -> None:
    table = begun(memory)
    assert table.place(b"a", 1) == table.place(b"a", 1)
    assert table.place(b"a", 2) != table.place(b"a", 1)


def test_what_was_not_begun_has_no_records(memory: memoryview) -> None:
    assert CountTable(memory).records() == ()
    memory[:8] = b"another!"
    table = CountTable(memory)
    assert (table.is_begun(), table.records()) == (False, ())


def test_how_much_is_in_use_is_told_by_the_first_bytes(memory: memoryview) -> None:
    assert used_bytes(b"") == used_bytes(bytes(memory[:TOP_BYTES])) == 0
    table = begun(memory)
    at = table.place(b"requests", 5)
    assert used_bytes(bytes(memory[:TOP_BYTES])) == (at + 5) * 8
    memory[:8] = b"another!"
    assert used_bytes(bytes(memory[:TOP_BYTES])) is None


def test_what_there_is_no_room_for_is_dropped(memory: memoryview) -> None:
    table = CountTable(memory, lambda end_bytes: end_bytes <= 1000)
    table.begin()
    kept, dropped = table.place(b"kept", 1), table.place(b"dropped", MAX_CELLS)
    table.cells[dropped] += 1
    assert list(read(table)) == [b"kept"]
    assert (table.dropped, table.place(b"kept", 1)) == (1, kept)
    assert not any(memory[1000:])


def test_who_comes_next_goes_on_and_gauges_are_forgotten(memory: memoryview) -> None:
    first = begun(memory)
    first.cells[first.place(b"requests", 1)] = 7
    first.cells[first.place(b"running", 1, lasting=False)] = 3
    second = begun(memory)
    assert second.cells[second.place(b"requests", 1)] == 7
    assert isnan(second.cells[second.place(b"running", 1, lasting=False)])


def test_a_record_that_is_not_published_is_not_seen(memory: memoryview) -> None:
    writer = begun(memory)
    writer.place(b"whole", 1)
    words = memory.cast("Q")
    published = words[1]
    writer.place(b"half", 1)
    words[1] = published
    assert list(read(CountTable(memory))) == [b"whole"]


def test_a_record_whose_key_is_not_there_yet_is_read_later(memory: memoryview) -> None:
    writer, reader = begun(memory), CountTable(memory)
    at = writer.place(b"requests", 1)
    key_at = (at - 1) * 8
    memory[key_at : key_at + 8] = bytes(8)
    assert reader.records() == ()
    memory[key_at : key_at + 8] = b"requests"
    assert [record.key for record in reader.records()] == [b"requests"]


def test_what_finds_no_room_is_said_to_be_missing(memory: memoryview) -> None:
    table = begun(memory)
    number = 0
    while table.dropped == 0:
        at = table.place(b"%d" % number * 1000, MAX_CELLS)
        table.cells[at] += 1
        number += 1
    assert number > 1000
    told = sum(table.cells[record.at] for record in table.records())
    assert (told, table.dropped) == (number - 1, 1)
    assert len(CountTable(memory).records()) == number - 1


@pytest.mark.parametrize("length", [2**64 - 1, 2**40])
def test_a_length_beyond_the_table_is_not_believed(memory: memoryview, length: int) -> None:
    table = begun(memory)
    table.place(b"requests", 1)
    memory.cast("Q")[1] = length
    assert [record.key for record in CountTable(memory).records()] == [b"requests"]
