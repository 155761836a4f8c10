"""SQLAlchemy reads some models by a query. One statement cannot write the rows of such a model."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import MetaData, select
from sqlalchemy.ext.declarative import ConcreteBase
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shop import db
from shop.db import Database, UnitOfWork


class QueryBase(db.Base, DeclarativeBase):
    metadata = MetaData()


class Ship(ConcreteBase, QueryBase):
    """Concrete inheritance. A query for ships also reads the tables of the subclasses."""

    __tablename__ = "ships"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    __mapper_args__ = {"polymorphic_identity": "ship", "concrete": True}


class Ferry(Ship):
    __tablename__ = "ferries"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    __mapper_args__ = {"polymorphic_identity": "ferry", "concrete": True}


class Named(QueryBase):
    """A class that is mapped to a query."""

    __table__ = select(Ship.__table__).where(Ship.__table__.c.name != "").subquery()
    __mapper_args__ = {"primary_key": [__table__.c.id]}


@pytest.mark.parametrize("model", [Ship, Ferry, Named])
async def test_a_model_that_is_read_by_a_query_is_refused(
    fleet: Database[UnitOfWork], model: type[Any]
) -> None:
    repository: Any = type("Queries", (db.Repository,), {"model": model})
    row = {"id": 1, "name": "new"}
    writes: list[Callable[[Any], Awaitable[object]]] = [
        lambda ships: ships.delete_where(model.id == 1),
        lambda ships: ships.delete_by_keys([1]),
        lambda ships: ships.update_where(model.id == 1, name="new"),
        lambda ships: ships.update_rows([row]),
        lambda ships: ships.upsert_rows([row], conflict_target=["id"]),
        lambda ships: ships.upsert(row, conflict_target=["id"]),
        lambda ships: ships.insert_rows([row]),
    ]
    async with fleet.unit_of_work() as uow:
        for write in writes:
            with pytest.raises(TypeError, match=f"{model.__name__} is not mapped to one table"):
                await write(repository(uow.session))


async def test_a_page_of_the_rows_of_several_tables_is_refused(fleet: Database[UnitOfWork]) -> None:
    async with fleet.unit_of_work() as uow:
        await (await uow.session.connection()).run_sync(QueryBase.metadata.create_all)
        uow.session.add_all([Ship(id=1, name="a"), Ferry(id=1, name="b"), Ferry(id=2, name="c")])
        await uow.session.flush()
        with pytest.raises(TypeError, match="Ship has rows of several tables: page its subclasses"):
            await db.paginate(uow.session, select(Ship), order_by=Ship.name, limit=1)
        page = await db.paginate(uow.session, select(Ferry), order_by=Ferry.name, limit=1)
        assert [ferry.name for ferry in page.items] == ["b"]
