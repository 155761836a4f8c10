"""Mixins of models that inherit from each other."""

from typing import Any

import pytest
from sqlalchemy import ForeignKey, MetaData, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, selectinload

from shop import db
from shop.db import Database, UnitOfWork
from shop.db.mixins import SoftDelete, Timestamps, Versioned, bigint
from tests.proofs.support.fleet import Crate, Crates, Label


@pytest.mark.parametrize("mixin", [SoftDelete, Timestamps, Versioned])
@pytest.mark.parametrize("table", [{}, {"__tablename__": "children"}])
def test_a_mixin_on_a_subclass_only_is_refused_where_it_is_mapped(
    mixin: type[Any], table: dict[str, Any]
) -> None:
    class Base(db.Base, DeclarativeBase):
        metadata = MetaData()
        type_annotation_map = db.TYPE_ANNOTATION_MAP

    class Parent(bigint.PrimaryKey, Base):
        __tablename__ = "parents"
        kind: Mapped[str]
        __mapper_args__ = {"polymorphic_on": "kind"}

    if table:
        key = mapped_column(ForeignKey("parents.id"), primary_key=True)
        table = table | {"id": key, "__annotations__": {"id": Mapped[int]}}
    with pytest.raises(
        TypeError, match=f"Child shares its rows with Parent: give the mixin {mixin.__name__}"
    ):
        type("Child", (mixin, Parent), {"__mapper_args__": {"polymorphic_identity": "c"}} | table)


def test_a_subclass_that_shares_no_rows_may_have_its_own_mixin() -> None:
    class Base(db.Base, DeclarativeBase):
        metadata = MetaData()
        type_annotation_map = db.TYPE_ANNOTATION_MAP

    class Plain(bigint.PrimaryKey, Base):
        __tablename__ = "plain"

    class Concrete(SoftDelete, Plain):
        __tablename__ = "concrete"
        id: Mapped[int] = mapped_column(primary_key=True)
        __mapper_args__ = {"concrete": True}

    assert "deleted_at" in Concrete.__table__.c


async def test_updated_at_follows_a_change_of_the_subclass_alone(
    fleet: Database[UnitOfWork],
) -> None:
    async with fleet.unit_of_work() as uow:
        await Crates(uow.session).add_many([Crate(size=1), Crate(size=2)])
    async with fleet.unit_of_work() as uow:
        now = (await uow.session.scalars(select(func.now()))).one()
        crates = await Crates(uow.session).all(order_by=[Crate.id])
        for crate in crates:
            await Crates(uow.session).update(crate, size=7 if crate.size == 1 else 2)
        assert [crate.updated_at == now for crate in crates] == [True, False]


async def test_updated_at_does_not_follow_a_change_of_a_collection(
    fleet: Database[UnitOfWork],
) -> None:
    async with fleet.unit_of_work() as uow:
        await Crates(uow.session).add(Crate(size=1))
    async with fleet.unit_of_work() as uow:
        [crate] = await Crates(uow.session).all(options=[selectinload(Crate.labels)])
        crate.labels.append(Label())
        await uow.session.flush()
        assert crate.updated_at == crate.created_at
