"""A model without a schema and one in a schema, and what a repository does with them.

Each function leaves two rows, with the keys 1 and 2.
"""

import enum
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import Enum, MetaData, func, select, sql
from sqlalchemy.dialects.postgresql import INET
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.schema import CreateSchema

from shop import db
from shop.db import Database, DatabaseSettings, UnitOfWork


class TenantBase(db.Base, DeclarativeBase):
    metadata = MetaData(naming_convention=db.NAMING_CONVENTION)
    type_annotation_map = db.TYPE_ANNOTATION_MAP


class Color(enum.StrEnum):
    RED = "red"


class Item(TenantBase):
    """A table without a schema, and a type that belongs to its schema."""

    __tablename__ = "items"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    color: Mapped[Color | None] = mapped_column(Enum(Color, name="color"))
    details: Mapped[dict[str, object] | None]
    address: Mapped[str | None] = mapped_column(INET)


class Part(TenantBase):
    """A table in a schema."""

    __tablename__ = "parts"
    __table_args__ = {"schema": "shared"}

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    color: Mapped[str | None]


MODELS: tuple[type[Any], ...] = (Item, Part)
MAP = {None: "tenant", "shared": "tenant of shared"}

Write = Callable[[Any], Awaitable[object]]
ROWS = [{"id": 1, "color": Color.RED}, {"id": 2, "color": None}]


async def insert(repository: Any) -> None:
    assert await repository.insert_rows(ROWS) == 2


async def upsert(repository: Any) -> None:
    assert await repository.upsert_rows(ROWS, conflict_target=["id"]) == 2


async def update(repository: Any) -> None:
    await repository.insert_rows([{"id": 1}, {"id": 2}])
    assert await repository.update_rows(ROWS) == 2


async def insert_missing(repository: Any) -> None:
    await repository.insert_rows(ROWS[:1])
    assert await repository.insert_missing_rows(ROWS) == 1


async def get_or_add(repository: Any) -> None:
    await repository.insert_rows(ROWS[:1])
    assert [each.id for each in await repository.get_or_add_rows(ROWS[::-1])] == [2, 1]


async def by_keys(repository: Any) -> None:
    await repository.insert_rows([*ROWS, {"id": 3, "color": None}])
    assert await repository.update_by_keys([2, 3], color=Color.RED) == 2
    found = await repository.get_by_keys([3, 2], with_for_update=True, populate_existing=True)
    assert [each.color for each in found] == [Color.RED] * 2
    assert await repository.delete_by_keys([3, 99]) == 1
    page = await repository.paginate(
        repository.model.id < 9, order_by=[], limit=1, backward=True, item_cursors=True
    )
    assert [each.id for each in page.items] == [2]


async def update_where(repository: Any) -> None:
    await repository.insert_rows([{"id": 1}, {"id": 2}])
    assert await repository.update_where(repository.model.id == 1, color=Color.RED) == 1


async def delete_where(repository: Any) -> None:
    await repository.insert_rows([*ROWS, {"id": 3, "color": None}])
    assert await repository.delete_where(repository.model.id == 3) == 1


WRITES: list[Write] = [
    *(insert, upsert, update, update_where, delete_where),
    *(insert_missing, get_or_add, by_keys),
]


@pytest.fixture
async def tenants(proof_settings: DatabaseSettings) -> AsyncIterator[Database[UnitOfWork]]:
    """A database with the tables in their own schemas, and in those of a tenant."""
    async with Database(proof_settings, UnitOfWork) as database:
        async with database.engine.begin() as connection:
            for schema in ("shared", "tenant", "tenant of shared"):
                await connection.execute(CreateSchema(schema))
            await connection.run_sync(TenantBase.metadata.create_all)
        mapped = database.engine.execution_options(schema_translate_map=MAP)
        async with mapped.begin() as connection:
            await connection.run_sync(TenantBase.metadata.create_all)
        yield database


async def session_of_engine(engine: AsyncEngine, options: dict[str, Any]) -> AsyncSession:
    return AsyncSession(engine.execution_options(**options))


async def session_with_options(engine: AsyncEngine, options: dict[str, Any]) -> AsyncSession:
    return AsyncSession(engine, execution_options=options)


async def session_of_options_of_its_connection(
    engine: AsyncEngine, options: dict[str, Any]
) -> AsyncSession:
    session = AsyncSession(engine)
    await session.connection(execution_options=options)
    return session


async def session_of_connection(engine: AsyncEngine, options: dict[str, Any]) -> AsyncSession:
    connection = await engine.connect()
    return AsyncSession(await connection.execution_options(**options))


PLACES = [
    session_of_engine,
    session_with_options,
    session_of_options_of_its_connection,
    session_of_connection,
]


def repository_of(model: type[Any], session: AsyncSession) -> Any:
    return type("Rows", (db.Repository,), {"model": model})(session)


async def where_rows_are(session: AsyncSession, model: type[Any]) -> list[int]:
    """Return how many rows the model's own schema has, and how many the tenant's."""
    table = model.__table__
    schemas = (table.schema or "public", MAP[table.schema])
    counts = [
        select(func.count()).select_from(sql.table(table.name, schema=schema)) for schema in schemas
    ]
    return [(await session.execute(count)).scalar_one() for count in counts]


async def reads(repository: Any) -> None:
    await repository.insert_rows(ROWS)
    model, order = repository.model, [repository.model.color, repository.model.id]
    assert (await repository.get(1)).id == 1
    assert (await repository.get_one(2, with_for_update=True)).id == 2
    assert (await repository.one_or_none(model.id == 2)).id == 2
    found, number = await repository.all_and_count(order_by=order, limit=1)
    assert ([each.id for each in found], number) == ([1], 2)
    assert (await repository.count(), await repository.exists(model.id == 3)) == (2, False)
    page = await repository.paginate(order_by=order, limit=1)
    page = await repository.paginate(order_by=order, limit=1, cursor=page.next)
    assert [each.id for each in page.items] == [2]
    async with repository.stream(order_by=order, yield_per=1) as partitions:
        assert [[each.id for each in part] async for part in partitions] == [[1], [2]]


async def entities(repository: Any) -> None:
    first = await repository.add(repository.model(id=1))
    _, third = await repository.add_many([repository.model(id=2), repository.model(id=3)])
    await repository.update(first, color="red" if repository.model is Part else Color.RED)
    await repository.delete(third)
