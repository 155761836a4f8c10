"""INSERTs by `executemany`: the fastest way to insert rows."""

from collections.abc import AsyncIterable, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

Batch = Sequence[list[Any]]
"""The values of some rows, one list for each column."""


class Destination(NamedTuple):
    """Where rows go: columns of a table, on a connection."""

    connection: AsyncConnection
    table: sa.TableClause
    columns: Sequence[sa.ColumnClause[Any]]


async def bulk_insert(into: Destination, batches: AsyncIterable[Batch]) -> None:
    """Insert rows, batch by batch."""
    keys = [column.key for column in into.columns]
    async for values in batches:
        rows = [dict(zip(keys, row, strict=True)) for row in zip(*values, strict=True)]
        await into.connection.execute(sa.insert(into.table), rows)
