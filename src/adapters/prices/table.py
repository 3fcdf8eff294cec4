"""The price table that ships with the package; where it is from and of which day stands in it."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import msgspec

from ...application.ports import Price

Row: TypeAlias = tuple[float, float, float | None, float | None] | None
"""Input, output, cached, cache_write; None is a model that is not sold by tokens of text."""


_FILE = Path(__file__).with_name("table.json")


class PriceTable(msgspec.Struct, frozen=True):
    """By vendor, then by a model's name in small letters, in which `*` stands for anything."""

    source: str
    date: str
    prices: Mapping[str, Mapping[str, Row]]


def shipped_table() -> PriceTable:
    """Read the table; takes some milliseconds."""
    return msgspec.json.decode(_FILE.read_bytes(), type=PriceTable)


def as_price(row: Row) -> Price | None:
    return None if row is None else Price(*row)
