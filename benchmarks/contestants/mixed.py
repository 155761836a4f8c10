"""Get a page of 50 of 500,000 rows in an order with both directions, from the middle of the rows.

Such a page has several ranges of the index: the rest of the rows with the same first column, and the
rows after them. The pages that are written by hand select the ranges by UNION ALL. One condition with
OR would read all rows before the page.
"""

from typing import Any

from sqlalchemy import ColumnElement, Select, literal, select, tuple_, union_all
from sqlalchemy.orm import aliased

from .measure import Measure
from .page import COLUMNS, PAGES, SIZE
from .rows import ITEMS
from .tables import Item
from .world import World

ORDER: list[ColumnElement[Any]] = [Item.published.asc(), Item.views.desc(), Item.id.desc()]
LIMITED = f"ORDER BY published, views DESC, id DESC LIMIT {SIZE}"
SAME = f"SELECT {COLUMNS} FROM items WHERE published = $1 AND (views, id) < ($2, $3) {LIMITED}"
AFTER = f"SELECT {COLUMNS} FROM items WHERE published > $1 {LIMITED}"
NEXT = f"({SAME}) UNION ALL ({AFTER}) {LIMITED}"


async def find(world: World) -> None:
    """Find the place where the page begins, once."""
    if world.mixed is None:
        middle = Item.published.is_(False), Item.views <= world.scaled(ITEMS) // 2
        async with world.database.unit_of_work() as work:
            page = await work.items.paginate(*middle, order_by=ORDER, limit=1)
            world.mixed = page.items[0], page.next


async def raw(world: World) -> None:
    assert world.mixed is not None
    row, _ = world.mixed
    async with world.raw.acquire() as connection, connection.transaction():
        for _ in range(PAGES):
            await connection.fetch(NEXT, row.published, row.views, row.id)


async def keyset(world: World) -> None:
    assert world.mixed is not None
    row, _ = world.mixed
    async with world.sessions.begin() as session:
        for _ in range(PAGES):
            same = Item.published == row.published
            rest = tuple_(Item.views, Item.id) < tuple_(row.views, row.id)
            ranges = [[same, rest], [Item.published > literal(row.published)]]
            found = aliased(Item, union_all(*map(_limited, ranges)).subquery())
            order = found.published, found.views.desc(), found.id.desc()
            (await session.scalars(select(found).order_by(*order).limit(SIZE + 1))).all()


def _limited(criteria: list[ColumnElement[bool]]) -> Select[Item]:
    return select(Item).where(*criteria).order_by(*ORDER).limit(SIZE + 1)


async def ours(world: World) -> None:
    assert world.mixed is not None
    _, cursor = world.mixed
    async with world.database.unit_of_work() as work:
        for _ in range(PAGES):
            await work.items.paginate(order_by=ORDER, limit=SIZE, cursor=cursor)


MEASURE = Measure(
    "page of a mixed order",
    {"raw asyncpg, keyset": raw, "ORM, keyset": keyset, "ours": ours},
    units=lambda _: PAGES,
    prepare=find,
)
