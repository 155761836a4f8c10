"""Upsert 50,000 rows into a table that has half of them, in one transaction.

The contestant advanced-alchemy returns the rows as entities. The others return their number, or
nothing.
"""

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert

from .insert import empty
from .measure import Measure
from .rows import RECORD
from .tables import AlchemyTarget, AlchemyTargets, Target
from .world import World

CHANGED = ["title", "body", "published", "views"]
UPSERT = (
    f"INSERT INTO targets ({', '.join(RECORD)}) SELECT {', '.join(RECORD)} FROM incoming"
    f" ON CONFLICT (code) DO UPDATE SET {', '.join(f'{c} = excluded.{c}' for c in CHANGED)},"
    " updated_at = now()"
)


async def half(world: World) -> None:
    await empty(world)
    await world.raw.copy_records_to_table("targets", records=world.records[::2], columns=RECORD)
    await world.raw.execute("ANALYZE targets")


async def raw(world: World) -> None:
    async with world.raw.acquire() as connection, connection.transaction():
        await connection.execute(
            "CREATE TEMPORARY TABLE incoming ON COMMIT DROP AS"
            f" SELECT {', '.join(RECORD)} FROM targets WITH NO DATA"
        )
        await connection.copy_records_to_table("incoming", records=world.records, columns=RECORD)
        await connection.execute(UPSERT)


async def ours(world: World) -> None:
    async with world.database.unit_of_work() as work:
        await work.targets.upsert_rows(world.rows, conflict_target=["code"])


async def execute(world: World) -> None:
    statement = insert(Target)
    statement = statement.on_conflict_do_update(
        index_elements=["code"],
        set_={name: statement.excluded[name] for name in CHANGED} | {"updated_at": func.now()},
    )
    async with world.sessions.begin() as session:
        await session.execute(statement, world.rows)


async def alchemy(world: World) -> None:
    async with world.alchemy_session() as session:
        targets = AlchemyTargets(session=session)
        rows = [AlchemyTarget(**row) for row in world.rows]
        await targets.upsert_many(rows, match_fields=["code"])


MEASURE = Measure(
    "upsert 50,000",
    {
        "raw asyncpg, COPY and ON CONFLICT": raw,
        "ours, upsert_rows": ours,
        "session.execute(insert, rows)": execute,
        "advanced-alchemy, upsert_many": alchemy,
    },
    prepare=half,
)
