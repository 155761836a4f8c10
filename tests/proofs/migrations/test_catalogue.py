"""Questions to the catalogue: about a name that the server has cut, and about an autovacuum."""

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shop.db.migrations.postgresql import find_autovacuum_delay
from shop.db.migrations.postgresql.catalogue import has_constraint, is_not_null


async def test_a_name_is_found_as_the_server_has_cut_it(server: AsyncConnection) -> None:
    name = "n" + 40 * "ä"  # 81 bytes, and the server keeps whole letters of 63 bytes
    column = f'"{name}" int NOT NULL CONSTRAINT "{name}" CHECK (true)'
    await server.execute(text(f"CREATE TABLE cut ({column})"))

    assert await server.run_sync(has_constraint, "cut", name)
    assert await server.run_sync(is_not_null, "cut", name)
    assert not await server.run_sync(has_constraint, "cut", name.upper())


@pytest.mark.parametrize(
    ("kind", "database", "seconds"),
    [
        ("autovacuum worker", "current_database()", 1.5),  # after `deadlock_timeout`, which is 1 s
        ("autovacuum worker", "'another'", 0),
        ("client backend", "current_database()", 0),
    ],
)
async def test_a_migration_waits_until_the_server_cancels_an_autovacuum(
    server: AsyncConnection, kind: str, database: str, seconds: float
) -> None:
    """A table of the session hides the view of the catalogue, because no test can start an autovacuum."""
    row = f"SELECT '{kind}' AS backend_type, {database} AS datname"
    await server.execute(text(f"CREATE TEMPORARY TABLE pg_stat_activity AS {row}"))

    assert await find_autovacuum_delay(server) == seconds
