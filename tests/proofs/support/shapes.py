"""The shapes of models that SQLAlchemy's documentation shows."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import (
    BigInteger,
    Column,
    Computed,
    ForeignKey,
    Identity,
    MetaData,
    Table,
    Text,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.associationproxy import AssociationProxy, association_proxy
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.ext.mutable import MutableDict
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    MappedAsDataclass,
    WriteOnlyMapped,
    column_property,
    composite,
    mapped_column,
    relationship,
    synonym,
    validates,
)

from shop import db
from shop.db import Database, DatabaseSettings
from shop.db.mixins import Timestamps, Versioned, bigint


class Base(db.Base, DeclarativeBase):
    metadata = MetaData(naming_convention=db.NAMING_CONVENTION)
    type_annotation_map = db.TYPE_ANNOTATION_MAP


class Node(bigint.PrimaryKey, Base):
    """An adjacency list."""

    __tablename__ = "sh_nodes"

    name: Mapped[str]
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("sh_nodes.id"), index=True)
    parent: Mapped[Node | None] = relationship(
        back_populates="children", remote_side="Node.id", lazy="raise_on_sql"
    )
    children: Mapped[list[Node]] = relationship(
        back_populates="parent", cascade="all, delete-orphan", lazy="raise_on_sql"
    )


class Membership(Base):
    """An association object with a composite key."""

    __tablename__ = "sh_memberships"

    group_id: Mapped[int] = mapped_column(ForeignKey("sh_groups.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str]


class Group(bigint.PrimaryKey, Base):
    """An association proxy."""

    __tablename__ = "sh_groups"

    name: Mapped[str]
    memberships: Mapped[list[Membership]] = relationship(
        cascade="all, delete-orphan", lazy="raise_on_sql"
    )
    members: AssociationProxy[list[str]] = association_proxy(
        "memberships", "name", creator=lambda name: Membership(name=name, number=1)
    )


class Employee(bigint.PrimaryKey, Base):
    """Single-table inheritance."""

    __tablename__ = "sh_employees"
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "employee"}

    kind: Mapped[str]
    name: Mapped[str]


class Manager(Employee):
    __mapper_args__ = {"polymorphic_identity": "manager"}

    budget: Mapped[int | None]


class Asset(bigint.PrimaryKey, Base):
    """Joined-table inheritance."""

    __tablename__ = "sh_assets"
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "asset"}

    kind: Mapped[str]
    name: Mapped[str]


class Car(Asset):
    __tablename__ = "sh_cars"
    __mapper_args__ = {"polymorphic_identity": "car"}

    id: Mapped[int] = mapped_column(
        ForeignKey("sh_assets.id", ondelete="CASCADE"), primary_key=True
    )
    wheels: Mapped[int] = mapped_column(default=4)


class Plain(bigint.PrimaryKey, Base):
    __tablename__ = "sh_plains"

    name: Mapped[str]


class Concrete(Plain):
    """Concrete-table inheritance."""

    __tablename__ = "sh_concretes"
    __mapper_args__ = {"concrete": True}

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


@dataclasses.dataclass
class Point:
    x: int
    y: int


class Order(bigint.PrimaryKey, Timestamps, Versioned, Base):
    """Hybrid, composite, synonym, deferred, generated, expressions, mutable JSON and a version."""

    __tablename__ = "sh_orders"

    name: Mapped[str] = mapped_column(unique=True)
    price: Mapped[int] = mapped_column(default=3)
    amount: Mapped[int] = mapped_column(default=2)
    notes: Mapped[str | None] = mapped_column(deferred=True)
    title: Mapped[str] = synonym("name")
    total: Mapped[int] = column_property(price * amount)
    generated: Mapped[int] = mapped_column(Computed("price + amount"))
    place: Mapped[Point | None] = composite(
        mapped_column("x", nullable=True), mapped_column("y", nullable=True)
    )
    data: Mapped[dict[str, Any] | None] = mapped_column(MutableDict.as_mutable(JSONB))

    @hybrid_property
    def dear(self) -> int:
        return self.price * 10

    @validates("amount")
    def check(self, _: str, value: int) -> int:
        if value < 0:
            raise ValueError("an amount is not negative")
        return value


class Author(bigint.PrimaryKey, Base):
    """An expression that counts the rows of another table."""

    __tablename__ = "sh_authors"

    name: Mapped[str] = mapped_column(unique=True)


class Book(bigint.PrimaryKey, Base):
    __tablename__ = "sh_books"

    name: Mapped[str]
    author_id: Mapped[int] = mapped_column(ForeignKey("sh_authors.id"), index=True)


Author.books = column_property(  # as in SQLAlchemy's manual
    select(func.count(Book.id))
    .where(Book.author_id == Author.id)
    .correlate_except(Book)
    .scalar_subquery()
)

follows = Table(
    "sh_follows",
    Base.metadata,
    Column("one", ForeignKey("sh_people.id", ondelete="CASCADE"), primary_key=True),
    Column("other", ForeignKey("sh_people.id", ondelete="CASCADE"), primary_key=True),
)


class Person(bigint.PrimaryKey, Base):
    """A many-to-many relationship to itself."""

    __tablename__ = "sh_people"

    name: Mapped[str]
    friends: Mapped[list[Person]] = relationship(
        secondary=follows,
        primaryjoin="Person.id == sh_follows.c.one",
        secondaryjoin="Person.id == sh_follows.c.other",
        lazy="raise_on_sql",
    )


class Owner(bigint.PrimaryKey, Base):
    """A collection that can only be written."""

    __tablename__ = "sh_owners"

    name: Mapped[str]
    things: WriteOnlyMapped[OwnedThing] = relationship(
        cascade="all, delete-orphan", passive_deletes=True
    )


class OwnedThing(bigint.PrimaryKey, Base):
    __tablename__ = "sh_owned_things"

    owner_id: Mapped[int] = mapped_column(
        ForeignKey("sh_owners.id", ondelete="CASCADE"), index=True
    )


class Coin(MappedAsDataclass, Base, kw_only=True):
    """A dataclass. It declares its key itself, because the mixins are no dataclasses."""

    __tablename__ = "sh_coins"

    id: Mapped[int] = mapped_column(init=False, primary_key=True)
    name: Mapped[str]
    total: Mapped[int | None] = mapped_column(default=None)


class Partial(Base):
    """A table with columns that the class leaves out. Python fills one of them."""

    __table__ = Table(
        "sh_partials",
        Base.metadata,
        Column("id", BigInteger, Identity(), primary_key=True),
        Column("name", Text, nullable=False),
        Column("word", Text, default="word", nullable=False),
        Column("changed", Text, onupdate="changed"),
    )
    __mapper_args__ = {"exclude_properties": ["word", "changed"]}


SHAPES: list[type[Any]] = [
    *(Node, Group, Membership, Employee, Manager, Asset, Car, Plain, Concrete),
    *(Order, Author, Person, Owner, Coin, Partial),
]


@pytest.fixture
async def world(proof_settings: DatabaseSettings) -> AsyncIterator[Database[db.UnitOfWork]]:
    """A database with the tables of all shapes."""
    async with Database(proof_settings, db.UnitOfWork) as database:
        async with database.engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        yield database
