"""Audited tables: with excluded columns, with a foreign key, and with unusual keys and names."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import JSON, URL, ForeignKey, MetaData, Text, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.schema import CreateSchema

from shop import db
from shop.db import Database, DatabaseSettings
from shop.db.audit import Audited, actor_hook
from shop.db.audit import AuditEntry as AuditEntryMixin
from shop.db.mixins import bigint


class LibraryBase(db.Base, DeclarativeBase):
    metadata = MetaData(naming_convention=db.NAMING_CONVENTION)
    type_annotation_map = db.TYPE_ANNOTATION_MAP


class AuditEntry(AuditEntryMixin, LibraryBase):
    pass


class Author(Audited, bigint.PrimaryKey, LibraryBase):
    __tablename__ = "authors"
    __audit_exclude__ = ("secret",)

    name: Mapped[str] = mapped_column(unique=True)
    secret: Mapped[str | None]
    born: Mapped[int | None]


class Book(Audited, bigint.PrimaryKey, LibraryBase):
    __tablename__ = "books"

    author_id: Mapped[int] = mapped_column(ForeignKey("authors.id", ondelete="CASCADE"), index=True)
    title: Mapped[str]
    price: Mapped[Decimal | None]
    tags: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    raw: Mapped[object | None] = mapped_column(JSON)  # a type without an equality operator


class Seat(Audited, LibraryBase):
    """A composite key, another schema, and names that need quotes."""

    __tablename__ = "Reading 'Seats'"
    __table_args__ = {"schema": "The House"}
    __audit_exclude__ = ("who sat",)

    hall: Mapped[str] = mapped_column('the "hall"', primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    guest: Mapped[str | None] = mapped_column("who sat")
    note: Mapped[str | None]


class Namesake(Audited, bigint.PrimaryKey, LibraryBase):
    """A table with the name of another table, in another schema."""

    __tablename__ = "books"
    __table_args__ = {"schema": "The House"}


class Visit(bigint.PrimaryKey, LibraryBase):
    """A table that is not audited."""

    __tablename__ = "visits"


@pytest.fixture
async def library(fresh_database_url: URL) -> AsyncIterator[Database[db.UnitOfWork]]:
    """A database for this test alone, with these tables, one connection and the hook of the actor."""
    settings = DatabaseSettings(_env_file=None, url=fresh_database_url, pool_size=1, max_overflow=0)
    async with Database(settings, db.UnitOfWork, begin_hooks=(actor_hook,)) as database:
        async with database.engine.begin() as connection:
            await connection.execute(CreateSchema("The House"))
            await connection.run_sync(LibraryBase.metadata.create_all)
        yield database


Change = tuple[str, str, dict[str, Any] | None, dict[str, Any] | None]


async def entries(session: AsyncSession) -> list[AuditEntry]:
    """Return the log as this session sees it, in its order."""
    return list(await session.scalars(select(AuditEntry).order_by(AuditEntry.id)))


async def changes(database: Database[db.UnitOfWork]) -> list[Change]:
    """Return the committed log."""
    async with database.unit_of_work() as work:
        return [
            (entry.operation, entry.table_name, entry.old, entry.new)
            for entry in await entries(work.session)
        ]
