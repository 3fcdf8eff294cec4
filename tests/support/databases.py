"""What tests do to a database behind the stores' backs."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, Executable, Table, func, select

from modelmux.adapters.sql.database import Database


async def run_sql(database: Database, *statements: str) -> None:
    def work(connection: Connection) -> None:
        for statement in statements:
            connection.exec_driver_sql(statement)

    await database.write(work)


async def execute(
    database: Database, statement: Executable, rows: Sequence[Mapping[str, object]] | None = None
) -> None:
    def work(connection: Connection) -> None:
        connection.execute(statement, rows)

    await database.write(work)


async def count_rows(database: Database, table: Table) -> int:
    found = await database.read(
        lambda connection: connection.scalar(select(func.count()).select_from(table))
    )
    return found or 0
