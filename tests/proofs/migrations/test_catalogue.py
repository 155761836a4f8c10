"""Questions to the catalogue about a name that the server has cut."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shop.db.migrations.postgresql.catalogue import has_constraint, is_not_null


async def test_a_name_is_found_as_the_server_has_cut_it(server: AsyncConnection) -> None:
    name = "n" + 40 * "ä"  # 81 bytes, and the server keeps whole letters of 63 bytes
    column = f'"{name}" int NOT NULL CONSTRAINT "{name}" CHECK (true)'
    await server.execute(text(f"CREATE TABLE cut ({column})"))

    assert await server.run_sync(has_constraint, "cut", name)
    assert await server.run_sync(is_not_null, "cut", name)
    assert not await server.run_sync(has_constraint, "cut", name.upper())
