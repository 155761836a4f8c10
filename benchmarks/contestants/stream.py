"""500,000 rows read once, and the memory that it takes: how far the peak is above the begin."""

import resource
import sys
from time import perf_counter

import psutil  # type: ignore[import-untyped] # its types are a package apart
from sqlalchemy import select

from .get import QUERY
from .measure import MeasureAlone
from .tables import AlchemyItems, Item
from .world import World

ALL = QUERY.partition(" WHERE")[0]
PARTITION = 1_000


async def raw(world: World) -> None:
    async with world.raw.acquire() as connection, connection.transaction():
        async for _ in connection.cursor(ALL, prefetch=PARTITION):
            pass


async def core(world: World) -> None:
    async with world.engine.begin() as connection:
        options = {"yield_per": PARTITION}
        result = await connection.stream(select(Item.__table__), execution_options=options)
        async for partition in result.partitions():
            for _ in partition:
                pass


async def ours(world: World) -> None:
    async with (
        world.database.unit_of_work() as work,
        work.items.stream(partition=PARTITION) as partitions,
    ):
        async for partition in partitions:
            for _ in partition:
                pass


async def scalars_all(world: World) -> None:
    async with world.sessions.begin() as session:
        for _ in (await session.scalars(select(Item))).all():
            pass


async def alchemy(world: World) -> None:
    async with world.alchemy_session() as session:
        for _ in await AlchemyItems(session=session).get_many():
            pass


async def alone(world: World, name: str) -> dict[str, float]:
    """Let one contestant work in this process, and return seconds and mebibytes."""
    before = psutil.Process().memory_info().rss
    begin = perf_counter()
    await MEASURE.contestants[name](world)
    seconds = perf_counter() - begin
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return {"s": seconds, "MiB": (peak - before) / 2**20}


MEASURE = MeasureAlone(
    "stream 500,000",
    {
        "raw asyncpg, cursor": raw,
        "Core, yield_per": core,
        "ours, stream": ours,
        "session.scalars().all()": scalars_all,
        "advanced-alchemy, get_many": alchemy,
    },
)
