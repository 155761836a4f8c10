"""Get each row in a new session, connection and transaction, as small requests do.

Our pool pings a connection only after it was idle. `pool_pre_ping` pings it each time.
"""

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from .get import gets
from .measure import Measure
from .tables import AlchemyItems, Item
from .world import World


async def one_each(world: World, sessions: async_sessionmaker[AsyncSession]) -> None:
    for key in world.keys[: gets(world)]:
        async with sessions.begin() as session:
            await session.get(Item, key)


async def plain(world: World) -> None:
    await one_each(world, world.sessions)


async def pinging(world: World) -> None:
    await one_each(world, world.pinging)


async def ours(world: World) -> None:
    for key in world.keys[: gets(world)]:
        async with world.database.unit_of_work() as work:
            await work.items.get(key)


async def alchemy(world: World) -> None:
    for key in world.keys[: gets(world)]:
        async with world.alchemy_session() as session:
            await AlchemyItems(session=session).get(key)


MEASURE = Measure(
    "session",
    {
        "async_sessionmaker": plain,
        "async_sessionmaker, pool_pre_ping": pinging,
        "ours": ours,
        "advanced-alchemy": alchemy,
    },
    units=gets,
)
