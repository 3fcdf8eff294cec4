"""The tables. A column changes only together with `VERSION` and a step that upgrades old files."""

from sqlalchemy import (
    Column,
    Connection,
    Double,
    Index,
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

# 1 had neither responses nor conversations, which are made where they are missing; 2 had no tags.
VERSION = 3

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
    Column("tags", LargeBinary),
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

# Of what is kept for tenants every key begins with the tenant, `value` is the stored form of the
# domain's value, and the other columns are what is asked for.

responses = Table(
    "responses",
    metadata,
    Column("tenant", String(200), primary_key=True),
    Column("id", String(200), primary_key=True),
    Column("previous", String(200)),
    Column("status", String(32), nullable=False),
    Column("background", Integer, nullable=False),  # 1 or 0: not each database has truth values
    Column("created_at", Double, nullable=False),
    Column("used_at", Double, nullable=False, index=True),
    Column("value", LargeBinary, nullable=False),
    Index("responses_of_tenant_by_use", "tenant", "used_at"),
    Index("responses_of_tenant_by_age", "tenant", "created_at", "id"),
    Index("responses_by_status", "status"),  # few of them run
)

response_events = Table(
    "response_events",
    metadata,
    Column("tenant", String(200), primary_key=True),
    Column("response", String(200), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("frame", LargeBinary, nullable=False),
)

conversations = Table(
    "conversations",
    metadata,
    Column("tenant", String(200), primary_key=True),
    Column("id", String(200), primary_key=True),
    Column("created_at", Double, nullable=False),
    Column("written_at", Double, nullable=False, index=True),
    Column("item_count", Integer, nullable=False),
    Column("next_position", Integer, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Index("conversations_of_tenant_by_write", "tenant", "written_at"),
    Index("conversations_of_tenant_by_age", "tenant", "created_at", "id"),
)

conversation_items = Table(
    "conversation_items",
    metadata,
    Column("tenant", String(200), primary_key=True),
    Column("conversation", String(200), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("id", String(200), nullable=False),
    Column("value", LargeBinary, nullable=False),
    Index("conversation_items_by_id", "tenant", "conversation", "id", unique=True),
)

leases = Table(
    "leases",
    metadata,
    Column("tenant", String(200), primary_key=True),
    Column("subject", String(200), primary_key=True),
    Column("holder", String(200), nullable=False),
    Column("held_until", Double, nullable=False),
)


def _add_tags(connection: Connection) -> None:
    kind = keys.c.tags.type.compile(connection.dialect)
    connection.exec_driver_sql(f"ALTER TABLE {keys.name} ADD COLUMN {keys.c.tags.name} {kind}")


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
            hint="run the newer modelmux, or name another database",
        )
    metadata.create_all(connection)
    if found is not None and found < 3:
        _add_tags(connection)
    if found is None:
        connection.execute(insert(schema_version).values(version=VERSION))
    elif found < VERSION:
        connection.execute(update(schema_version).values(version=VERSION))
