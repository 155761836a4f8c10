"""Models of several tables: joined inheritance, many-to-many, a tree, and two relationships of one model."""

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import (
    URL,
    Column,
    ForeignKeyConstraint,
    Index,
    MetaData,
    Table,
    Uuid,
    insert,
    select,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, selectinload

from shop import db
from shop.db import DatabaseSettings
from shop.db.errors import ForeignKeyViolation, InsufficientPrivilege
from shop.db.mixins.uuid7 import PrimaryKey
from shop.db.tenancy import Database, Tenanted, tenant_foreign_key
from shop.db.tenancy.model import problems
from tests.proofs.tenancy.tables import A, B


class Base(db.Base, DeclarativeBase):
    metadata = MetaData(naming_convention=db.NAMING_CONVENTION)
    type_annotation_map = db.TYPE_ANNOTATION_MAP


links = Table(
    "links",
    Base.metadata,
    *(Column(name, Uuid, primary_key=True) for name in ("tenant_id", "dog_id", "toy_id")),
    tenant_foreign_key("dog_id", "dogs.id", ondelete="CASCADE"),
    tenant_foreign_key("toy_id", "toys.id", ondelete="CASCADE"),
    Index(None, "tenant_id", "toy_id"),
)


class Animal(Tenanted, PrimaryKey, Base):
    __tablename__ = "animals"
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "animal"}

    kind: Mapped[str]


class Dog(Animal):
    __tablename__ = "dogs"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "id"], ["animals.tenant_id", "animals.id"], ondelete="CASCADE"
        ),
    )
    __mapper_args__ = {"polymorphic_identity": "dog"}

    tenant_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    toys: Mapped[list["Toy"]] = relationship(secondary=links, lazy="raise_on_sql")


class Toy(Tenanted, PrimaryKey, Base):
    __tablename__ = "toys"
    __table_args__ = (
        tenant_foreign_key("whole_id", "toys.id", ondelete="SET NULL"),
        tenant_foreign_key("owner_id", "dogs.id", ondelete="SET NULL"),
    )

    whole_id: Mapped[uuid.UUID | None]
    owner_id: Mapped[uuid.UUID | None]
    # docs/tenancy.md has this form of the join.
    whole: Mapped["Toy | None"] = relationship(
        primaryjoin="and_(foreign(Toy.whole_id) == remote(Toy.id), Toy.tenant_id == remote(Toy.tenant_id))",
        lazy="raise_on_sql",
    )
    owner: Mapped["Dog | None"] = relationship(
        primaryjoin="and_(foreign(Toy.owner_id) == Dog.id, Toy.tenant_id == Dog.tenant_id)",
        lazy="raise_on_sql",
    )


Kennel = Database[db.UnitOfWork]


@pytest.fixture
async def kennel(owner: AsyncConnection, shop_url: URL) -> AsyncIterator[Kennel]:
    await owner.run_sync(Base.metadata.create_all)
    await owner.exec_driver_sql("GRANT ALL ON ALL TABLES IN SCHEMA public TO PUBLIC")
    settings = DatabaseSettings(_env_file=None, url=shop_url)
    async with Database(settings, db.UnitOfWork, metadata=Base.metadata) as kennel:
        yield kennel


async def fill(kennel: Kennel) -> tuple[uuid.UUID, uuid.UUID]:
    """Add the rows of A. Return the keys of a dog and of a toy."""
    async with kennel.unit_of_work(info=A) as uow:
        dog, ball = Dog(name="rex"), Toy()
        dog.toys = [Toy(whole=ball, owner=dog)]
        uow.session.add_all([dog, Dog(name="bello")])
        await uow.session.flush()
        return dog.id, ball.id


async def test_all_rows_of_a_model_belong_to_the_tenant(kennel: Kennel) -> None:
    assert problems(Base.metadata) == []
    await fill(kennel)

    for tenant, number in ((A, {Dog: 2, Animal: 2, Toy: 2, links: 1}), (B, {})):
        async with kennel.unit_of_work(info=tenant) as uow:
            for each in (Dog, Animal, Toy, links):
                found = (await uow.session.execute(select(each))).all()
                assert len(found) == number.get(each, 0)


async def test_a_relationship_that_becomes_none_keeps_the_tenant(kennel: Kennel) -> None:
    await fill(kennel)

    async with kennel.unit_of_work(info=A) as uow:
        loaded = select(Dog).where(Dog.name == "rex").options(selectinload(Dog.toys))
        [dog] = await uow.session.scalars(loaded)
        [toy] = dog.toys
        toy.owner = toy.whole = None
        dog.toys.clear()
        await uow.session.flush()

        assert (toy.tenant_id, toy.owner_id, toy.whole_id) == (A.id, None, None)
        assert not (await uow.session.execute(select(links))).all()


async def test_rows_of_two_tenants_cannot_be_linked(kennel: Kennel) -> None:
    dog, toy = await fill(kennel)
    async with kennel.unit_of_work(info=B) as uow:
        uow.session.add(own := Toy())

    mixed = {"dog_id": dog, "toy_id": own.id}
    cases: list[tuple[Any, type[Exception]]] = [
        (insert(links).values(tenant_id=B.id, **mixed), ForeignKeyViolation),
        (insert(links).values(tenant_id=A.id, **mixed), InsufficientPrivilege),
        (insert(Toy).values(id=uuid.uuid4(), whole_id=toy), ForeignKeyViolation),
        (
            insert(Base.metadata.tables["dogs"]).values(tenant_id=B.id, id=dog, name="x"),
            ForeignKeyViolation,
        ),
    ]
    for statement, refused in cases:
        with pytest.raises(refused) as error:
            async with kennel.unit_of_work(info=B) as uow:
                await uow.session.execute(statement)
        assert str(dog) not in str(error.value)
        assert str(toy) not in str(error.value)
