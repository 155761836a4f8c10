"""Run 200 tasks at the same time, each with a session and 20 gets, on ten connections."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from .get import QUERY
from .measure import Contestant, Measure
from .tables import AlchemyItems, Item
from .world import World

TASKS, GETS = 200, 20

Task = Callable[[World, Sequence[Any]], Awaitable[None]]


async def raw(world: World, keys: Sequence[Any]) -> None:
    async with world.raw.acquire() as connection, connection.transaction():
        for key in keys:
            await connection.fetchrow(QUERY, key)


async def plain(world: World, keys: Sequence[Any]) -> None:
    async with world.sessions.begin() as session:
        for key in keys:
            await session.get(Item, key)


async def ours(world: World, keys: Sequence[Any]) -> None:
    async with world.database.unit_of_work() as work:
        for key in keys:
            await work.items.get(key)


async def alchemy(world: World, keys: Sequence[Any]) -> None:
    async with world.alchemy_session() as session:
        items = AlchemyItems(session=session)
        for key in keys:
            await items.get(key)


def at_once(task: Task) -> Contestant:
    async def run(world: World) -> None:
        shares = [world.keys[number::TASKS][:GETS] for number in range(world.scaled(TASKS))]
        await asyncio.gather(*(task(world, keys) for keys in shares))

    return run


MEASURE = Measure(
    "tasks",
    {
        "raw asyncpg": at_once(raw),
        "async_sessionmaker": at_once(plain),
        "ours": at_once(ours),
        "advanced-alchemy": at_once(alchemy),
    },
)
