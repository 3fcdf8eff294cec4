"""The laws of `PriceBook`."""

from abc import ABC, abstractmethod

import pytest

from modelmux.application.ports import Price, PriceBook
from modelmux.domain.events import Usage

PROVIDER, MODEL = "maker", "model-one"
PRICE = Price(input=3.0, output=15.0, cached=0.3, cache_write=3.75)


class PriceBookContract(ABC):
    """Inherit, give a `book` in which PROVIDER's MODEL has PRICE, and nothing else is known."""

    @pytest.fixture
    @abstractmethod
    def book(self) -> PriceBook: ...

    def test_a_known_model_has_its_price_every_time(self, book: PriceBook) -> None:
        assert book.price(PROVIDER, MODEL) == PRICE
        assert book.price(PROVIDER, MODEL) == PRICE

    def test_what_nobody_knows_has_no_price_rather_than_none_to_pay(self, book: PriceBook) -> None:
        assert book.price(PROVIDER, "another") is None
        assert book.price("another", MODEL) is None

    def test_many_names_do_no_harm(self, book: PriceBook) -> None:
        for number in range(10_000):
            assert book.price(PROVIDER, f"other-{number}") is None
        assert book.price(PROVIDER, MODEL) == PRICE

    def test_each_kind_of_tokens_costs_its_own(self, book: PriceBook) -> None:
        price = book.price(PROVIDER, MODEL)
        assert price is not None
        used = Usage(1_000_000, 100_000, cached_tokens=500_000, cache_write_tokens=200_000)
        assert price.cost(used) == pytest.approx(0.9 + 1.5 + 0.15 + 0.75)
