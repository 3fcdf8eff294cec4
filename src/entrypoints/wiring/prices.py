"""The part of the container that knows what models cost."""

from ...adapters.prices.book import TablePriceBook
from ...adapters.prices.table import shipped_table
from ...adapters.prices.vendors import VENDORS
from ...application.ports import Price, PriceBook
from ..settings.sections import Settings
from .values import kind_of


def build(settings: Settings) -> PriceBook:
    kinds = {name: kind_of(provider) for _, name, provider in settings.named_providers()}
    overrides: dict[str, list[tuple[str, Price]]] = {}
    for key, price in settings.prices.models.items():
        provider, _, model = key.partition("/")
        overrides.setdefault(provider, []).append((model, Price(**price)))
    sold = any(kind in VENDORS for kind in kinds.values())
    return TablePriceBook(kinds, overrides, shipped_table().prices if sold else {})
