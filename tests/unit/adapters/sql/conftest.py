"""A database in a folder of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from modelmux.adapters.sql.database import Database
from modelmux.adapters.sql.sqlite import SqliteDatabase


@pytest.fixture
def database_path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "modelmux.db"


@pytest.fixture
async def database(database_path: Path) -> AsyncIterator[Database]:
    database = SqliteDatabase(database_path)
    await database.start()
    yield database
    await database.aclose()
