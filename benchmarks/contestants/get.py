"""Get a row by its key, 2,000 times in sequence, in one transaction.

No key occurs twice, and nothing keeps an entity alive. So the session must ask the server each
time.
"""

from sqlalchemy import select

from .measure import Measure
from .tables import AlchemyItems, Item
from .world import World

QUERY = (
    "SELECT id, code, title, body, published, views, created_at, updated_at"
    " FROM items WHERE id = $1"
)


def gets(world: World) -> int:
    return min(world.scaled(2_000), len(world.keys))


async def raw(world: World) -> None:
    async with world.raw.acquire() as connection, connection.transaction():
        for key in world.keys[: gets(world)]:
            await connection.fetchrow(QUERY, key)


async def core(world: World) -> None:
    table = Item.__table__
    async with world.engine.begin() as connection:
        for key in world.keys[: gets(world)]:
            (await connection.execute(select(table).where(table.c.id == key))).one()


async def session_get(world: World) -> None:
    async with world.sessions.begin() as session:
        for key in world.keys[: gets(world)]:
            await session.get(Item, key)


async def ours(world: World) -> None:
    async with world.database.unit_of_work() as work:
        for key in world.keys[: gets(world)]:
            await work.items.get(key)


async def alchemy(world: World) -> None:
    async with world.alchemy_session() as session:
        items = AlchemyItems(session=session)
        for key in world.keys[: gets(world)]:
            await items.get(key)


MEASURE = Measure(
    "get",
    {
        "raw asyncpg": raw,
        "Core": core,
        "session.get": session_get,
        "ours": ours,
        "advanced-alchemy": alchemy,
    },
    units=gets,
)
