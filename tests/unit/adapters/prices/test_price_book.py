"""The price table that ships, and what configurations put before it."""

import math

import pytest

from modelmux.adapters.prices.book import TablePriceBook
from modelmux.adapters.prices.table import shipped_table
from modelmux.adapters.prices.vendors import VENDORS
from modelmux.application.ports import Price, PriceBook
from tests.contracts.price_book import MODEL, PRICE, PROVIDER, PriceBookContract

OPENAI = {"openai": "openai"}


class TestTablePriceBook(PriceBookContract):
    @pytest.fixture
    def book(self) -> PriceBook:
        rows = {"openai": {"model-*": (3.0, 15.0, 0.3, 3.75), "model-1*": None}}
        return TablePriceBook({PROVIDER: "openai"}, {}, rows)

    def test_a_name_is_compared_without_its_capitals(self, book: PriceBook) -> None:
        assert book.price(PROVIDER, MODEL.upper()) == PRICE


def test_the_configuration_counts_before_the_table() -> None:
    own = Price(1.0, 2.0)
    rows = {"openai": {"model-one": (3.0, 15.0, None, None)}}
    book = TablePriceBook(OPENAI, {"openai": [("model-*", own)]}, rows)
    assert book.price("openai", "model-one") == own


def test_an_exact_name_counts_before_patterns_and_the_first_pattern_before_others() -> None:
    rows = {
        "openai": {
            "gpt-5-nano*": (1.0, 1.0, None, None),
            "gpt-5*": (2.0, 2.0, None, None),
            "gpt-5-nano-mini": (3.0, 3.0, None, None),
        }
    }
    book = TablePriceBook(OPENAI, {}, rows)
    assert book.price("openai", "gpt-5-nano-2027") == Price(1.0, 1.0)
    assert book.price("openai", "gpt-5-pro") == Price(2.0, 2.0)
    assert book.price("openai", "gpt-5-nano-mini") == Price(3.0, 3.0)


def test_a_model_not_sold_by_tokens_is_not_priced_by_a_wider_pattern() -> None:
    rows = {"openai": {"gpt-audio*": None, "gpt-*": (2.0, 2.0, None, None)}}
    assert TablePriceBook(OPENAI, {}, rows).price("openai", "gpt-audio-mini") is None


def test_a_server_of_ones_own_has_no_price_until_it_is_given_one() -> None:
    rows = {"openai": {"*": (3.0, 15.0, None, None)}}
    own = {"here": [("*", Price(0.0, 0.0))]}
    assert TablePriceBook({"here": "vllm"}, {}, rows).price("here", "gpt-5") is None
    assert TablePriceBook({"here": "vllm"}, own, rows).price("here", "gpt-5") == Price(0.0, 0.0)


def test_the_table_says_where_it_is_from_and_has_every_vendor() -> None:
    table = shipped_table()
    assert "MIT" in table.source
    assert len(table.date) == len("2026-11-21")
    assert {vendor for vendors in VENDORS.values() for vendor in vendors} == set(table.prices)


def test_no_price_of_the_table_is_free_by_mistake() -> None:
    for vendor, rows in shipped_table().prices.items():
        for name, row in rows.items():
            if row is not None:
                assert all(math.isfinite(one) and one >= 0 for one in row if one is not None)
                assert row[0] > 0, (vendor, name)
                assert row[1] > 0 or "embed" in name, (vendor, name)


@pytest.mark.parametrize(
    ("kind", "model"),
    [
        ("openai", "gpt-4o-2024-11-20"),
        ("anthropic", "claude-sonnet-4-5-20250929"),
        ("vertex", "claude-sonnet-4-5@20250929"),
        ("vertex", "gemini-2.5-pro"),
        ("bedrock", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("azure", "gpt-4o"),
        ("cohere", "command-r-plus"),
    ],
)
def test_models_people_use_are_priced(kind: str, model: str) -> None:
    price = TablePriceBook({"it": kind}, {}, shipped_table().prices).price("it", model)
    assert price is not None
    assert 0 < price.input < price.output


@pytest.mark.parametrize(
    ("pattern", "model", "fits"),
    [
        ("a*", "a", True),
        ("a*a", "a", False),
        ("a*b*c", "a-b-c", True),
        ("a*b*c", "a-c-b", False),
        ("*b*", "abc", True),
        ("a.c*", "abc", False),
        ("*", "anything", True),
        ("ab*bc", "abc", False),
        ("A*", "abc", True),
    ],
)
def test_a_star_stands_for_anything(pattern: str, model: str, fits: bool) -> None:
    book = TablePriceBook({"here": "vllm"}, {"here": [(pattern, PRICE)]}, {})
    assert (book.price("here", model) is PRICE) is fits
