"""Every type of PostgreSQL is written alike by each method, for few rows and for many."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeEngine

from shop import db
from shop.db import Database, DatabaseSettings, UnitOfWork, errors
from shop.db.repository import batches
from tests.proofs.support.types import DOMAINS, EXTENSIONS, SAMPLES

ROWS = 5

Rows = list[dict[str, Any]]


class Base(db.Base, DeclarativeBase):
    """Each type has its own table."""


def model_of(kind: TypeEngine[Any], number: int) -> type[Any]:
    """Return a model with a key and a value."""
    attributes = {
        "__tablename__": f"values {number}",
        "id": sa.Column(sa.BigInteger, primary_key=True, autoincrement=False),
        "value": sa.Column("the value", kind),
    }
    return type(f"Value{number}", (Base,), attributes)


MODELS = {name: model_of(kind, n) for n, (name, (kind, _)) in enumerate(SAMPLES.items())}


@pytest.fixture
async def typed(proof_settings: DatabaseSettings) -> AsyncIterator[Database[UnitOfWork]]:
    """A database with a table for each type."""
    async with Database(proof_settings, UnitOfWork) as database:
        async with database.engine.begin() as connection:
            for name in ("citext", "hstore", "ltree"):
                for statement in EXTENSIONS.format(name=name).split(";"):
                    await connection.execute(sa.text(statement))
            for statement in DOMAINS.split(";"):
                await connection.execute(sa.text(statement))
            await connection.run_sync(Base.metadata.create_all)
        yield database


def rows_of(name: str) -> Rows:
    """Return rows with all values of a type, and NULL."""
    values = [*SAMPLES[name][1], None]
    return [{"id": each, "value": values[each % len(values)]} for each in range(ROWS)]


async def insert(session: AsyncSession, model: type[Any], rows: Rows) -> None:
    repository = type("Values", (db.Repository,), {"model": model})(session)
    assert await repository.insert_rows(rows) == len(rows)


async def upsert(session: AsyncSession, model: type[Any], rows: Rows) -> None:
    repository = type("Values", (db.Repository,), {"model": model})(session)
    assert await repository.upsert_rows(rows, conflict_target=["id"]) == len(rows)
    assert await repository.upsert_rows(rows, conflict_target=["id"]) == len(rows)


async def update(session: AsyncSession, model: type[Any], rows: Rows) -> None:
    repository = type("Values", (db.Repository,), {"model": model})(session)
    await session.execute(sa.insert(model), [{"id": row["id"]} for row in rows])
    assert await repository.update_rows(rows) == len(rows)


async def plainly(session: AsyncSession, model: type[Any], rows: Rows) -> None:
    """Write as SQLAlchemy does, without the layer."""
    values = [{"id": row["id"], "the value": row["value"]} for row in rows]
    await session.execute(sa.insert(model.__table__), values)


async def update_each(session: AsyncSession, model: type[Any], rows: Rows) -> None:
    repository = type("Values", (db.Repository,), {"model": model})(session)
    await session.execute(sa.insert(model), [{"id": row["id"]} for row in rows])
    for row in rows:
        assert await repository.update_where(model.id == row["id"], value=row["value"]) == 1


WAYS: list[tuple[Callable[[AsyncSession, type[Any], Rows], Awaitable[None]], bool]] = [
    (insert, True),
    (insert, False),
    (upsert, True),
    (upsert, False),
    (update, True),
    (update, False),
    (update_each, True),
]


async def test_each_type_is_written_as_sqlalchemy_writes_it(
    typed: Database[UnitOfWork], monkeypatch: pytest.MonkeyPatch
) -> None:
    written, wrong = 0, list[str]()
    for name, model in MODELS.items():
        expected = await stored(typed, model, plainly, name)
        for way, few in WAYS:
            monkeypatch.setattr(batches, "FEW", ROWS if few else ROWS - 1)
            cell = f"{name}, {way.__name__} of {'few' if few else 'many'}"
            found = await stored(typed, model, way, name)
            if found == expected:
                written += 1
            else:
                wrong.append(f"{cell}: {found}")
    print(f"{len(MODELS)} types x {len(WAYS)} ways: {written} written alike, {len(wrong)} wrong")
    assert not wrong, "\n".join(wrong)


async def stored(
    database: Database[UnitOfWork],
    model: type[Any],
    way: Callable[[AsyncSession, type[Any], Rows], Awaitable[None]],
    name: str,
) -> list[tuple[Any, ...]] | str:
    """Write rows, and return what the server has, as text, or an error's name. Nothing is committed."""
    table = model.__table__.c
    as_text = sa.cast(sa.type_coerce(table["the value"], sa.Text), sa.Text)
    async with database.sessions() as session:
        try:
            await way(session, model, rows_of(name))
        except (errors.Error, TypeError) as error:
            return type(error).__name__
        found = await session.execute(sa.select(table.id, as_text).order_by(table.id))
        return [tuple(row) for row in found]
