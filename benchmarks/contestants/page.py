"""Get a page of 50 of 500,000 rows, newest first: the first one, one in the middle, the last one.

The pages of advanced-alchemy also have a total, which it can get in two ways. The keyset pages that are
written by hand only read the rows. They read one more, to know whether there is another page.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from advanced_alchemy.filters import LimitOffset, OrderBy
from sqlalchemy import ColumnElement, select, tuple_

from .measure import Contestant, Measure
from .rows import Place
from .tables import AlchemyItems, Item
from .world import World

SIZE, PAGES = 50, 10
COLUMNS = "id, code, title, body, published, views, created_at, updated_at"
FIRST = f"SELECT {COLUMNS} FROM items ORDER BY created_at DESC, id DESC LIMIT {SIZE}"
NEXT = FIRST.replace("ORDER", "WHERE (created_at, id) < ($1, $2) ORDER")
ORDER: list[ColumnElement[Any]] = [Item.created_at.desc(), Item.id.desc()]


async def raw(world: World, place: Place) -> None:
    async with world.raw.acquire() as connection, connection.transaction():
        for _ in range(PAGES):
            if place.offset:
                await connection.fetch(NEXT, place.created_at, place.id)
            else:
                await connection.fetch(FIRST)


async def keyset(world: World, place: Place) -> None:
    async with world.sessions.begin() as session:
        for _ in range(PAGES):
            statement = select(Item).order_by(*ORDER).limit(SIZE + 1)
            if place.offset:
                beside = tuple_(Item.created_at, Item.id) < tuple_(place.created_at, place.id)
                statement = statement.where(beside)
            (await session.scalars(statement)).all()


async def offset(world: World, place: Place) -> None:
    async with world.sessions.begin() as session:
        for _ in range(PAGES):
            statement = select(Item).order_by(*ORDER).limit(SIZE).offset(place.offset)
            (await session.scalars(statement)).all()


async def ours(world: World, place: Place) -> None:
    async with world.database.unit_of_work() as work:
        for _ in range(PAGES):
            await work.items.paginate(order_by=ORDER, limit=SIZE, cursor=place.cursor)


async def alchemy(world: World, place: Place, *, window: bool = True) -> None:
    async with world.alchemy_session() as session:
        items = AlchemyItems(session=session)
        for _ in range(PAGES):
            await items.get_many_and_count(
                OrderBy("created_at", "desc"),
                OrderBy("id", "desc"),
                LimitOffset(SIZE, place.offset),
                count_with_window_function=window,
            )


async def alchemy_two_queries(world: World, place: Place) -> None:
    await alchemy(world, place, window=False)


def at(depth: int, contestant: Callable[[World, Place], Awaitable[None]]) -> Contestant:
    async def run(world: World) -> None:
        await contestant(world, world.places[depth])

    return run


MEASURES = [
    Measure(
        f"page at {depth} %",
        {
            "raw asyncpg, keyset": at(depth, raw),
            "ORM, keyset": at(depth, keyset),
            "ours": at(depth, ours),
            "ORM, OFFSET": at(depth, offset),
            "advanced-alchemy, two queries": at(depth, alchemy_two_queries),
            "advanced-alchemy, one query": at(depth, alchemy),
        },
        units=lambda _: PAGES,
    )
    for depth in (0, 50, 99)
]
