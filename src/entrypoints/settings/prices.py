"""Prices of the configuration's own: before, or where there are none in, the table that ships."""

from collections.abc import Mapping

from .section import Section


class PriceFile(Section, frozen=True):
    """By `provider/model`, in which `*` stands for anything: US dollars for a million tokens.

    A price has `input` and `output`, and may have `cached` and `cache_write`.
    """

    models: Mapping[str, Mapping[str, float]] = {}


class PricesSettings(PriceFile, frozen=True):
    """`file` holds more of `models`, which count after these."""

    file: str | None = None
