"""Tables with hidden rows."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import ForeignKey, Index, MetaData, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from shop import db
from shop.db import Database, DatabaseSettings
from shop.db.mixins import SoftDelete, Timestamps, Versioned, bigint


class HideBase(db.Base, DeclarativeBase):
    metadata = MetaData(naming_convention=db.NAMING_CONVENTION)
    type_annotation_map = db.TYPE_ANNOTATION_MAP


class Person(bigint.PrimaryKey, Timestamps, Versioned, SoftDelete, HideBase):
    __tablename__ = "people"
    __table_args__ = (
        Index(None, "email", unique=True, postgresql_where=text("deleted_at IS NULL")),
    )

    email: Mapped[str]
    pets: Mapped[list["Pet"]] = relationship(
        back_populates="person", cascade="all, delete-orphan", lazy="raise"
    )


class Pet(bigint.PrimaryKey, SoftDelete, HideBase):
    __tablename__ = "pets"

    name: Mapped[str]
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    person: Mapped[Person] = relationship(back_populates="pets", lazy="raise")
    toys: Mapped[list["Toy"]] = relationship(passive_deletes=True, lazy="raise")


class Toy(bigint.PrimaryKey, HideBase):
    """A model without soft delete."""

    __tablename__ = "toys"

    pet_id: Mapped[int] = mapped_column(ForeignKey("pets.id", ondelete="CASCADE"), index=True)
    pet: Mapped[Pet] = relationship(lazy="raise", overlaps="toys")


class Slot(SoftDelete, HideBase):
    """A composite key."""

    __tablename__ = "slots"

    hall: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class People(db.SoftDeleteRepository[Person, int], db.Repository[Person, int]):
    model = Person


class Slots(db.SoftDeleteRepository[Slot, tuple[str, int]]):
    model = Slot


class Work(db.UnitOfWork):
    def __init__(self, session: AsyncSession) -> None:
        super().__init__(session)
        self.people = People(session)
        self.slots = Slots(session)

    async def person(self, email: str) -> Person:
        [person] = await self.people.all(Person.email == email)
        return person

    async def emails(self, **options: object) -> list[str]:
        found = await self.session.scalars(select(Person.email), execution_options=options)
        return sorted(found)


SHOWN = {"include_deleted": True}


@pytest.fixture
async def hidden(proof_settings: DatabaseSettings) -> AsyncIterator[Database[Work]]:
    """Two people. Each has a pet with a toy. The person "gone" and its pet are hidden."""
    async with Database(proof_settings, Work) as database:
        async with database.engine.begin() as connection:
            await connection.run_sync(HideBase.metadata.create_all)
        async with database.unit_of_work() as work:
            for email in "gone", "here":
                await work.people.add(Person(email=email, pets=[Pet(name=email, toys=[Toy()])]))
        async with database.unit_of_work() as work:
            await work.people.delete(await work.person("gone"))
            await work.session.execute(
                update(Pet).where(Pet.name == "gone").values(deleted_at=func.now())
            )
        yield database
