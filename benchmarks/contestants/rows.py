"""The rows: 500,000 to read, and 50,000 to write."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from uuid_utils.compat import uuid7

from .tables import Base, Item

if TYPE_CHECKING:
    from .world import World

ITEMS, ROWS, KEYS = 500_000, 50_000, 4_000

Row = dict[str, Any]

_BEGIN = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
_BODY = "The quick brown fox jumps over the lazy dog, and does so again. " * 2


@dataclass(frozen=True)
class Place:
    """Where a page begins: after this row, after this number of rows, and at this cursor of ours."""

    offset: int
    created_at: datetime.datetime
    id: uuid.UUID
    cursor: str | None


def record(number: int) -> tuple[object, ...]:
    """Return a row as COPY takes it."""
    return (uuid7(), f"code-{number}", f"Title {number}", _BODY, number % 3 == 0, number)


RECORD = ("id", "code", "title", "body", "published", "views")


def row(number: int) -> Row:
    """Return a row as an application has it: without a key."""
    return dict(zip(RECORD[1:], record(number)[1:], strict=True))


async def fill(world: World) -> None:
    """Create the tables, fill the table to read, and prepare the rows to write."""
    items = world.scaled(ITEMS)
    async with world.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with world.raw.acquire() as raw:
        for table in Base.metadata.tables:
            # The base class of advanced-alchemy declares this column, and never writes it.
            await raw.execute(f"ALTER TABLE {table} ADD sa_orm_sentinel integer")
        await raw.copy_records_to_table(
            "items", records=_dated(items), columns=[*RECORD, "created_at", "updated_at"]
        )
        await raw.execute("VACUUM ANALYZE items")
        keys = await raw.fetch("SELECT id FROM items ORDER BY md5(code) LIMIT $1", KEYS)
        world.keys = [key["id"] for key in keys]
        for depth in (0, 50, 99):
            world.places[depth] = await _place(world, items * depth // 100)
    world.rows = [row(number) for number in range(world.scaled(ROWS))]
    world.records = [record(number) for number in range(world.scaled(ROWS))]


def _dated(items: int) -> Iterator[tuple[object, ...]]:
    for number in range(items):
        moment = _BEGIN + datetime.timedelta(seconds=number)
        yield (*record(number), moment, moment)


async def _place(world: World, offset: int) -> Place:
    last = await world.raw.fetchrow(
        "SELECT created_at, id FROM items ORDER BY created_at DESC, id DESC OFFSET $1 LIMIT 1",
        max(offset - 1, 0),
    )
    cursor = None
    if offset:
        async with world.database.unit_of_work() as work:
            page = await work.items.paginate(
                Item.created_at <= last["created_at"],
                order_by=[Item.created_at.desc(), Item.id.desc()],
                limit=1,
            )
            cursor = page.next
    return Place(offset, last["created_at"], last["id"], cursor)
