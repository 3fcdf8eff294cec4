"""The price book of tests keeps the port's laws."""

import pytest

from modelmux.adapters.memory.price_book import MemoryPriceBook
from modelmux.application.ports import PriceBook
from tests.contracts.price_book import MODEL, PRICE, PROVIDER, PriceBookContract


class TestMemoryPriceBook(PriceBookContract):
    @pytest.fixture
    def book(self) -> PriceBook:
        return MemoryPriceBook({(PROVIDER, MODEL): PRICE})
