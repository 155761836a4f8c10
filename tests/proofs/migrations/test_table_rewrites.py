"""The layer knows for which changes of a column PostgreSQL writes the whole table again."""

from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import DefaultClause, Sequence, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shop.db.migrations.postgresql import differs_by_row, widens
from shop.db.postgresql import SQL_DIALECT

TYPES = ["VARCHAR(5)", "VARCHAR(9)", "VARCHAR", "TEXT", "INTEGER", "BIGINT"]
TYPES += ["NUMERIC(5, 2)", "NUMERIC(9, 2)", "NUMERIC(9, 3)", "NUMERIC"]
FILE = text("SELECT pg_relation_filenode('things')")


async def is_written_again(server: AsyncConnection, kind: str, change: str) -> bool:
    """Return whether a table with a column of a type gets another file when it is changed."""
    await server.execute(text("DROP TABLE IF EXISTS things"))
    await server.execute(text(f"CREATE TABLE things (thing {kind})"))
    before = await server.scalar(FILE)
    await server.execute(text(f"ALTER TABLE things {change}"))
    return bool(await server.scalar(FILE) != before)


async def test_a_type_is_wider_if_the_table_stays_as_it_is(server: AsyncConnection) -> None:
    for before, after in permutations(TYPES, 2):
        change = f"ALTER thing TYPE {after} USING thing::{after}"
        again = await is_written_again(server, before, change)
        assert widens(before, after) is not again, (before, after)


@pytest.mark.parametrize(
    "default",
    [
        "5",
        text("5"),
        "random()",  # a text of the model, which is quoted
        text("now()"),
        text("upper(lower('a'))"),
        text("COALESCE(statement_timestamp(), transaction_timestamp())"),
        text("(1 + 2)"),
        text("random()"),
        text("1 + random ()"),
        text("clock_timestamp()"),
        text("lower(gen_random_uuid()::text)"),
        text('"random"()'),
        Sequence("counter").next_value(),
    ],
    ids=str,
)
async def test_a_default_differs_by_row_if_the_table_is_written_again(
    server: AsyncConnection, default: Any
) -> None:
    await server.execute(text("CREATE SEQUENCE IF NOT EXISTS counter"))
    words = default if isinstance(default, str) else default.compile(dialect=SQL_DIALECT)
    sql = f"'{default}'" if isinstance(default, str) else f"({words})::text"
    again = await is_written_again(server, "int", f"ADD other text DEFAULT {sql}")

    assert differs_by_row(DefaultClause(default)) is again
