"""Insert 50,000 rows into an empty table, in one transaction, from dicts or from entities."""

from sqlalchemy import insert

from .measure import Measure
from .rows import RECORD
from .tables import AlchemyTarget, AlchemyTargets, Target
from .world import World


async def empty(world: World) -> None:
    await world.raw.execute("TRUNCATE targets")


async def raw(world: World) -> None:
    async with world.raw.acquire() as connection, connection.transaction():
        await connection.copy_records_to_table("targets", records=world.records, columns=RECORD)


async def ours_insert_rows(world: World) -> None:
    async with world.database.unit_of_work() as work:
        await work.targets.insert_rows(world.rows)


async def execute(world: World) -> None:
    async with world.sessions.begin() as session:
        await session.execute(insert(Target), world.rows)


async def ours_add_many(world: World) -> None:
    async with world.database.unit_of_work() as work:
        await work.targets.add_many(Target(**row) for row in world.rows)


async def add_all(world: World) -> None:
    async with world.sessions.begin() as session:
        session.add_all([Target(**row) for row in world.rows])


async def alchemy(world: World) -> None:
    async with world.alchemy_session() as session:
        targets = AlchemyTargets(session=session)
        await targets.add_many([AlchemyTarget(**row) for row in world.rows])


MEASURE = Measure(
    "insert 50,000",
    {
        "raw asyncpg, COPY": raw,
        "ours, insert_rows": ours_insert_rows,
        "session.execute(insert, rows)": execute,
        "ours, add_many": ours_add_many,
        "session.add_all": add_all,
        "advanced-alchemy, add_many": alchemy,
    },
    prepare=empty,
)
