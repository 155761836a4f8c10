"""INSERTs by `executemany`: the fastest way to insert rows."""

from collections.abc import AsyncIterable, Sequence
from typing import Any

from sqlalchemy import ColumnClause, TableClause, insert
from sqlalchemy.ext.asyncio import AsyncConnection

Batch = Sequence[list[Any]]
"""The values of some rows, one list for each column."""


async def bulk_insert(
    connection: AsyncConnection,
    table: TableClause,
    columns: Sequence[ColumnClause[Any]],
    batches: AsyncIterable[Batch],
) -> None:
    """Insert rows, batch by batch."""
    keys = [column.key for column in columns]
    async for values in batches:
        rows = [dict(zip(keys, row, strict=True)) for row in zip(*values, strict=True)]
        await connection.execute(insert(table), rows)
