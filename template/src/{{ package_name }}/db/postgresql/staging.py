"""Rows as a table that a statement can select from."""

import itertools
import re
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import sqlalchemy as sa

from .bulk_insert import Batch, Destination, bulk_insert, untyped

ORDINAL = "number of the row"

_UNNESTED = re.compile(
    r"(TEXT|CITEXT|VARCHAR|CHAR|SMALLINT|INTEGER|BIGINT|NUMERIC|FLOAT|REAL|DOUBLE PRECISION|BOOLEAN"
    r"|DATE|TIME|TIMESTAMP|INTERVAL|UUID|BYTEA|JSONB?)\b(?!.* COLLATE)[^]]*"  # an array has no collation
)


@asynccontextmanager
async def staged(
    into: Destination, batches: AsyncIterable[Batch], *, few: bool
) -> AsyncIterator[sa.FromClause]:
    """Yield a table with the rows of the batches.

    A few rows become arrays in one statement. Many rows become a temporary table, which is dropped at
    the end. It adds rows to the catalogue of the server. By default every role may create one.

    Args:
        into: what the rows are for. The yielded table has its columns, and `ORDINAL`, which counts rows.
        batches: the values.
        few: whether there is only one batch, and it is small.

    Raises:
        TypeError: the table has a column with the name of `ORDINAL`.
    """
    if ORDINAL in [each.name for each in into.table.columns]:
        raise TypeError(f'rename the column "{ORDINAL}" of {into.table}: staged rows have it too')
    if few and all(_can_unnest(into, each) for each in into.columns):
        [values] = [batch async for batch in batches]
        yield _unnested(into, values)
        return
    # The name contains the table's name, because the driver caches column types by the text of a
    # statement. Text creates it, because after DDL of SQLAlchemy all connections drop their caches.
    connection, source = into.connection, into.translated()
    typed = [sa.column(each.name, each.type) for each in into.columns]
    stage = sa.table(f"stage of {source.fullname}", *typed, sa.column(ORDINAL, sa.BigInteger))
    quoted = connection.dialect.identifier_preparer.format_table(stage)
    numbered = sa.select(*source.c, sa.literal_column("0::bigint").label(ORDINAL))
    query = numbered.compile(dialect=connection.dialect)
    create = f"CREATE TEMPORARY TABLE {quoted} ON COMMIT DROP AS {query} WITH NO DATA"
    await connection.exec_driver_sql(create)
    numbers = itertools.count()
    rows = ([*values, [*itertools.islice(numbers, len(values[0]))]] async for values in batches)
    await bulk_insert(Destination(connection, stage, [*stage.c]), rows)
    yield sa.table(stage.name, *untyped([*stage.c]))
    await connection.exec_driver_sql(f"DROP TABLE {quoted}")


def _can_unnest(into: Destination, column: sa.ColumnClause[Any]) -> bool:
    """Return whether an array of values becomes the same values again.

    It does for the types that most columns have. unnest() would take apart arrays inside of arrays, and
    a cast to bit(n) cuts without an error. About a type that is not known here nothing is known.
    """
    kind = column.type.compile(into.connection.dialect)
    known = isinstance(column.type, sa.Enum) or _UNNESTED.fullmatch(kind)
    return bool(known) and not into.written_by_sql(column)


def _unnested(into: Destination, values: Batch) -> sa.FromClause:
    """Return one batch as arrays that the server unnests."""
    ready, dialect = into.processed(values), into.connection.dialect
    arrays = list[Any]()
    for each, raw, texts in zip(into.columns, values, ready, strict=True):
        # A cast to varchar(n) would cut without an error, so its values are sent as text.
        cut = each.type.compile(dialect).startswith(("VARCHAR", "CHAR"))
        kind, given = (sa.Text(), [*texts]) if cut else (each.type, raw)
        arrays.append(sa.bindparam(None, given, type_=sa.ARRAY(kind, dimensions=1)))
    unnested = sa.func.unnest(*arrays).table_valued(*untyped(into.columns), with_ordinality=ORDINAL)
    return unnested.render_derived(name="the stage")
