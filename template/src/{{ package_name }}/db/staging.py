"""Rows as a table that a statement can select from, and the COPY that brings them there.

COPY is the driver's, past SQLAlchemy, so everything that SQLAlchemy does for a statement of its own
is done here: the translation of errors, and closing a connection that was cancelled in the middle.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Text,
    bindparam,
    column,
    func,
    literal_column,
    select,
    table,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.expression import FromClause

from .errors import ConnectionFailure, DataException
from .records import M, Records
from .translation import translate

ORDINAL = "number of the row"


async def copy_into(
    connection: AsyncConnection,
    name: str,
    schema: str | None,
    columns: Iterable[str],
    values: Iterable[Iterable[Any]],
) -> None:
    """COPY values, which are given column by column, into a table.

    The transaction must have begun on the server, or they are outside of it. A savepoint is enough.
    """
    driver = (await connection.get_raw_connection()).driver_connection
    assert driver is not None
    try:
        await driver.copy_records_to_table(
            name, schema_name=schema, columns=columns, records=zip(*values, strict=True)
        )
    except BaseException as error:
        if driver.is_closed() or isinstance(error, asyncio.CancelledError):
            await connection.invalidate(error)
        if isinstance(error, asyncpg.PostgresError | asyncpg.InterfaceError | OSError):
            raise translate(error) or ConnectionFailure() from error
        if isinstance(error, Exception):  # what the driver or a type could not make bytes of
            raise DataException("a value does not fit the type of its column") from error
        raise


@asynccontextmanager
async def staged(records: Records[M]) -> AsyncIterator[FromClause]:
    """Give the records as a table with their columns' names, and `ORDINAL`, which counts them.

    Few rows are arrays of one statement. Many are a temporary table, which costs rows in the
    catalogue and is dropped again. It needs the right to make one, which every role has by default.
    """
    connection = records.connection
    types = [each.type.compile(connection.dialect) for each in records.columns]
    columns = [column(each.name, each.type) for each in records.columns]
    # An array of arrays would be unnested to the bottom, and a cast to bit(n) cuts in silence.
    if records.few and not any(name.startswith("BIT") or name.endswith("]") for name in types):
        [values] = [values async for values in records]
        processed = records.processed(values)
        arrays = [
            # So does a cast to varchar(n).
            bindparam(None, list(ready), type_=ARRAY(Text(), dimensions=1))
            if name.startswith(("VARCHAR", "CHAR"))
            else bindparam(None, raw, type_=ARRAY(each.type, dimensions=1))
            for each, name, raw, ready in zip(
                records.columns, types, values, processed, strict=True
            )
        ]
        unnested = func.unnest(*arrays).table_valued(*columns, with_ordinality=ORDINAL)
        yield unnested.render_derived(name="stage")
        return
    # By the table's name: the driver remembers the types of columns by the text of a statement. And
    # as text: SQLAlchemy's DDL makes all connections of the engine forget what they have prepared.
    name = f"stage of {records.table.fullname}"
    quoted = connection.dialect.identifier_preparer.quote(name)
    number = literal_column("0::bigint", BigInteger).label(ORDINAL)
    query = select(*records.columns, number).compile(dialect=connection.dialect)
    await connection.exec_driver_sql(
        f"CREATE TEMPORARY TABLE {quoted} ON COMMIT DROP AS {query} WITH NO DATA"
    )
    names, numbers = [*(each.name for each in records.columns), ORDINAL], itertools.count()
    async for values in records:
        numbered = [*records.processed(values), [*itertools.islice(numbers, len(values[0]))]]
        await copy_into(connection, name, None, names, numbered)
    yield table(name, *columns, column(ORDINAL, BigInteger))
    await connection.exec_driver_sql(f"DROP TABLE {quoted}")
