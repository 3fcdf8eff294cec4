"""Prices of the configuration: what is read, what is refused, and what they come to."""

from pathlib import Path

import pytest

from modelmux.application.ports import Price
from modelmux.domain.errors import ConfigurationError
from modelmux.entrypoints.container import Container
from tests.support.configuring import load_text

PROVIDER = '[[providers]]\ntype = "demo"\nname = "openai"\n'
FULL = '"openai/gpt-5*" = { input = 3.0, output = 15, cached = 0.3, cache_write = 3.75 }\n'


def test_a_price_is_read_and_found(tmp_path: Path) -> None:
    loaded = load_text(f"{PROVIDER}[prices.models]\n{FULL}", tmp_path)
    book = Container(loaded=loaded).price_book()
    assert book.price("openai", "gpt-5-mini") == Price(3.0, 15.0, 0.3, 3.75)
    assert book.price("openai", "another") is None


def test_a_file_adds_to_what_the_configuration_says(tmp_path: Path) -> None:
    file = tmp_path / "prices.toml"
    file.write_text(f'[models]\n"openai/*" = {{ input = 1, output = 2 }}\n{FULL}')
    own = '"openai/gpt-5-mini" = { input = 9, output = 9 }\n'
    text = f'{PROVIDER}[prices]\nfile = "{file}"\n[prices.models]\n{own}'
    book = Container(loaded=load_text(text, tmp_path)).price_book()
    assert book.price("openai", "gpt-5-mini") == Price(9.0, 9.0)
    assert book.price("openai", "gpt-4") == Price(1.0, 2.0)


@pytest.mark.parametrize(
    ("line", "told", "place"),
    [
        ('"openai/a" = { input = 1.0 }', 'the price of "output" is missing', "5:1"),
        ('"openai/a" = { output = 1.0 }', 'the price of "input" is missing', "5:1"),
        ('"openai/a" = { input = -1, output = 1 }', "not below zero", "5:16"),
        ('"openai/a" = { input = nan, output = 1 }', "not below zero", "5:16"),
        ('"openai/a" = { input = 1, output = inf }', "not below zero", "5:27"),
        ('"openai/b.c" = { input = "x", output = 1 }', "openai/b.c.input: expected a n", "5:18"),
        ('"openai/a" = { input = 1, output = 1, ouput = 1 }', 'no price of "ouput"', "5:39"),
        ('"opanai/a" = { input = 1, output = 1 }', 'no provider "opanai"', "5:1"),
        ('"gpt-5" = { input = 1, output = 1 }', "a price is of provider/model", "5:1"),
        ('"openai/" = { input = 1, output = 1 }', "a price is of provider/model", "5:1"),
    ],
)
def test_a_price_with_a_gap_is_refused_with_its_place(
    tmp_path: Path, line: str, told: str, place: str
) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        load_text(f"{PROVIDER}[prices.models]\n{line}\n", tmp_path)
    assert told in refusal.value.message
    assert refusal.value.where == f"{tmp_path / 'modelmux.toml'}:{place}"


def test_a_gap_in_the_file_of_prices_is_told_with_the_place_there(tmp_path: Path) -> None:
    file = tmp_path / "prices.toml"
    file.write_text('[models]\n"openai/a" = { input = 1.0 }\n')
    with pytest.raises(ConfigurationError) as refusal:
        load_text(f'{PROVIDER}[prices]\nfile = "{file}"\n', tmp_path)
    assert refusal.value.where == f"{file}:2:1"


def test_a_file_of_prices_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"there is no file .*none\.toml") as refusal:
        load_text(f'{PROVIDER}[prices]\nfile = "{tmp_path}/none.toml"\n', tmp_path)
    assert refusal.value.where == f"{tmp_path / 'modelmux.toml'}:5:1"
