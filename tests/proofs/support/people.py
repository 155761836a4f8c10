"""Tables for the proofs of bulk writes, with all types, all kinds of defaults and all kinds of keys."""

import datetime
import enum
import uuid
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import (
    ARRAY,
    URL,
    BindParameter,
    ColumnElement,
    Enum,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    Sequence,
    String,
    Text,
    UniqueConstraint,
    func,
    select,
    text,
)
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.schema import CreateSchema
from sqlalchemy.types import CHAR, TypeDecorator

from shop import db
from shop.db import Database, DatabaseSettings
from shop.db.mixins import Timestamps, bigint, uuid7
from tools.sources import connect


class BulkBase(db.Base, DeclarativeBase):
    metadata = MetaData(naming_convention=db.NAMING_CONVENTION)
    type_annotation_map = db.TYPE_ANNOTATION_MAP


class Color(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


class Lower(TypeDecorator[str]):
    """Text that Python writes in lower case."""

    impl = String(5)
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: object) -> str | None:
        return value and value.lower()


class Reversed(TypeDecorator[str]):
    """Text that the server writes in reverse."""

    impl = Text
    cache_ok = True

    def bind_expression(self, bindparam: BindParameter[str]) -> ColumnElement[str]:
        return func.reverse(bindparam)


class Values(uuid7.PrimaryKey, BulkBase):
    """All types without arrays."""

    __abstract__ = True

    title: Mapped[str] = mapped_column("name of it", unique=True)
    color: Mapped[Color]
    native: Mapped[Color] = mapped_column(Enum(Color, name="native_color"))
    other: Mapped[uuid.UUID]
    price: Mapped[Decimal]
    at: Mapped[datetime.datetime]
    blob: Mapped[bytes] = mapped_column(LargeBinary)
    details: Mapped[dict[str, object] | None]
    code: Mapped[str] = mapped_column(CHAR(3))
    short: Mapped[str] = mapped_column(String(5))
    lower: Mapped[str] = mapped_column(Lower)
    note: Mapped[str | None]
    scalar: Mapped[int] = mapped_column(default=7)
    made: Mapped[int] = mapped_column(server_default=text("11"))


class Flat(Values):
    __tablename__ = "things"


class Thing(Values):
    """A table with arrays, and with a name that another schema also has."""

    __tablename__ = "things"
    __table_args__ = {"schema": "stock"}

    tags: Mapped[list[str]] = mapped_column(ARRAY(Text))
    colors: Mapped[list[Color]] = mapped_column(
        ARRAY(Enum(Color, native_enum=False, create_constraint=False))
    )


class Person(bigint.PrimaryKey, Timestamps, BulkBase):
    __tablename__ = "people"

    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(server_default="nobody")
    nick: Mapped[str | None] = mapped_column()
    badge: Mapped[int | None]
    left_at: Mapped[datetime.datetime | None]
    room: Mapped[int | None]
    desk: Mapped[int | None]
    friends: Mapped[list["Friend"]] = relationship(lazy="raise")

    __table_args__ = (
        Index("uq_people_nick", func.lower(nick), unique=True),
        Index("uq_people_badge", "badge", unique=True, postgresql_where=text("left_at IS NULL")),
        UniqueConstraint("room", "desk"),
    )


class Friend(BulkBase):
    """A composite key. A part of it is a foreign key."""

    __tablename__ = "friends"

    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Seat(bigint.PrimaryKey, BulkBase):
    """A table that allows only one row without a number."""

    __tablename__ = "seats"
    __table_args__ = (UniqueConstraint("number", postgresql_nulls_not_distinct=True),)

    number: Mapped[int | None]
    name: Mapped[str]


class Place(bigint.PrimaryKey, BulkBase):
    """A table with the name of the seats, in another schema. Its numbers are text."""

    __tablename__ = "seats"
    __table_args__ = {"schema": "stock"}

    number: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]


class Counted(uuid7.PrimaryKey, Timestamps, BulkBase):
    """A table with a version."""

    __tablename__ = "counted"

    name: Mapped[str] = mapped_column(unique=True)
    number: Mapped[int] = mapped_column(default=0)
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}


def name_in_capitals(context: DefaultExecutionContext) -> Any:
    parameters: dict[str, Any] = context.get_current_parameters()  # type: ignore[no-untyped-call]  # SQLAlchemy has no type for it
    return parameters["name"].upper()


class Computed(bigint.PrimaryKey, BulkBase):
    """A column whose default is SQL."""

    __tablename__ = "computed"

    name: Mapped[str] = mapped_column(unique=True)
    by: Mapped[str] = mapped_column(default=func.current_user())


class Numbered(bigint.PrimaryKey, BulkBase):
    """A column that a sequence counts, and that is not the key."""

    __tablename__ = "numbered"

    name: Mapped[str] = mapped_column(unique=True)
    number: Mapped[int] = mapped_column(Sequence("numbers"))


class Awkward(bigint.PrimaryKey, BulkBase):
    """A default that needs a context, and a type that needs an SQL expression."""

    __tablename__ = "awkward"

    name: Mapped[str]
    capitals: Mapped[str] = mapped_column(default=name_in_capitals)
    backwards: Mapped[str | None] = mapped_column(Reversed)


class Animal(bigint.PrimaryKey, BulkBase):
    __tablename__ = "animals"

    kind: Mapped[str] = mapped_column()
    lives: Mapped[int | None]

    __mapper_args__ = {"polymorphic_on": kind, "polymorphic_identity": "animal"}


class Cat(Animal):
    """A subclass in the table of its parent."""

    __mapper_args__ = {"polymorphic_identity": "cat"}


class Fish(Animal):
    """A subclass with a second table."""

    __tablename__ = "fish"

    id: Mapped[int] = mapped_column(ForeignKey("animals.id"), primary_key=True)

    __mapper_args__ = {"polymorphic_identity": "fish"}


class Work(db.UnitOfWork):
    """A unit of work without repositories, because these proofs use only its session."""

    def __init__(self, session: AsyncSession) -> None:
        super().__init__(session)


@pytest.fixture(scope="session")
async def stock_url(database_url: URL) -> URL:
    """One database for all of these proofs. A new database for each proof would take too long."""
    url = database_url.set(database=f"{database_url.database}_stock")
    async with connect(database_url) as server:
        await server.execute(text(f'CREATE DATABASE "{url.database}"'))
    async with connect(url) as connection:
        await connection.execute(CreateSchema("stock"))
        await connection.run_sync(BulkBase.metadata.create_all)
    return url


@pytest.fixture
async def stock(stock_url: URL) -> AsyncIterator[Database[Work]]:
    """A database with these tables, all empty. A proof may commit."""
    settings = DatabaseSettings(_env_file=None, url=stock_url)
    tables = ", ".join(table.fullname for table in BulkBase.metadata.sorted_tables)
    async with Database(settings, Work) as database:
        yield database
    async with connect(stock_url) as connection:
        await connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY"))


def thing(title: str, **values: object) -> dict[str, object]:
    """Return a row of `Flat` with unusual values."""
    return {
        "title": title,
        "color": Color.BLUE,
        "native": Color.RED,
        "other": uuid.UUID(int=2**100),
        "price": Decimal("12345678901234567890.0123"),
        "at": datetime.datetime(2024, 2, 29, 12, 30, 1, 5, datetime.UTC),
        "blob": b"\x00\xff\\",
        "details": {"list": [[1, 2], [3]], "none": None, "é": "\\"},
        "code": "a",
        "short": "12345",
        "lower": "ABC",
        "note": None,
    } | values


async def become_tenant(session: AsyncSession) -> None:
    """For the rest of the transaction, use a role that sees and writes only people named `mine`."""
    for statement in (
        "CREATE ROLE tenant_of_bulk",
        "GRANT ALL ON people TO tenant_of_bulk",
        "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO tenant_of_bulk",
        "ALTER TABLE people ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY mine ON people USING (name = 'mine')",
        "SET LOCAL ROLE tenant_of_bulk",
    ):
        await session.execute(text(statement))


def people(number: int, prefix: str = "a", name: str | None = None) -> Iterator[dict[str, object]]:
    """Return rows of `Person`."""
    for each in range(number):
        yield {"email": f"{prefix}{each}@example.org", "name": name or str(each)}


async def count(database: Database[Work]) -> int:
    """Return the number of committed people."""
    async with database.unit_of_work() as work:
        return await work.session.scalar(select(func.count(Person.id))) or 0
