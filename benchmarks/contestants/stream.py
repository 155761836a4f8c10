"""Read 500,000 rows once, and measure how much the peak of the memory is above the start."""

import gc
import re
import sys
from pathlib import Path
from time import perf_counter

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


async def orm(world: World) -> None:
    async with world.sessions.begin() as session:
        statement = select(Item).execution_options(yield_per=PARTITION)
        async for partition in (await session.stream_scalars(statement)).partitions():
            for _ in partition:
                pass


async def ours(world: World) -> None:
    async with (
        world.database.unit_of_work() as work,
        work.items.stream(yield_per=PARTITION) as partitions,
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
    """Run one contestant in this process. Return seconds, and on Linux mebibytes."""
    gc.collect()
    gc.freeze()  # as in the other measures
    before = _mebibytes("VmRSS")
    begin = perf_counter()
    await MEASURE.contestants[name](world)
    figures = {"s": perf_counter() - begin}
    if before is not None and (peak := _mebibytes("VmHWM")) is not None:
        figures["MiB"] = peak - before
    return figures


def _mebibytes(name: str) -> float | None:
    # The peak of getrusage would include the memory of the process that started this one.
    if sys.platform != "linux":
        return None
    status = Path("/proc/self/status").read_text()
    [kibibytes] = re.findall(rf"^{name}:\s+(\d+) kB", status, re.MULTILINE)
    return int(kibibytes) / 1024


MEASURE = MeasureAlone(
    "stream 500,000",
    {
        "raw asyncpg, cursor": raw,
        "Core, yield_per": core,
        "ORM, yield_per": orm,
        "ours, stream": ours,
        "session.scalars().all()": scalars_all,
        "advanced-alchemy, get_many": alchemy,
    },
)
