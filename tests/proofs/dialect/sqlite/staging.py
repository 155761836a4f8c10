"""Rows as a temporary table that a statement can select from."""

import itertools
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager

import sqlalchemy as sa

from .bulk_insert import Batch, Destination

ORDINAL = "number of the row"


@asynccontextmanager
async def staged(
    into: Destination, batches: AsyncIterable[Batch], *, few: bool
) -> AsyncIterator[sa.FromClause]:
    """Yield a table with the rows of the batches, numbered by `ORDINAL`."""
    connection, table, columns = into
    stage = sa.table(
        f"stage of {table.name}",
        *(sa.column(each.name, each.type) for each in columns),
        sa.column(ORDINAL, sa.Integer),
    )
    quoted = connection.dialect.identifier_preparer.quote(stage.name)
    query = sa.select(*columns, sa.literal_column("0").label(ORDINAL)).where(sa.false())
    sql = query.compile(connection.sync_engine)
    await connection.exec_driver_sql(f"CREATE TEMPORARY TABLE {quoted} AS {sql}")
    keys, numbers = [each.key for each in stage.c], itertools.count()
    async for values in batches:
        # The numbers are endless, so the rows end first.
        rows = [dict(zip(keys, row, strict=True)) for row in zip(*values, numbers, strict=False)]
        await connection.execute(sa.insert(stage), rows)
    # The types of some columns change what is selected. A stage has the values as they are.
    yield sa.table(stage.name, *(sa.column(each.name) for each in stage.c))
    await connection.exec_driver_sql(f"DROP TABLE {quoted}")
