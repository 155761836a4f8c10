"""COPY: the fastest way to insert rows.

COPY is a function of the driver, and SQLAlchemy does not know it. So this file does what SQLAlchemy
does for its own statements: it translates schemas and errors, and it closes a connection that was
cancelled meanwhile. SQLAlchemy's events, its `echo` and the query log do not see a COPY.

Some rows are inserted by plain INSERTs. That is three times slower, and is logged. These are:

* Rows of a table whose row-level security is active. The server refuses COPY.
* Rows that leave out a column whose default is SQL, or needs the context of its statement.
* Values of a type that puts them into an SQL expression.
* Values whose binary form the driver does not know. These are types of extensions, such as `citext`,
  and some of PostgreSQL's own, such as `macaddr`.
"""

import asyncio
import logging
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import asyncpg
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from ..errors import ConnectionFailure, Error
from .error_codes import translate, value_error

_logger = logging.getLogger(__name__)

_BINARY = 1  # the driver's number for the binary form

Batch = Sequence[list[Any]]
"""The values of some rows, one list for each column."""


class Destination(NamedTuple):
    """Where rows go: columns of a table, on a connection.

    The transaction must have begun on the server, or a COPY would be outside of it. A statement or a
    savepoint begins it.
    """

    connection: AsyncConnection
    table: sa.TableClause
    columns: Sequence[sa.ColumnClause[Any]]

    def translated(self) -> sa.TableClause:
        """Return the table in the schema that a `schema_translate_map` of the connection says."""
        known: Any = self.connection.sync_connection
        schema = known.schema_for_object(self.table)
        return sa.table(self.table.name, *untyped(self.columns), schema=schema)

    def written_by_sql(self, each: sa.ColumnClause[Any]) -> bool:
        """Return whether the type of a column puts its values into an SQL expression."""
        kind = each.type.dialect_impl(self.connection.dialect)
        return kind.bind_expression(sa.bindparam("value")) is not None

    def processed(self, values: Batch) -> list[Iterable[Any]]:
        """Return values as the driver needs them: an enumeration as text, JSON as a string."""
        dialect, ready = self.connection.dialect, list[Iterable[Any]]()
        for each, given in zip(self.columns, values, strict=True):
            process = each.type.dialect_impl(dialect).bind_processor(dialect)
            ready.append(map(process, given) if process else given)
        return ready


async def bulk_insert(into: Destination, batches: AsyncIterable[Batch]) -> None:
    """Insert rows by COPY, batch by batch, or by INSERT if COPY cannot write them.

    Raises:
        ConstraintViolation: a row breaks a constraint.
        DataException: a value does not fit the type of its column.
    """
    connection, table, columns = into
    if obstacle := await _find_obstacle(into):
        _logger.info("no COPY into %s: %s", table, obstacle)
    keys = [each.key for each in columns]
    where = {"columns": [each.name for each in columns], "schema_name": into.translated().schema}
    async for values in batches:
        if obstacle:
            rows = [dict(zip(keys, row, strict=True)) for row in zip(*values, strict=True)]
            await connection.execute(sa.insert(table), rows)
            continue
        records = zip(*into.processed(values), strict=True)
        async with _driver(connection) as driver:
            await driver.copy_records_to_table(table.name, records=records, **where)


def untyped(columns: Sequence[sa.ColumnClause[Any]]) -> list[sa.ColumnClause[Any]]:
    """Return columns without types. The types of some columns change what is selected."""
    return [sa.column(each.name) for each in columns]


async def _find_obstacle(into: Destination) -> str:
    """Return why COPY cannot write the rows, or the empty string."""
    (connection, table, columns), translated = into, into.translated()
    name = connection.dialect.identifier_preparer.format_table(translated)
    if await connection.scalar(sa.select(sa.func.row_security_active(name))):
        return "its row-level security is active"
    for each in {*table.columns} - {*columns}:
        if each.default is not None:
            return f"a statement makes the default of {each}"
    for each in columns:
        if into.written_by_sql(each):
            return f"an SQL expression writes the values of {each}"
    query = sa.select(translated).compile(dialect=connection.dialect)
    async with _driver(connection) as driver:
        described = await driver.prepare(str(query), name="")  # without a name, it does not stay
        settings = driver.get_settings()
        for attribute in described.get_attributes():
            if settings.get_data_codec(attribute.type.oid, _BINARY) is None:
                return f"the driver cannot copy {attribute.name} of type {attribute.type.name}"
    return ""


@asynccontextmanager
async def _driver(connection: AsyncConnection) -> AsyncIterator[Any]:
    """Yield the driver's connection, and treat its errors as SQLAlchemy would."""
    driver: Any = (await connection.get_raw_connection()).driver_connection
    try:
        yield driver
    except BaseException as error:
        if driver.is_closed() or isinstance(error, asyncio.CancelledError):
            await connection.invalidate(error)
        if isinstance(error, asyncpg.PostgresError | asyncpg.InterfaceError | OSError):
            raise translate(error) or ConnectionFailure() from error
        if isinstance(error, Exception) and not isinstance(error, Error):
            raise value_error(error) from error
        raise
