"""Keys of many columns, and keys that Python writes in another way than the database."""

import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from sqlalchemy import CHAR, BigInteger, Column, Text, insert, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shop import db
from shop.db import Repository, errors
from shop.db.mixins import uuid7
from tests.proofs.support.books import Shouted


class Base(db.Base, DeclarativeBase):
    """The tables of these proofs."""


class Document(uuid7.PrimaryKey, Base):
    __tablename__ = "kk_documents"

    name: Mapped[str] = mapped_column(Text, default="")


class Tag(Base):
    __tablename__ = "kk_tags"

    name: Mapped[str] = mapped_column(Shouted, primary_key=True)


class Country(Base):
    __tablename__ = "kk_countries"

    code: Mapped[str] = mapped_column(CHAR(4), primary_key=True)


AXES = "abcdefghi"
Cell: Any = type(
    "Cell",
    (Base,),
    {"__tablename__": "kk_cells", "note": Column(Text, default="")}
    | {axis: Column(BigInteger, primary_key=True, autoincrement=False) for axis in AXES},
)


@pytest.fixture
async def keyed(session: AsyncSession) -> AsyncSession:
    """A session whose transaction created these tables."""
    await (await session.connection()).run_sync(Base.metadata.create_all)
    return session


def repository(session: AsyncSession, of: type[Any]) -> Repository[Any, Any]:
    kind: type[Repository[Any, Any]] = type("Rows", (Repository,), {"model": of})
    return kind(session)


NUMBERS = [uuid.UUID(int=n) for n in range(3)]
OTHERS: list[tuple[type[Any], list[Any], list[Any]]] = [
    (Document, NUMBERS, [str(NUMBERS[2]).upper(), NUMBERS[0], NUMBERS[2]]),
    (Tag, ["A", "B", "C"], ["c", "A", "C"]),
    (Country, ["A", "B", "C"], ["C", "A   ", "C   "]),
]


@pytest.mark.parametrize(("model", "stored", "given"), OTHERS)
async def test_a_key_may_be_written_in_another_way(
    keyed: AsyncSession, model: type[Any], stored: list[Any], given: list[Any]
) -> None:
    [column] = model.__mapper__.primary_key
    rows = repository(keyed, model)
    await rows.insert_rows({column.key: each} for each in stored)
    expected = [await rows.get_one(each) for each in given]
    ways: list[Any] = [{}, {"populate_existing": True}, {"with_for_update": True}]
    for how in ways:
        assert await rows.get_by_keys(given, **how) == expected
    assert expected[0] is expected[2] is not expected[1]
    await rows.delete_by_keys(stored[2:])
    with pytest.raises(errors.NotFound):
        await rows.get_by_keys(given)


async def test_keys_of_nine_columns_need_several_statements(keyed: AsyncSession) -> None:
    keys = [(n, *[0] * 8) for n in range(4096)]
    await keyed.execute(insert(Cell), [dict(zip(AXES, each, strict=True)) for each in keys])
    cells = repository(keyed, Cell)
    assert len(await cells.get_by_keys(keys)) == len(keys)
    assert await cells.update_by_keys(keys, note="n") == len(keys)
    assert await cells.delete_by_keys(keys) == len(keys)


async def test_get_reads_each_kind_of_key(keyed: AsyncSession) -> None:
    key = (7, *range(8))
    await keyed.execute(insert(Cell), [dict(zip(AXES, key, strict=True))])
    cells = repository(keyed, Cell)
    found = await cells.get_one(key)

    assert [getattr(found, axis) for axis in AXES] == [*key]
    assert await cells.get(key) is found
    assert await cells.get((8, *range(8))) is None
    for wrong in (key[:-1], (*key, 9), 7):
        with pytest.raises(TypeError, match="a key of Cell has one value for each of a, b, c"):
            await cells.get(wrong)


async def test_get_of_a_known_row_runs_no_query(
    keyed: AsyncSession, max_queries: Callable[[int], AbstractContextManager[None]]
) -> None:
    documents = repository(keyed, Document)
    document = await documents.add(Document(name="a"))
    key = document.id

    with max_queries(0):
        assert await documents.get(key) is document
    await keyed.delete(document)
    with max_queries(0):
        assert await documents.get(key) is document  # as `session.get`, before the flush
    await keyed.flush()
    assert await documents.get(key) is None


async def test_get_finds_a_row_whose_key_has_null_as_a_view_may_have(keyed: AsyncSession) -> None:
    for sql in ("DROP CONSTRAINT kk_cells_pkey", "ALTER i DROP NOT NULL"):
        await keyed.execute(text(f"ALTER TABLE kk_cells {sql}"))
    key = (*range(8), None)
    await keyed.execute(insert(Cell.__table__), [dict(zip(AXES, key, strict=True))])

    assert (await repository(keyed, Cell).get_one(key)).i is None
