"""The changes of a table in another schema than `public` name that schema in each statement."""

from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import URL, Column, Integer, MetaData, String, Table, Text

from shop.db.migrations.gate import lint
from tests.proofs.support import own_migrations
from tests.proofs.support.own_migrations import upgrade, write


class Books(own_migrations.Project):
    """Its catalogue has the columns of the schema `books`."""

    CATALOGUE = """
SELECT concat_ws(' ', attname, format_type(atttypid, atttypmod), attnotnull) FROM pg_attribute
JOIN pg_class ON attrelid = pg_class.oid WHERE relnamespace = to_regnamespace('books')
AND relkind = 'r' AND attnum > 0 AND NOT attisdropped
"""


@pytest.fixture
async def books(tmp_path: Path, fresh_database_url: URL, pytestconfig: pytest.Config) -> Books:
    """A project without revisions."""
    return await Books.create(tmp_path, fresh_database_url, pytestconfig.rootpath)


def models(length: int, *more: Column[Any]) -> MetaData:
    """Return one table in the schema `books`."""
    metadata = MetaData()
    columns: list[Column[Any]] = [Column("id", Integer, primary_key=True)]
    columns += [Column("name", String(length)), *more]
    Table("things", metadata, *columns, schema="books")
    return metadata


async def test_a_schema_that_is_there_already_is_used(books: Books) -> None:
    await books.run(models(5), write)
    await books.execute("CREATE SCHEMA books")

    await books.run(models(5), upgrade, command.check)


async def test_a_dropped_column_gets_its_not_null_back(books: Books) -> None:
    await books.revise(models(5, Column("gone", Text, nullable=False)))
    books.allow("books.things.gone")

    await books.revise(models(5))

    assert "gone" not in " ".join(await books.catalogue())


async def test_the_gate_accepts_a_wider_column(books: Books) -> None:
    await books.revise(models(5))
    await books.revise(models(9))

    assert lint(books.config) == []
