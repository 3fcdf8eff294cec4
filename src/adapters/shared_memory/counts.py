"""Counts that several processes can see: an append-only table of records in shared memory.

One process writes a table and any number read it, without locks. A record is a key and some
doubles; it never moves, and is never taken away. What makes that safe: aligned doubles are written
whole, and a record is published by the table's length, which is written last. Should a machine
show these two in another order, the key's checksum does not fit and the reader looks again later.
"""

import os
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from math import nan
from mmap import mmap
from struct import Struct
from threading import Lock
from zlib import crc32

CAPACITY_BYTES = 8 * 2**20
"""The size of a table; pages that nothing was written to take no memory."""

TOP_BYTES = 16
"""So much of a table tells `used_bytes`."""

MAX_CELLS = 64
"""The most doubles of one record."""

_MAGIC = b"mmcount1"  # the digit is the layout's
_WORD = 8
_LENGTH_AT = 1  # in words: the end of the last record, in words
_OWNER_AT = 2  # in words: the process that writes
_DROPPED_AT = 3  # in cells: how many records found no room
_SCRAP_AT = 4  # in cells: what is counted there is seen by nobody
_FIRST_AT = _SCRAP_AT + MAX_CELLS
_TOP = Struct("=8sQ")  # the magic, and the length in words
_HEAD = Struct("=IIII")  # bytes of the key, its checksum, cells, kind
_HEAD_WORDS = _HEAD.size // _WORD


@dataclass(frozen=True, slots=True)
class Record:
    """Where the doubles of a key are: `cells` of them from `at` on. `lasting`: not a gauge."""

    key: bytes
    at: int
    cells: int
    lasting: bool


def used_bytes(top: bytes) -> int | None:
    """Return how much of a table that begins so is in use; None: it is of another layout."""
    if not any(top):
        return 0
    magic, words = _TOP.unpack(top)
    return min(words * _WORD, CAPACITY_BYTES) if magic == _MAGIC else None


def _endless(end_bytes: int) -> bool:
    return end_bytes <= CAPACITY_BYTES


@dataclass(frozen=True, slots=True)
class Seen:
    """The table of worker `name`; `live` if the worker is there."""

    name: str
    table: "CountTable"
    live: bool = True


class CountTable:
    """`memory` is of `CAPACITY_BYTES`, either zeroes or a table that was begun before.

    `reach` is asked whether there is room up to so many bytes before they are written first.
    Writers `begin` it, take `cells` and count there; `place` tells where a record begins to count.
    """

    __slots__ = (
        "_bytes",
        "_limit",
        "_lock",
        "_placed",
        "_reach",
        "_read_to",
        "_records",
        "_words",
        "cells",
    )

    def __init__(self, memory: memoryview, reach: Callable[[int], bool] = _endless) -> None:
        self._bytes = memory
        self._reach = reach
        self.cells = memory.cast("d")
        self._words = memory.cast("Q")
        self._limit = len(self.cells)
        self._records: list[Record] = []
        self._placed: dict[tuple[bytes, int], Record] = {}
        self._read_to = _FIRST_AT
        self._lock = Lock()  # a scrape reads in a thread of its own

    @classmethod
    def anonymous(cls) -> "CountTable":
        """Return a new table that this process alone can see."""
        table = cls(memoryview(mmap(-1, CAPACITY_BYTES)))
        table.begin()
        return table

    def begin(self) -> None:
        """Make the table ours to write: new, or as it was left, but without its gauges."""
        self._words[_OWNER_AT] = os.getpid()
        if not self.is_begun():
            self._words[_LENGTH_AT] = _FIRST_AT
            self._bytes[: len(_MAGIC)] = _MAGIC
        for record in self.records():
            if not record.lasting:
                self.cells[record.at : record.at + record.cells] = _unknown(record.cells)

    def is_begun(self) -> bool:
        """Return whether this is a table of our layout."""
        return bytes(self._bytes[: len(_MAGIC)]) == _MAGIC

    @property
    def owner(self) -> int:
        """The id of the process that writes, or wrote last."""
        return self._words[_OWNER_AT]

    @property
    def dropped(self) -> float:
        """How many records found no room."""
        return self.cells[_DROPPED_AT]

    def place(self, key: bytes, cells: int, *, lasting: bool = True) -> int:
        """Return the index of the first of a record's doubles, zeroes if it is new.

        Where the table is full, it is that of a place whose counts are seen by nobody.
        """
        if self._read_to != self._words[_LENGTH_AT]:
            self.records()
        record = self._placed.get((key, cells))
        if record is None:
            record = self._append(key, cells, lasting)
        if record is None:
            self.cells[_DROPPED_AT] += 1
            return _SCRAP_AT
        return record.at

    def records(self) -> tuple[Record, ...]:
        """Return all records that are published by now, in the order of their making."""
        with self._lock:
            end = min(self._words[_LENGTH_AT], self._limit) if self.is_begun() else 0
            while self._read_to < end and (record := self._at(self._read_to)) is not None:
                self._read_to = record.at + record.cells
                self._records.append(record)
                self._placed[record.key, record.cells] = record
            return tuple(self._records)

    def _at(self, word: int) -> Record | None:
        begin = word * _WORD
        size, checksum, cells, kind = _HEAD.unpack_from(self._bytes, begin)
        at = word + _HEAD_WORDS + _words(size)
        if not 0 < cells <= MAX_CELLS or at + cells > self._limit:
            return None  # zeroes are room that nobody took
        begin += _HEAD.size
        key = bytes(self._bytes[begin : begin + size])
        if crc32(key) != checksum:
            return None
        return Record(key, at, cells, kind == 0)

    def _append(self, key: bytes, cells: int, lasting: bool) -> Record | None:
        word = self._words[_LENGTH_AT]
        at = word + _HEAD_WORDS + _words(len(key))
        end = at + cells
        # A reader that could not make out a record would see none after it.
        if end > self._limit or word != self._read_to:
            return None
        if not self._reach(end * _WORD):
            return None
        begin = word * _WORD
        _HEAD.pack_into(self._bytes, begin, len(key), crc32(key), cells, 0 if lasting else 1)
        begin += _HEAD.size
        self._bytes[begin : begin + len(key)] = key
        self._words[_LENGTH_AT] = end
        self.records()
        return self._placed[key, cells]


def _unknown(cells: int) -> memoryview:
    return memoryview(array("d", [nan] * cells))


def _words(size_bytes: int) -> int:
    return -(-size_bytes // _WORD)
