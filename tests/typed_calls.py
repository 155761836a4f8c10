"""Calls that type checkers accept, and calls that they refuse. `test_type_checkers.py` checks the texts."""

MODELS = """
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Unpack, assert_type

from sqlalchemy import MetaData, UniqueConstraint, or_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, composite, mapped_column, selectinload

from shop import db
from shop.db.mixins import CreatedAt, bigint, uuid7


class Base(db.Base, DeclarativeBase):
    metadata = MetaData(naming_convention=db.NAMING_CONVENTION)


@dataclass
class Point:
    x: int
    y: int


class Place(uuid7.PrimaryKey, CreatedAt, Base):
    __tablename__ = "places"
    name: Mapped[str] = mapped_column(unique=True)
    point: Mapped[Point] = composite(mapped_column("x"), mapped_column("y"))


class Seat(Base):
    __tablename__ = "seats"
    row: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)


class Places(db.Repository[Place, uuid7.Key]):
    model = Place

    async def named(self, name: str, **how: Unpack[db.Reading]) -> Place | None:
        return await self.one_or_none(Place.name == name, **how)


class Seats(db.Repository[Seat, tuple[int, int]]):
    model = Seat


class Work(db.UnitOfWork):
    def __init__(self, session: AsyncSession) -> None:
        super().__init__(session)
        self.places = Places(session)
        self.seats = Seats(session)


PLACES = db.AllowedFields({"name": Place.name, "created": Place.created_at})
"""

ACCEPTED = """
async def write_rows(work: Work) -> None:
    rows = [{"name": "a", "point": Point(1, 2)}]
    target = [Place.name]
    assert_type(await work.places.insert_rows(rows), int)
    assert_type(await work.places.insert_rows(Place(name=n) for n in "ab"), int)
    assert_type(await work.places.insert_missing_rows(rows, conflict_target=target), int)
    assert_type(
        await work.places.get_or_add_rows(rows, conflict_target="uq_places_name"), Sequence[Place]
    )
    assert_type(
        await work.places.upsert_rows(rows, conflict_target=target, update=[Place.point]), int
    )
    assert_type(await work.places.upsert({"name": "a"}, conflict_target=target), Place | None)
    assert_type(await work.places.update_rows([{"id": uuid.uuid4(), "name": "b"}]), int)


async def write_by_keys(work: Work, key: uuid.UUID) -> None:
    assert_type(await work.places.update_by_keys([key], name="b", point=Point(1, 2)), int)
    assert_type(await work.places.delete_by_keys({key}), int)
    assert_type(await work.places.update_where(Place.name == "a", name=db.UNSET), int)
    assert_type(await work.seats.delete_by_keys([(1, 2)]), int)


async def read(work: Work, key: uuid.UUID) -> None:
    assert_type(await work.places.get_by_keys([key], populate_existing=True), Sequence[Place])
    assert_type(await work.seats.get_by_keys([(1, 2), (1, 3)]), Sequence[Seat])
    assert_type(await work.places.get(key, populate_existing=True), Place | None)
    assert_type(await work.places.get_one(key, with_for_update=True), Place)
    assert_type(await work.places.named("a", with_for_update={"skip_locked": True}), Place | None)
    found, number = await work.places.all_and_count(order_by=Place.name, limit=10)
    assert_type(found, Sequence[Place])
    assert_type(number, int)
    criteria = PLACES.criteria({"name.not_in": "a,b", "created.between": "2026-01-01,2026-02-01"})
    assert_type(await work.places.count(or_(*criteria)), int)


async def page(work: Work, **which: Unpack[db.PageArguments]) -> str | None:
    page = await work.places.paginate(order_by=[Place.name], limit=5, **which)
    assert_type(page, db.Page[Place])
    last = await work.places.paginate(
        order_by=PLACES.order_by("-created"), limit=5, backward=True, item_cursors=True
    )
    assert_type(last.items, Sequence[Place])
    assert_type(last.item_cursors, Sequence[str])
    return page.next


async def stream(work: Work) -> None:
    async with work.places.stream(yield_per=100) as partitions:
        async for partition in partitions:
            assert_type(partition, Sequence[Place])


async def open_work(database: db.Database[Work]) -> None:
    async with database.unit_of_work() as work:
        assert_type(work, Work)

    async def job(work: Work) -> int:
        return await work.places.count()

    assert_type(await database.transact(job, attempts=3), int)
"""

REFUSED = {
    "a key of another type": "await work.places.get(1)",
    "a key with one value of two": "await work.seats.get_by_keys([1])",
    "a misspelt argument": "await work.places.get_by_keys([key], populate_exsting=True)",
    "a misspelt argument of a page": "await work.places.paginate(order_by=[], limit=1, backwards=True)",
    "no conflict target": "await work.places.upsert_rows([])",
    "rows that are no rows": "await work.places.insert_rows([1])",
    "an entity of another model": "await work.places.add(Seat(row=1, number=2))",
    "a result that may be None": "(await work.places.get(key)).name",
    "a limit that is text": 'await work.places.all(limit="1")',
    "a lock of another word": 'await work.places.get(key, with_for_update={"skip": True})',
}
