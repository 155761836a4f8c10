"""Models that inherit from each other, in one table or in several, and a plain one."""

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest
from sqlalchemy import ForeignKey, MetaData, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from shop import db
from shop.db import Database, DatabaseSettings, UnitOfWork
from shop.db.mixins import SoftDelete, Timestamps, Versioned, bigint


class FleetBase(db.Base, DeclarativeBase):
    metadata = MetaData(naming_convention=db.NAMING_CONVENTION)
    type_annotation_map = db.TYPE_ANNOTATION_MAP


class Root(bigint.PrimaryKey, Timestamps, Versioned):
    """What the root classes share."""

    name: Mapped[str]


class Thing(Root, FleetBase):
    """A model with one table, and nothing that inherits from it."""

    __tablename__ = "things"

    size: Mapped[int]


class Animal(Root, FleetBase):
    __tablename__ = "animals"

    kind: Mapped[str] = mapped_column()

    __mapper_args__ = {"polymorphic_on": kind, "polymorphic_identity": "animal"}


class Cat(Animal):
    """A class in the table of its parent."""

    size: Mapped[int | None] = mapped_column()

    __mapper_args__ = {"polymorphic_identity": "cat"}


class Dog(Animal):
    __mapper_args__ = {"polymorphic_identity": "dog"}


class Asset(Root, FleetBase):
    __tablename__ = "assets"

    kind: Mapped[str] = mapped_column()

    __mapper_args__ = {"polymorphic_on": kind, "polymorphic_identity": "asset"}


class Car(Asset):
    """A class with a second table."""

    __tablename__ = "cars"

    id: Mapped[int] = mapped_column(ForeignKey("assets.id", ondelete="CASCADE"), primary_key=True)
    size: Mapped[int]

    __mapper_args__ = {"polymorphic_identity": "car"}


class Boat(Asset):
    __tablename__ = "boats"

    id: Mapped[int] = mapped_column(ForeignKey("assets.id", ondelete="CASCADE"), primary_key=True)

    __mapper_args__ = {"polymorphic_identity": "boat"}


class Parcel(bigint.PrimaryKey, Timestamps, FleetBase):
    """A root without a version. A version would also update its table after each change."""

    __tablename__ = "parcels"

    kind: Mapped[str] = mapped_column()

    __mapper_args__ = {"polymorphic_on": kind, "polymorphic_identity": "parcel"}


class Crate(Parcel):
    __tablename__ = "crates"

    id: Mapped[int] = mapped_column(ForeignKey("parcels.id"), primary_key=True)
    size: Mapped[int]
    labels: Mapped[list["Label"]] = relationship(lazy="raise")

    __mapper_args__ = {"polymorphic_identity": "crate"}


class Label(bigint.PrimaryKey, FleetBase):
    __tablename__ = "labels"

    crate_id: Mapped[int] = mapped_column(ForeignKey("crates.id"), index=True)


class Note(Root, SoftDelete, FleetBase):
    __tablename__ = "notes"

    size: Mapped[int]


class Letter(Root, SoftDelete, FleetBase):
    __tablename__ = "letters"

    kind: Mapped[str] = mapped_column()

    __mapper_args__ = {"polymorphic_on": kind, "polymorphic_identity": "letter"}


class Bill(Letter):
    size: Mapped[int | None] = mapped_column()

    __mapper_args__ = {"polymorphic_identity": "bill"}


class Card(Letter):
    __mapper_args__ = {"polymorphic_identity": "card"}


class Page(Root, SoftDelete, FleetBase):
    __tablename__ = "pages"

    kind: Mapped[str] = mapped_column()

    __mapper_args__ = {"polymorphic_on": kind, "polymorphic_identity": "page"}


class Map(Page):
    __tablename__ = "maps"

    id: Mapped[int] = mapped_column(ForeignKey("pages.id", ondelete="CASCADE"), primary_key=True)
    size: Mapped[int]

    __mapper_args__ = {"polymorphic_identity": "map"}


class Index(Page):
    __tablename__ = "indexes"

    id: Mapped[int] = mapped_column(ForeignKey("pages.id", ondelete="CASCADE"), primary_key=True)

    __mapper_args__ = {"polymorphic_identity": "index"}


class Vehicles(db.Repository[Asset, int]):
    model = Asset


class Cars(db.Repository[Car, int]):
    model = Car


class Animals(db.Repository[Animal, int]):
    model = Animal


class Cats(db.Repository[Cat, int]):
    model = Cat


class Crates(db.Repository[Crate, int]):
    model = Crate


class Things(db.Repository[Thing, int]):
    model = Thing


class Notes(db.SoftDeleteRepository[Note, int]):
    model = Note


class Shape(NamedTuple):
    """A model, its repository, and the other classes that share its root table."""

    name: str
    model: type[Any]
    others: tuple[type[Any], ...]
    hides: bool = False

    @property
    def tables(self) -> list[str]:
        return [table.fullname for table in self.model.__mapper__.tables]

    def repository(self, session: AsyncSession) -> db.Repository[Any, int]:
        kind = db.SoftDeleteRepository if self.hides else db.Repository
        return type("Rows", (kind,), {"model": self.model})(session)  # type: ignore[no-any-return]  # type() is untyped


SHAPES = [
    Shape("none", Thing, ()),
    Shape("single", Cat, (Dog, Animal)),
    Shape("joined", Car, (Boat, Asset)),
    Shape("none, hidden", Note, (), hides=True),
    Shape("single, hidden", Bill, (Card, Letter), hides=True),
    Shape("joined, hidden", Map, (Index, Page), hides=True),
]


@pytest.fixture
async def fleet(proof_settings: DatabaseSettings) -> AsyncIterator[Database[UnitOfWork]]:
    """For each shape three rows of the model with the keys 1 to 3, and rows of other classes.

    A name is the same in rows of all classes.
    """
    async with Database(proof_settings, UnitOfWork) as database:
        async with database.engine.begin() as connection:
            await connection.run_sync(FleetBase.metadata.create_all)
        async with database.unit_of_work() as uow:
            for shape in SHAPES:
                uow.session.add_all(shape.model(name=f"n{n}", size=n) for n in (1, 2, 3))
                await uow.session.flush()
                for other in shape.others:
                    uow.session.add_all(other(name=f"n{n}") for n in (1, 2))
                    await uow.session.flush()
        yield database


Rows = dict[tuple[str, int], dict[str, object]]


async def rows_of_all_tables(session: AsyncSession) -> Rows:
    """Return what the server has, by table and key."""
    found: Rows = {}
    for table in FleetBase.metadata.sorted_tables:
        for row in await session.execute(select(table)):
            found[table.fullname, row.id] = dict(row._mapping)
    return found


def difference(before: Rows, after: Rows) -> set[tuple[str, int, str]]:
    """Return which columns differ, by table and key, or that a row is gone or new."""
    gone = {(*key, "gone") for key in before.keys() - after.keys()}
    new = {(*key, "new") for key in after.keys() - before.keys()}
    changed = {
        (*key, column)
        for key in before.keys() & after.keys()
        for column, value in before[key].items()
        if after[key][column] != value
    }
    return gone | new | changed
