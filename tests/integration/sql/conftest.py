"""A real Postgres, and in it a database that each test finds empty."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit

import pytest
from sqlalchemy import Connection

from modelmux.adapters.sql.postgres import PostgresDatabase
from modelmux.domain.secret import Secret
from tests.support.servers import running_postgres


async def execute(url: str, *statements: str) -> None:
    """Execute each statement outside a transaction, as reads are."""
    database = PostgresDatabase(Secret(url))

    def work(connection: Connection) -> None:
        for statement in statements:
            connection.exec_driver_sql(statement)

    await database.read(work)
    await database.aclose()


@pytest.fixture(scope="session")
def postgres_database() -> Iterator[str]:
    """Give the address of a database of our own: the one that was given may be somebody's."""
    name = f"modelmux_test_{secrets.token_hex(6)}"
    with running_postgres() as server:
        asyncio.run(execute(server, f"CREATE DATABASE {name}"))
        yield urlsplit(server)._replace(path=f"/{name}").geturl()
        asyncio.run(execute(server, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
async def postgres_url(postgres_database: str) -> str:
    """Return the address of an empty database."""
    await execute(postgres_database, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    return postgres_database


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[PostgresDatabase]:
    database = PostgresDatabase(Secret(postgres_url))
    await database.start()
    yield database
    await database.aclose()
