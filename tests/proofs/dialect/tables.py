"""Tables and units of work for the layer on SQLite."""

import datetime
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import ForeignKey, Index, MetaData, func, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shop import db
from shop.db import Database, DatabaseSettings
from shop.db.mixins import SoftDelete, Timestamps, Versioned, bigint, uuid4, uuid7


class Base(db.Base, DeclarativeBase):
    metadata = MetaData(naming_convention=db.NAMING_CONVENTION)
    type_annotation_map = db.TYPE_ANNOTATION_MAP


class Person(bigint.PrimaryKey, Timestamps, Versioned, Base):
    __tablename__ = "people"
    __table_args__ = (Index(None, "badge", unique=True, sqlite_where=text("badge > 0")),)

    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(server_default="nobody")
    badge: Mapped[int | None]
    born: Mapped[datetime.datetime | None]
    details: Mapped[dict[str, object] | None]


class Note(uuid7.PrimaryKey, SoftDelete, Base):
    __tablename__ = "notes"

    text: Mapped[str]
    length: Mapped[int] = mapped_column(default=func.length("four"))


class Ticket(uuid4.PrimaryKey, Base):
    __tablename__ = "tickets"

    number: Mapped[int]
    person_id: Mapped[int | None] = mapped_column(
        ForeignKey("people.id", deferrable=True, initially="DEFERRED")
    )


class People(db.Repository[Person, int]):
    model = Person


class Notes(db.SoftDeleteRepository[Note, uuid.UUID]):
    model = Note


class Work(db.UnitOfWork):
    def __init__(self, session: AsyncSession) -> None:
        super().__init__(session)
        self.people = People(session)
        self.notes = Notes(session)

    async def names(self) -> list[str]:
        return [each.name for each in await self.people.all(order_by=[Person.id])]


class ReadWork(db.ReadUnitOfWork):
    def __init__(self, session: AsyncSession) -> None:
        super().__init__(session)
        self.people = People(session)


Shop = Database[Work, ReadWork]


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Shop]:
    url = f"sqlite:///{tmp_path}/shop.db"
    settings = DatabaseSettings(_env_file=None, url=url, lock_timeout=0.05)
    async with Database(settings, Work, ReadWork) as database:
        async with database.engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        yield database


def people(*names: str, **values: object) -> list[dict[str, object]]:
    return [{"email": f"{name}@example.org", "name": name, **values} for name in names]
