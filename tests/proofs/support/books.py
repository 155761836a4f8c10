"""Tables for the proofs of paging."""

import datetime
import enum
import uuid
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any, TypeVar

import pytest
from sqlalchemy import (
    ColumnExpressionArgument,
    DateTime,
    Dialect,
    Double,
    Enum,
    ForeignKey,
    Index,
    MetaData,
    Numeric,
    Select,
    SmallInteger,
    String,
    Text,
    TypeDecorator,
    insert,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from shop import db
from shop.db.mixins import bigint

M = TypeVar("M")


class PagedBase(db.Base, DeclarativeBase):
    metadata = MetaData(naming_convention=db.NAMING_CONVENTION)
    type_annotation_map = db.TYPE_ANNOTATION_MAP


class Card(PagedBase):
    """A composite key, and columns with few values, so that many rows are equal in them."""

    __tablename__ = "cards"

    drawer: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    rank: Mapped[int] = mapped_column(default=0)
    score: Mapped[int | None]
    name: Mapped[str | None] = mapped_column(Text(collation="C"))


class Author(bigint.PrimaryKey, PagedBase):
    __tablename__ = "authors"

    name: Mapped[str]
    books: Mapped[list["Book"]] = relationship(
        back_populates="author", order_by="Book.id", lazy="raise"
    )


class Editor(Author):
    """An author with more columns, in a second table."""

    __tablename__ = "editors"

    id: Mapped[int] = mapped_column(ForeignKey("authors.id"), primary_key=True)
    desk: Mapped[int]


class Book(bigint.PrimaryKey, PagedBase):
    """Many rows, and an index for each order in which proofs read them."""

    __tablename__ = "books"

    rating: Mapped[int | None]
    year: Mapped[int] = mapped_column(default=2000)
    title: Mapped[str] = mapped_column(default="")
    author_id: Mapped[int | None] = mapped_column(ForeignKey("authors.id"), index=True)
    author: Mapped[Author | None] = relationship(back_populates="books", lazy="raise")

    __table_args__ = (
        Index("ix_uniform", "year", "id"),
        Index("ix_filtered", "title", "year", "id"),
        Index("ix_nullable", "rating", "id"),
    )


Index("ix_mixed", Book.year.desc(), Book.title, Book.id)
Index("ix_everything", Book.rating.desc().nulls_last(), Book.year, Book.id.desc())


class Color(enum.Enum):
    RED = "r"
    BLUE = "b"


class Shouted(TypeDecorator[str]):
    """Text that is in upper case in Python and in lower case in the database."""

    impl = Text(collation="C")
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else value.lower()

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else value.upper()


class Sample(bigint.PrimaryKey, PagedBase):
    """A column of each type."""

    __tablename__ = "samples"

    moment: Mapped[datetime.datetime | None]
    wall: Mapped[datetime.datetime | None] = mapped_column(DateTime(timezone=False))
    day: Mapped[datetime.date | None]
    token: Mapped[uuid.UUID | None]
    price: Mapped[Decimal | None] = mapped_column(Numeric(10, 2))
    ratio: Mapped[float | None] = mapped_column(Double)
    code: Mapped[str | None] = mapped_column(String(3, collation="C"))
    flag: Mapped[bool | None]
    color: Mapped[Color | None]
    size: Mapped[str | None] = mapped_column(Enum("big", "small", name="sample_size"))
    raw: Mapped[bytes | None]
    shouted: Mapped[str | None] = mapped_column(Shouted)
    details: Mapped[dict[str, object] | None]
    small: Mapped[int | None] = mapped_column(SmallInteger)


@pytest.fixture
async def tables(session: AsyncSession) -> AsyncSession:
    """A session whose transaction created these tables, and is rolled back."""
    connection = await session.connection()
    await connection.run_sync(PagedBase.metadata.create_all)
    return session


@pytest.fixture
async def books(tables: AsyncSession) -> AsyncSession:
    """Seven books: most have one of three authors, and some have no author."""
    await tables.execute(insert(Author), [{"id": n, "name": f"author {n}"} for n in range(1, 4)])
    await tables.execute(
        insert(Book),
        [
            {"id": n, "year": 2000 + n, "title": f"Book {n}", "author_id": n % 4 or None}
            for n in range(1, 8)
        ],
    )
    return tables


async def walk(
    session: AsyncSession,
    statement: Select[M],
    *order_by: ColumnExpressionArgument[Any],
    limit: int,
    start: db.Page[M] | None = None,
    back: bool = False,
) -> AsyncIterator[db.Page[M]]:
    """Yield page after page, from the first one or from a cursor."""
    page = start
    for _ in range(1000):
        cursor = None if page is None else page.previous if back else page.next
        if page is not None and cursor is None:
            return
        page = await db.paginate(session, statement, order_by=order_by, limit=limit, cursor=cursor)
        yield page
    pytest.fail("the pages have no end")
