"""Prices that a test gives."""

from collections.abc import Mapping

from ...application.ports import Price, PriceBook


class MemoryPriceBook(PriceBook):
    """`prices` by provider and model; others have none."""

    def __init__(self, prices: Mapping[tuple[str, str], Price]) -> None:
        self._prices = dict(prices)

    def price(self, provider: str, model: str) -> Price | None:
        return self._prices.get((provider, model))
