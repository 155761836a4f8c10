"""Rows as a table that a statement can select from."""

import itertools
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.expression import FromClause

from .bulk_insert import Batch, copy_into, processed

ORDINAL = "number of the row"


@asynccontextmanager
async def staged(
    connection: AsyncConnection,
    target: sa.Table,
    columns: Sequence[sa.Column[Any]],
    batches: AsyncIterable[Batch],
    *,
    few: bool,
) -> AsyncIterator[FromClause]:
    """Yield a table with the rows of the batches.

    A few rows become arrays in one statement. Many rows become a temporary table, which is dropped at
    the end. It adds rows to the catalogue of the server. By default every role may create one.

    Args:
        target: the table that the rows are for.
        columns: columns of the target. The yielded table has them, and `ORDINAL`, which counts rows.
        batches: the values.
        few: whether there is only one batch, and it is small.
    """
    kinds = [each.type.compile(connection.dialect) for each in columns]
    # unnest() would take apart arrays inside of arrays, and a cast to bit(n) cuts without an error.
    if few and not any(kind.startswith("BIT") or kind.endswith("]") for kind in kinds):
        [values] = [batch async for batch in batches]
        yield _unnested(connection, columns, kinds, values)
        return
    # The name contains the table's name, because the driver caches column types by the text of a
    # statement. Text creates it, because after DDL of SQLAlchemy all connections drop their caches.
    name = f"stage of {target.fullname}"
    quoted = connection.dialect.identifier_preparer.quote(name)
    number = sa.literal_column("0::bigint", sa.BigInteger).label(ORDINAL)
    query = sa.select(*columns, number).compile(dialect=connection.dialect)
    await connection.exec_driver_sql(
        f"CREATE TEMPORARY TABLE {quoted} ON COMMIT DROP AS {query} WITH NO DATA"
    )
    names, numbers = [*(each.name for each in columns), ORDINAL], itertools.count()
    async for values in batches:
        ordinals = list(itertools.islice(numbers, len(values[0])))
        rows = [*processed(connection, columns, values), ordinals]
        await copy_into(connection, name, None, names, rows)
    yield sa.table(name, *_typed(columns), sa.column(ORDINAL, sa.BigInteger))
    await connection.exec_driver_sql(f"DROP TABLE {quoted}")


def _unnested(
    connection: AsyncConnection,
    columns: Sequence[sa.Column[Any]],
    kinds: Sequence[str],
    values: Batch,
) -> FromClause:
    """Return one batch as arrays that the server unnests."""
    ready = processed(connection, columns, values)
    arrays = [
        # A cast to varchar(n) would cut without an error, so its values are sent as text.
        sa.bindparam(None, list(texts), type_=sa.ARRAY(sa.Text(), dimensions=1))
        if kind.startswith(("VARCHAR", "CHAR"))
        else sa.bindparam(None, raw, type_=sa.ARRAY(each.type, dimensions=1))
        for each, kind, raw, texts in zip(columns, kinds, values, ready, strict=True)
    ]
    unnested = sa.func.unnest(*arrays).table_valued(*_typed(columns), with_ordinality=ORDINAL)
    return unnested.render_derived(name="stage")


def _typed(columns: Sequence[sa.Column[Any]]) -> list[Any]:
    return [sa.column(each.name, each.type) for each in columns]
