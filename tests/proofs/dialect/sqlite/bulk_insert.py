"""INSERTs by `executemany`: the fastest way to insert rows."""

from collections.abc import AsyncIterable, Sequence
from typing import Any

from sqlalchemy import Column, Table, insert
from sqlalchemy.ext.asyncio import AsyncConnection

Batch = Sequence[list[Any]]
"""The values of some rows, one list for each column."""


async def can_bulk_insert(connection: AsyncConnection, table: Table) -> bool:
    """Return True, because every table accepts INSERTs."""
    return True


async def bulk_insert(
    connection: AsyncConnection,
    table: Table,
    columns: Sequence[Column[Any]],
    batches: AsyncIterable[Batch],
) -> None:
    """Insert rows, batch by batch."""
    keys = [column.key for column in columns]
    async for values in batches:
        rows = [dict(zip(keys, row, strict=True)) for row in zip(*values, strict=True)]
        await connection.execute(insert(table), rows)
