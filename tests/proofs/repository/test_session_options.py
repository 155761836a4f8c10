"""Writes that SQLAlchemy does not see honour the options of engine, connection and session."""

import json
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from shop.db import Database, UnitOfWork, errors
from shop.db.repository import batches
from tests.proofs.support.items import (
    MAP,
    MODELS,
    PLACES,
    WRITES,
    Item,
    by_keys,
    entities,
    get_or_add,
    insert,
    insert_missing,
    reads,
    repository_of,
    session_of_engine,
    session_with_options,
    update,
    upsert,
    where_rows_are,
)


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
    {"no_parameters": True},
    {"compiled_cache": {}},
    {"logging_token": "%s"},
]


async def test_other_options_change_no_rows(
    tenants: Database[UnitOfWork], monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = 0
    for options in OPTIONS:
        for write in (*WRITES, reads, entities):
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


@pytest.mark.parametrize("option", [{"yield_per": 1}, {"stream_results": True}])
async def test_an_option_that_streams_each_statement_is_refused_by_sqlalchemy(
    tenants: Database[UnitOfWork], option: dict[str, Any]
) -> None:
    for write in (*WRITES, reads, entities):
        async with await session_of_engine(tenants.engine, option) as session:
            with pytest.raises((InvalidRequestError, NotImplementedError)):
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
