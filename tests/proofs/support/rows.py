"""The methods of a repository that write rows, for any model."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from shop import db


def rows_of(session: AsyncSession, model: type[Any]) -> db.Repository[Any, Any]:
    """Return a repository of a model."""
    repository: db.Repository[Any, Any] = type("Rows", (db.Repository,), {"model": model})(session)
    return repository


async def insert_rows(session: AsyncSession, model: type[Any], rows: Any) -> int:
    return await rows_of(session, model).insert_rows(rows)


async def update_rows(session: AsyncSession, model: type[Any], rows: Any) -> int:
    return await rows_of(session, model).update_rows(rows)


async def upsert_rows(session: AsyncSession, model: type[Any], rows: Any, **how: Any) -> int:
    return await rows_of(session, model).upsert_rows(rows, **how)


async def upsert(session: AsyncSession, model: type[Any], row: Any, **how: Any) -> Any:
    return await rows_of(session, model).upsert(row, **how)
