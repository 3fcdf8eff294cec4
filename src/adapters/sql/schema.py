"""The tables. A column changes only together with `VERSION` and a step that upgrades old files."""

from sqlalchemy import (
    Column,
    Connection,
    Double,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    insert,
    select,
    update,
)

from ...domain.errors import ConfigurationError

VERSION = 1

metadata = MetaData()

schema_version = Table("schema_version", metadata, Column("version", Integer, nullable=False))

changes = Table(  # a row a subject, counted up with each change: what other processes watch
    "changes",
    metadata,
    Column("subject", String(32), primary_key=True),
    Column("counter", Integer, nullable=False),
)

keys = Table(
    "keys",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("tenant", String(200), nullable=False),
    Column("digest", LargeBinary(32), nullable=False, unique=True),
    Column("created_at", Double, nullable=False),
    Column("revoked_at", Double),
)

proofs = Table(
    "proofs",
    metadata,
    Column("tenant", String(200), primary_key=True),
    # SHA-256 of the call id, whose length and letters are somebody else's choice.
    Column("call", LargeBinary(32), primary_key=True),
    Column("kept_at", Double, nullable=False, index=True),
    Column("value", LargeBinary, nullable=False),
)


def raise_schema(connection: Connection) -> None:
    """Create what is missing; called inside a transaction that no other process shares.

    Raises:
        ConfigurationError: a newer modelmux has written this database.
    """
    schema_version.create(connection, checkfirst=True)
    found = connection.scalar(select(schema_version.c.version))
    if found is not None and found > VERSION:
        raise ConfigurationError(
            f"the database has schema version {found}, this modelmux knows up to {VERSION}",
            hint="run the newer modelmux, or name another database file",
        )
    metadata.create_all(connection)
    if found is None:
        connection.execute(insert(schema_version).values(version=VERSION))
    elif found < VERSION:
        connection.execute(update(schema_version).values(version=VERSION))
