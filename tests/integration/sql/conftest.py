"""A real Postgres, and in it a database that each test finds empty."""

import secrets
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit

import pytest

from modelmux.adapters.sql.postgres import PostgresDatabase
from modelmux.domain.secret import Secret
from tests.support.servers import running_postgres


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    with running_postgres() as url:
        yield url


@pytest.fixture
async def postgres_url(postgres_server: str) -> AsyncIterator[str]:
    """Return the address of a database of its own: the one that was given may be somebody's."""
    name = f"modelmux_test_{secrets.token_hex(6)}"
    server = PostgresDatabase(Secret(postgres_server))
    # Where reads go, statements stand outside transactions, as these have to.
    await server.read(lambda it: it.exec_driver_sql(f"CREATE DATABASE {name}"))
    yield urlsplit(postgres_server)._replace(path=f"/{name}").geturl()
    await server.read(lambda it: it.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)"))
    await server.aclose()


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[PostgresDatabase]:
    database = PostgresDatabase(Secret(postgres_url))
    await database.start()
    yield database
    await database.aclose()
