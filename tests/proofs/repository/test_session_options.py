"""Writes that SQLAlchemy does not see honour the options of engine, connection and session."""

import enum
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import Enum, MetaData, func, select, sql, text
from sqlalchemy.dialects.postgresql import INET
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.schema import CreateSchema

from shop import db
from shop.db import Database, DatabaseSettings, UnitOfWork, errors
from shop.db.repository import batches


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


async def test_rows_go_to_the_schema_of_the_translation(
    tenants: Database[UnitOfWork], monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = 0
    for place in PLACES:
        for model in MODELS:
            for write in WRITES:
                for few in (1000, 1):
                    monkeypatch.setattr(batches, "FEW", few)
                    session = await place(tenants.engine, {"schema_translate_map": MAP})
                    async with session:
                        await write(repository_of(model, session))
                        cell = place.__name__, model.__name__, write.__name__, few
                        assert await where_rows_are(session, model) == [0, 2], cell
                        connection = await session.connection()
                        await session.rollback()
                    await connection.close()
                    cells += 1
    print(f"{cells} cells wrote to the tenant, 0 wrong")


async def where_rows_are(session: AsyncSession, model: type[Any]) -> list[int]:
    """Return how many rows the model's own schema has, and how many the tenant's."""
    table = model.__table__
    schemas = (table.schema or "public", MAP[table.schema])
    counts = [
        select(func.count()).select_from(sql.table(table.name, schema=schema)) for schema in schemas
    ]
    return [(await session.execute(count)).scalar_one() for count in counts]


async def test_a_table_that_only_the_tenant_has_is_found(tenants: Database[UnitOfWork]) -> None:
    for model in MODELS:
        for write in WRITES:
            session = await session_with_options(tenants.engine, {"schema_translate_map": MAP})
            async with session:
                own = f"{model.__table__.schema or 'public'}.{model.__table__.name}"
                await session.execute(text(f"DROP TABLE {own}"))
                await write(repository_of(model, session))


OPTIONS: list[dict[str, Any]] = [
    {"isolation_level": "READ COMMITTED"},
    {"isolation_level": "REPEATABLE READ"},
    {"isolation_level": "SERIALIZABLE"},
    {"postgresql_deferrable": True},
    {"logging_token": "token"},
    {"compiled_cache": None},
    {"insertmanyvalues_page_size": 1},
    {"preserve_rowcount": True},
    {"max_row_buffer": 1},
]


async def test_other_options_change_no_rows(
    tenants: Database[UnitOfWork], monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = 0
    for options in OPTIONS:
        for write in WRITES:
            for few in (1000, 1):
                monkeypatch.setattr(batches, "FEW", few)
                async with await session_of_engine(tenants.engine, options) as session:
                    await write(repository_of(Item, session))
                    assert await where_rows_are(session, Item) == [2, 0], (options, write)
                    cells += 1
    print(f"{cells} cells wrote the rows, 0 wrong")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"postgresql_readonly": True}, errors.ReadOnlyTransaction),
        ({"isolation_level": "AUTOCOMMIT"}, errors.DatabaseError),
    ],
)
async def test_an_option_that_allows_no_write_refuses_each(
    tenants: Database[UnitOfWork],
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, Any],
    error: type[errors.Error],
) -> None:
    for write in (insert, upsert, update, insert_missing, get_or_add, by_keys):
        for few in (1000, 1):
            monkeypatch.setattr(batches, "FEW", few)
            async with await session_of_engine(tenants.engine, options) as session:
                with pytest.raises(error):
                    await write(repository_of(Item, session))
                await session.rollback()
    async with tenants.sessions() as session:
        assert await where_rows_are(session, Item) == [0, 0]


ARGUMENTS: list[dict[str, Any]] = [
    {"json_serializer": lambda value: json.dumps({"wrapped": value})},
    {"native_inet_types": False},
    {"connect_args": {"statement_cache_size": 0, "prepared_statement_cache_size": 0}},
    {"query_cache_size": 0},
    {"connect_args": {"server_settings": {"search_path": '"tenant"'}}},
]


@pytest.mark.parametrize("arguments", ARGUMENTS, ids=[str(list(each)) for each in ARGUMENTS])
@pytest.mark.parametrize("few", [1000, 0])
async def test_the_engine_may_have_other_arguments(
    tenants: Database[UnitOfWork],
    monkeypatch: pytest.MonkeyPatch,
    arguments: dict[str, Any],
    few: int,
) -> None:
    monkeypatch.setattr(batches, "FEW", few)
    engine = create_async_engine(tenants.engine.url, **arguments)
    row = {"id": 1, "details": {"a": 1}, "address": "10.0.0.1"}
    stored = {json.dumps({"wrapped": {"a": 1}})} if "json_serializer" in arguments else {'{"a": 1}'}
    found = set()
    for write in ("insert_rows", "upsert_rows", "update_rows"):
        async with AsyncSession(engine) as session:
            repository = repository_of(Item, session)
            if write == "update_rows":
                await repository.insert_rows([{"id": 1}])
            target = {"conflict_target": ["id"]} if write == "upsert_rows" else {}
            assert await getattr(repository, write)([row], **target) == 1
            found.add(await session.scalar(text("SELECT details::text FROM items")))
            assert str(await session.scalar(select(Item.address))) == "10.0.0.1"
    await engine.dispose()
    assert found == stored


async def test_what_was_added_is_written_before_without_autoflush(
    tenants: Database[UnitOfWork],
) -> None:
    for write in WRITES:
        async with AsyncSession(tenants.engine, autoflush=False) as session:
            session.add(Item(id=9))
            await write(repository_of(Item, session))
            assert await where_rows_are(session, Item) == [3, 0]
