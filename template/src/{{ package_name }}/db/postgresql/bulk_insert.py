"""COPY: the fastest way to insert rows.

COPY is a function of the driver, and SQLAlchemy does not know it. So this file does what SQLAlchemy
does for its own statements: it translates errors, and it closes a connection that was cancelled
meanwhile.
"""

import asyncio
from collections.abc import AsyncIterable, Iterable, Sequence
from typing import Any

import asyncpg
from sqlalchemy import Column, Table, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ..errors import ConnectionFailure, Error
from .error_codes import translate, value_error

Batch = Sequence[list[Any]]
"""The values of some rows, one list for each column."""


async def can_bulk_insert(connection: AsyncConnection, table: Table) -> bool:
    """Return whether the server accepts COPY into a table. Row-level security forbids it."""
    name = connection.dialect.identifier_preparer.format_table(table)
    return not await connection.scalar(select(func.row_security_active(name)))


async def bulk_insert(
    connection: AsyncConnection,
    table: Table,
    columns: Sequence[Column[Any]],
    batches: AsyncIterable[Batch],
) -> None:
    """Insert rows by COPY, batch by batch.

    The transaction must have begun on the server, or the rows would be outside of it. A statement or a
    savepoint begins it.

    Raises:
        ConstraintViolation: a row breaks a constraint.
        DataException: a value does not fit the type of its column.
    """
    names = [column.name for column in columns]
    async for values in batches:
        await copy_into(
            connection, table.name, table.schema, names, processed(connection, columns, values)
        )


async def copy_into(
    connection: AsyncConnection,
    table: str,
    schema: str | None,
    columns: Sequence[str],
    values: Sequence[Iterable[Any]],
) -> None:
    """COPY one batch of processed values into a table, see `bulk_insert`."""
    driver = (await connection.get_raw_connection()).driver_connection
    assert driver is not None
    try:
        await driver.copy_records_to_table(
            table, schema_name=schema, columns=columns, records=zip(*values, strict=True)
        )
    except BaseException as error:
        if driver.is_closed() or isinstance(error, asyncio.CancelledError):
            await connection.invalidate(error)
        if isinstance(error, asyncpg.PostgresError | asyncpg.InterfaceError | OSError):
            raise translate(error) or ConnectionFailure() from error
        if isinstance(error, Exception) and not isinstance(error, Error):
            raise value_error(error) from error
        raise


def processed(
    connection: AsyncConnection, columns: Sequence[Column[Any]], values: Batch
) -> list[Iterable[Any]]:
    """Return values as the driver needs them: an enumeration as text, JSON as a string."""
    dialect = connection.dialect
    processors = [each.type.dialect_impl(dialect).bind_processor(dialect) for each in columns]
    return [
        map(process, column) if process else column
        for process, column in zip(processors, values, strict=True)
    ]
