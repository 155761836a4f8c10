"""A revision is tried before it is written. PostgreSQL decides on the order, and on each change."""

import random
import re
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.util import CommandError
from sqlalchemy.exc import IntegrityError

from shop.db.errors import CheckViolation
from tests.proofs.support.history import History, Shed
from tests.proofs.support.kinds import models

CHAIN = {"a": ["b"], "b": ["c", "b"], "c": [], "d": ["a"]}
CIRCLE = {"a": ["b"], "b": ["c"], "c": ["a"]}


def tables(references: dict[str, list[str]], schema: str | None, **options: Any) -> sa.MetaData:
    """Return models of tables that refer to each other, in a random order."""
    metadata = sa.MetaData(schema=schema)
    prefix = f"{schema}." if schema else ""
    for name, others in random.sample([*references.items()], len(references)):
        keys: list[sa.Column[int]] = [
            sa.Column(f"{to}_id", sa.ForeignKey(f"{prefix}{to}.id", name=to, **options))
            for to in others
        ]
        sa.Table(name, metadata, sa.Column("id", sa.Integer, primary_key=True), *keys)
    return metadata


def names(metadata: sa.MetaData) -> set[str]:
    """Return the names of the tables."""
    return {table.name for table in metadata.tables.values()}


@pytest.mark.filterwarnings("ignore:Cannot correctly sort tables")
@pytest.mark.parametrize(
    ("references", "schema", "use_alter"),
    [(CHAIN, None, False), (CIRCLE, None, False), (CIRCLE, "books", True)],
)
async def test_tables_that_refer_to_each_other_are_created_and_dropped(
    shed: Shed, references: dict[str, list[str]], schema: str | None, use_alter: bool
) -> None:
    def work(history: History) -> None:
        some, none = tables(references, schema, use_alter=use_alter), tables({}, schema)
        sa.Table("kept", none, sa.Column("id", sa.Integer, primary_key=True))
        sa.Table("kept", some, sa.Column("id", sa.Integer, primary_key=True))
        for before, after in ((none, some), (some, none)):
            history.revise(before, allowed=[*none.tables, *some.tables])
            history.upgrade(before)
            start = history.head
            history.revise(after, allowed=[*none.tables, *some.tables])
            history.upgrade(after)
            history.downgrade(before, start)
            assert names(before) <= history.tables(schema)
            history.upgrade(after)
            history.downgrade(before, "base")
            history.forget()

    await shed(work)


async def test_a_change_that_postgresql_refuses_is_not_written(shed: Shed) -> None:
    def work(history: History) -> None:
        history.revise(models())
        history.upgrade(models())
        history.execute("CREATE VIEW few AS SELECT email FROM things")
        metadata = models()
        metadata.tables["things"].c.email.type = sa.String(9)
        with pytest.raises(CommandError) as error:
            history.revise(metadata, allowed=["things.email"])
        assert "cannot alter type of a column used by a view" in str(error.value)
        assert "depends on column" in str(error.value)
        assert "op.alter_column('things', 'email'" in str(error.value)
        history.check(models())  # The trial left no change.

    await shed(work)


async def test_rows_that_prevent_a_change_are_reported(shed: Shed) -> None:
    def work(history: History) -> None:
        history.revise(models())
        history.upgrade(models())
        history.execute("INSERT INTO things (id, size) VALUES (1, 5), (2, 5)")
        metadata = models(sa.UniqueConstraint("size", name="u"))
        history.revise(metadata)
        assert "existing rows prevent a change: " in history.output
        assert "Key (size)=(5) is duplicated." in history.output
        history.execute("UPDATE things SET size = id")
        history.upgrade(metadata)

    await shed(work)


def evolving(name: str) -> sa.MetaData:
    """Return models whose column, constraint, indexes and second table have this name."""
    metadata = models(
        sa.Column(name, sa.Text),
        sa.UniqueConstraint("size", "email", name=f"u_{name}", deferrable=name == "new"),
        sa.CheckConstraint("size > 0", name=f"c_{name}"),
        sa.Index(f"i_{name}", "size"),
    )
    sa.Table(f"t_{name}", metadata, sa.Column("id", sa.Integer), sa.Index(f"ti_{name}", "id"))
    return metadata


async def test_a_revision_with_an_operation_that_commits_can_run_twice(shed: Shed) -> None:
    def work(history: History) -> None:
        history.revise(evolving("old"))
        history.upgrade(evolving("old"))
        start = history.head
        history.revise(evolving("new"), allowed=["things.old", "t_old"])
        history.upgrade(evolving("new"))
        history.repeat(evolving("new"), start)
        paths = (history.directory / "versions").glob("*.py")
        written = "".join(path.read_text() for path in paths)
        for operation in ("drop_column", "drop_table", "drop_constraint", "drop_index"):
            assert re.search(rf"op\.{operation}\([^\n]*if_exists=True", written), operation

    await shed(work)


async def test_a_downgrade_that_rows_prevent_loses_no_values(shed: Shed) -> None:
    def work(history: History) -> None:
        before = models(sa.Column("size", sa.Integer, nullable=False))
        after = sa.MetaData()
        key = sa.Column("id", sa.Integer, primary_key=True, autoincrement=False)
        length = sa.Column("length", sa.Integer, nullable=False)
        sa.Table("things", after, key, length, sa.Column("email", sa.Text))
        history.revise(before)
        history.upgrade(before)
        start = history.head
        history.execute("INSERT INTO things (id, size) VALUES (1, 7)")
        with pytest.raises(CommandError, match="values of a dropped column"):
            history.revise(after)
        assert "op.backfill()" not in history.output  # nothing was written
        history.revise(after, allowed=["things.size"])
        assert "write the value of things.length into op.backfill()" in history.output
        history.fill("size")
        history.upgrade(after)

        for _ in range(2):
            with pytest.raises((CheckViolation, IntegrityError)):
                history.downgrade(before, start)
            assert history.connection.scalar(sa.text("SELECT length FROM things")) == 7
            history.connection.rollback()
        history.execute("UPDATE things SET size = length")
        history.downgrade(before, start)
        assert history.connection.scalar(sa.text("SELECT size FROM things")) == 7

    await shed(work)
