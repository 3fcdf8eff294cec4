"""docs/API_COMPATIBILITY.md says what the capability records and dry runs say."""

import asyncio
from collections.abc import Mapping
from typing import Final

import pytest

from modelmux.application.explain import WouldRefuse
from modelmux.domain.dialect import Dialect
from modelmux.entrypoints.settings.providers import PROVIDER_TYPES
from tests.support.compatibility_table import (
    CHAT_MODELS,
    CHAT_ROWS,
    NO,
    PAGE,
    TABLES,
    UNREAD,
    Column,
    columns,
    dry_container,
    outcome_of,
    page_with,
)
from tests.support.images import PNG_BASE64

_PDF: Final = "data:application/pdf;base64,JVBERi0xLjQK"
_AUDIO: Final = {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}


def _with(part: Mapping[str, object]) -> Mapping[str, object]:
    content = [{"type": "text", "text": "What is it?"}, part]
    return {"messages": [{"role": "user", "content": content}]}


# Chat requests that need what a row is about, and nothing else.
NEEDS: Final[Mapping[str, Mapping[str, object]]] = {
    "images": _with(
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG_BASE64}"}}
    ),
    "PDF files": _with({"type": "file", "file": {"filename": "a.pdf", "file_data": _PDF}}),
    "audio": _with(_AUDIO),
    "`n` over 1": {"messages": [{"role": "user", "content": "Hi"}], "n": 2},
}


@pytest.fixture(scope="module")
def made() -> tuple[Column, ...]:
    return asyncio.run(columns(CHAT_MODELS))


def test_the_page_has_the_tables_of_the_records() -> None:
    text = PAGE.read_text()
    assert page_with(text) == text, "python -m tests.support.compatibility_table"


def test_every_type_of_provider_that_calls_somebody_has_a_column(made: tuple[Column, ...]) -> None:
    assert {column.type for column in made} == PROVIDER_TYPES.keys() - {"demo"}


def test_every_cell_is_said() -> None:
    for models, rows in TABLES.values():
        for column in asyncio.run(columns(models)):
            for row, cell in rows.items():
                assert cell(column).strip(), (row, column.model.title)


@pytest.mark.parametrize("row", NEEDS)
def test_what_is_refused_is_what_the_table_says(row: str, made: tuple[Column, ...]) -> None:
    container = dry_container()
    said = {
        column.model.title
        for column in made
        if CHAT_ROWS[row](column) == NO and column.lanes[Dialect.CHAT_COMPLETIONS] != UNREAD
    }
    refused = {
        model.title
        for model in CHAT_MODELS
        if isinstance(
            asyncio.run(outcome_of(container, model, Dialect.CHAT_COMPLETIONS, NEEDS[row])),
            WouldRefuse,
        )
    }
    assert refused == said
