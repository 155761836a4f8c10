"""A backfill commits each batch, does not wait for writers, and continues where it broke off."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from alembic.util import CommandError
from sqlalchemy import URL, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from shop.db.migrations.operations import progress
from shop.db.migrations.operations.backfill import Backfill
from tests.proofs.support.faults import BLOCKED, wait_until
from tests.proofs.support.revisions import Project
from tools.sources import connect

# The order of the keys is not the order of the rows in the table.
TABLE = """
    CREATE TABLE stock (
        warehouse int, item text, amount int, value int, PRIMARY KEY (warehouse, item)
    );
    INSERT INTO stock SELECT 2, 'x' || n, n FROM generate_series(4, 1, -1) AS n;
    INSERT INTO stock SELECT 1, 'x' || n, n FROM generate_series(3, 1, -1) AS n
"""
VALUES = "SELECT value FROM stock ORDER BY warehouse, item"


@pytest.fixture
async def server(fresh_database_url: URL) -> AsyncIterator[AsyncConnection]:
    """A connection for the test itself, in autocommit mode."""
    async with connect(fresh_database_url) as connection:
        for statement in TABLE.split(";"):
            await connection.execute(text(statement))
        yield connection


@pytest.fixture
async def migration(fresh_database_url: URL, server: AsyncConnection) -> AsyncIterator[Any]:
    """The connection of the migration, with its lock timeout."""
    async with connect(fresh_database_url) as connection:
        await connection.execute(text("SET lock_timeout = '10s'"))
        yield connection


async def fill(
    connection: AsyncConnection, expression: str = "amount * 10", batch: int = 3, pause: float = 0.0
) -> list[str]:
    """Return the lines about the progress."""
    told: list[str] = []
    work = Backfill("stock", None, "value", expression)
    await connection.run_sync(work.run, batch, pause, told.append)
    return told


@asynccontextmanager
async def locked(url: URL, change: str) -> AsyncIterator[AsyncConnection]:
    """Change a row in another transaction, which ends with the block."""
    async with connect(url) as connection:
        await connection.execute(text("BEGIN"))
        await connection.execute(text(change))
        yield connection
        await connection.execute(text("COMMIT"))


async def test_each_batch_is_a_transaction_and_follows_the_order_of_the_key(
    server: AsyncConnection, migration: AsyncConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)

    await fill(migration, pause=0.25)

    batches = await server.execute(
        text(
            "SELECT string_agg(warehouse || item, ' ' ORDER BY warehouse, item) "
            "FROM stock GROUP BY xmin::text ORDER BY 1"
        )
    )
    assert batches.scalars().all() == ["1x1 1x2 1x3", "2x1 2x2 2x3", "2x4"]
    assert await values(server) == [10, 20, 30, 10, 20, 30, 40]
    assert pauses == [0.25, 0.25, 0.25]


async def test_a_row_keeps_its_value_and_may_get_null(
    server: AsyncConnection, migration: AsyncConnection
) -> None:
    await server.execute(text("UPDATE stock SET value = 0 WHERE item = 'x1'"))

    await fill(migration, "nullif(amount, 2)", batch=1)

    assert await values(server) == [0, None, 3, 0, None, 3, 4]


async def test_a_locked_row_is_changed_last(
    fresh_database_url: URL, server: AsyncConnection, migration: AsyncConnection
) -> None:
    change = "UPDATE stock SET amount = 7 WHERE warehouse = 1 AND item = 'x2'"
    async with locked(fresh_database_url, change) as somebody:
        filling = asyncio.create_task(fill(migration))
        await wait_until(somebody, BLOCKED, 1)
        assert await values(server) == [10, None, 30, 10, 20, 30, 40]
    await filling

    assert await values(server) == [10, 70, 30, 10, 20, 30, 40]


async def test_if_a_row_stays_locked_the_backfill_gives_up_and_continues_later(
    fresh_database_url: URL, server: AsyncConnection, migration: AsyncConnection
) -> None:
    await migration.execute(text("SET lock_timeout = '50ms'"))
    async with locked(fresh_database_url, "DELETE FROM stock WHERE warehouse = 2 AND item = 'x1'"):
        with pytest.raises(DBAPIError, match="lock timeout"):
            await fill(migration)
        assert await values(server) == [10, 20, 30, None, 20, 30, 40]
    before = await written(server)

    await fill(migration)

    assert await written(server) == before
    assert await values(server) == [10, 20, 30, 20, 30, 40]


async def test_the_check_of_a_foreign_key_does_not_block_the_backfill(
    fresh_database_url: URL, server: AsyncConnection, migration: AsyncConnection
) -> None:
    reference = "SELECT FROM stock FOR KEY SHARE"  # the check of a foreign key takes this lock
    async with locked(fresh_database_url, reference):
        await fill(migration)

        assert None not in await values(server)


async def test_a_table_without_a_primary_key_is_refused(
    server: AsyncConnection, migration: AsyncConnection
) -> None:
    await server.execute(text("ALTER TABLE stock DROP CONSTRAINT stock_pkey"))

    with pytest.raises(CommandError, match="stock has no primary key"):
        await fill(migration)


async def test_a_long_backfill_prints_its_progress(
    server: AsyncConnection, migration: AsyncConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await server.execute(text("ANALYZE stock"))
    now = 100.0
    monkeypatch.setattr("shop.db.migrations.operations.progress.monotonic", lambda: now)

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(time, "sleep", sleep)

    told = await fill(migration, batch=2, pause=progress.INTERVAL / 2)

    assert told == [
        "  stock.value: 6 rows, 86% of about 7",
        "  stock.value: 7 rows in 10.00 s, done",
    ]


async def test_the_share_is_missing_if_the_server_does_not_know_the_number_of_rows(
    server: AsyncConnection, migration: AsyncConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "INTERVAL", 0.0)

    told = await fill(migration, batch=5)

    assert told[:2] == ["  stock.value: 5 rows", "  stock.value: 7 rows"]


async def test_the_share_is_never_more_than_100_per_cent(
    server: AsyncConnection, migration: AsyncConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await server.execute(text("ANALYZE stock"))
    await server.execute(
        text("INSERT INTO stock SELECT 3, 'x' || n, n FROM generate_series(1, 9) n")
    )
    monkeypatch.setattr(progress, "INTERVAL", 0.0)

    told = await fill(migration, batch=100)

    assert told[0] == "  stock.value: 16 rows, 100% of about 7"


async def test_the_command_prints_the_result_of_a_backfill(
    project: Project, server: AsyncConnection
) -> None:
    project.write("fill", 'op.backfill("stock", "value", "amount * 10", batch=2)')

    said = project.alembic("upgrade", "head")

    assert re.search(r"^  stock\.value: 7 rows in \d+\.\d\d s, done$", said, re.MULTILINE)
    assert None not in await values(server)


def test_an_offline_script_changes_all_rows_in_one_statement(project: Project) -> None:
    project.write("fill", 'op.backfill("stock", "value", "amount * 10", schema="past")')

    script = project.alembic("upgrade", "0001:fill", "--sql")

    assert "-- All rows in one statement" in script
    assert (
        "UPDATE past.stock SET value=(amount * 10) "
        "WHERE past.stock.value IS NULL AND (amount * 10) IS NOT NULL;"
    ) in " ".join(script.split())


async def values(server: AsyncConnection) -> Sequence[int | None]:
    return (await server.scalars(text(VALUES))).all()


async def written(server: AsyncConnection) -> Sequence[str]:
    """Return which transactions have written the rows that have a value."""
    seen = "SELECT xmin::text FROM stock WHERE value IS NOT NULL ORDER BY warehouse, item"
    return (await server.scalars(text(seen))).all()
