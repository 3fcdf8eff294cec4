"""The part of the container for Postgres: apart, because it needs the extra `postgres`."""

from ...adapters.sql.postgres import PostgresDatabase
from ...domain.secret import Secret


def database(url: Secret) -> PostgresDatabase:
    return PostgresDatabase(url)
