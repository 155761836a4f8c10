"""`--sql` writes a script that does the same as the command, or it writes nothing and says why."""

from functools import partial
from pathlib import Path

import pytest
from alembic import command
from alembic.util import CommandError
from sqlalchemy import URL, Connection, MetaData, text

from tests.proofs.support import own_migrations
from tests.proofs.support.own_migrations import empty
from tests.proofs.support.psql import psql

TABLE = r"""there = {"schema": "my s"}
    op.execute('CREATE SCHEMA "my s"')
    columns = [sa.Column("id", sa.Integer, primary_key=True), sa.Column("a:b", sa.Text), sa.Column("p%", sa.Text)]
    things = op.create_table("The things", *columns, **there)
    op.bulk_insert(things, [{"id": 1, "a:b": "it's %s \\:x :y", "p%": None}, {"id": 2, "a:b": None, "p%": "\\"}])"""
NO_TABLE = """op.drop_table("The things", schema="my s")
    op.execute('DROP SCHEMA "my s"')"""
# Parameters of a connection are literals in a script.
OPERATIONS = r"""bind, rows = op.get_bind(), sa.table("The things", sa.column("id", sa.Integer), sa.column("p%", sa.Text), schema="my s")
    bind.execute(sa.text('UPDATE "my s"."The things" SET "p%" = :p WHERE id = :id'), {"p": "it's \\ %s :x", "id": 1})
    bind.execute(sa.insert(rows), [{"id": 3, "p%": "%"}, {"id": 4, "p%": ":p"}])
    bind.execute(sa.update(rows).where(rows.c.id == 4), {"p%": "5"})
    there, name = {"schema": "my s"}, "The things"
    op.create_index_concurrently("i:1", name, ["a:b"], postgresql_where=sa.text("'\\:x' <> \"p%\""), **there)
    op.replace_index_concurrently("i:1", name, [sa.text("lower(\"p%\")")], **there)
    op.create_unique_constraint_concurrently("u", name, ["p%"], deferrable=True, **there)
    op.create_check_constraint_concurrently(op.f("c"), name, "\"p%\" <> '%\\:x'", **there)
    op.create_foreign_key_concurrently("f", name, name, ["id"], ["id"], source_schema="my s", referent_schema="my s")
    op.backfill(name, "p%", "'x:y' || id", **there)
    op.backfill(name, "a:b", "'%\\'", **there)
    op.set_not_null_concurrently(name, "p%", **there)
    salt = sa.Column("salt", sa.Text, server_default=sa.text("'\\:%' || pi()"), nullable=False)
    op.add_column_concurrently(name, salt, **there)
    op.add_column(name, sa.Column("span", op.sql_type("int4range")), **there)
    op.alter_column(name, "a:b", server_default="\\", comment="100% :x", **there)
    op.drop_index_concurrently("i:1", name, **there)
    op.execute("UPDATE \"my s\".\"The things\" SET \"p%\" = 'a\tb -- c' WHERE id = 3 -- the third")
    fourth = sa.text("UPDATE \"my s\".\"The things\" SET \"p%\" = :p WHERE id = 4  -- ;")
    op.execute(fourth.bindparams(p="\t'"))
    op.execute("UPDATE \"my s\".\"The things\" SET \"p%\" = E'\\t'\n-- before the end\nWHERE id = 1")"""
BACK = r"""there, name = {"schema": "my s"}, "The things"
    op.create_index_concurrently("i:1", name, ["a:b"], **there)
    op.alter_column(name, "a:b", server_default=None, comment=None, **there)
    op.drop_column(name, "span", **there)
    op.drop_column(name, "salt", **there)
    op.alter_column(name, "p%", nullable=True, **there)
    for constraint in "ucf":
        op.drop_constraint(constraint, name, **there)
    op.drop_index_concurrently("i:1", name, **there)"""


class Things(own_migrations.Project):
    """Its catalogue has the columns, constraints and indexes of the table, and the revisions."""

    CATALOGUE = """
SELECT concat_ws(' ', attname, atttypid::regtype, attnotnull, pg_get_expr(adbin, adrelid),
    col_description(attrelid, attnum))
FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE attrelid = to_regclass('"my s"."The things"') AND attnum > 0 AND NOT attisdropped
UNION ALL SELECT concat_ws(' ', conname, pg_get_constraintdef(oid), convalidated) FROM pg_constraint
WHERE conrelid = to_regclass('"my s"."The things"')
UNION ALL SELECT concat_ws(' ', pg_get_indexdef(indexrelid), indisvalid) FROM pg_index
WHERE indrelid = to_regclass('"my s"."The things"')
UNION ALL SELECT version_num FROM alembic_version
"""

    async def catalogue(self) -> list[str]:
        """Return the lines of the catalogue, and the rows."""
        rows: list[str] = await self.connected(read_rows)
        return await super().catalogue() + rows


def read_rows(connection: Connection) -> list[str]:
    """Return the rows of the table as text, if it exists."""
    if not connection.scalar(text("""SELECT to_regclass('"my s"."The things"')""")):
        return []
    return list(
        connection.scalars(text('SELECT each::text FROM "my s"."The things" AS each ORDER BY id'))
    )


@pytest.fixture
async def things(tmp_path: Path, fresh_database_url: URL, pytestconfig: pytest.Config) -> Things:
    """A project whose first revision creates a table with odd names."""
    things = await Things.create(tmp_path, fresh_database_url, pytestconfig.rootpath)
    things.write("1", TABLE, NO_TABLE, after=None)
    return things


async def test_the_script_of_each_operation_does_what_the_operation_does(things: Things) -> None:
    things.write("2", OPERATIONS, BACK, after="1")
    steps = [(command.upgrade, "1"), (command.upgrade, "2"), (command.downgrade, "1")]
    done, start = [], "base"
    for step, revision in steps:
        await things.run(MetaData(), partial(step, revision=revision))
        done.append(await things.catalogue())
    await things.connected(empty)
    await things.execute('DROP SCHEMA "my s" CASCADE')

    for (step, revision), expected in zip(steps, done, strict=True):
        psql(things.url, await things.script(step, f"{start}:{revision}"))
        start = revision
        assert await things.catalogue() == expected
    psql(things.url, await things.script(command.downgrade, "1:base"))
    assert await things.catalogue() == []


async def test_a_script_stops_at_an_index_whose_build_failed_before(things: Things) -> None:
    things.write("2", 'op.create_index_concurrently("i", "t", ["id"], unique=True)', after="1")
    await things.execute("CREATE TABLE t (id int); INSERT INTO t VALUES (1), (1)")
    script = await things.script(command.upgrade, "1:2")
    build = script[script.index("CREATE UNIQUE") :].partition(";")[0]
    with pytest.raises(Exception, match="could not create unique index"):
        await things.execute(build)

    with pytest.raises(Exception, match='relation "i" already exists'):
        await things.execute(build)


@pytest.mark.parametrize(
    "statement",
    [
        'op.get_bind().execute(sa.text("SELECT 1")).all()',
        "sa.inspect(op.get_bind()).get_table_names()",
        'op.get_bind().execute(sa.text("UPDATE t SET a = :a"), {"b": 1})',
        'op.get_bind().execute(sa.delete(t := sa.table("t", sa.column("a"))).where(t.c.a == sa.bindparam("x")), {"x": 1})',
        'op.bulk_insert(sa.table("t", sa.column("a", sa.JSON)), [{"a": {}}])',
        "op.execute('UPDATE t SET a = :a')",
        "op.execute(sa.text('UPDATE t SET a = :a'))",
        "op.run_async(print)",
    ],
)
async def test_a_revision_that_no_script_can_have_is_refused_before_anything_is_written(
    things: Things, statement: str
) -> None:
    things.write("2", statement, after="1")

    with pytest.raises(CommandError, match=r"^2 cannot be written as SQL \(.*\): it must not ask"):
        await things.script(command.upgrade, "base:2")

    assert things.output.getvalue() == ""


@pytest.mark.parametrize("sql", [True, False])
async def test_nothing_is_taken_back_if_a_later_step_is_irreversible(
    things: Things, sql: bool
) -> None:
    things.write("2", after="1", more='irreversible = "the texts are gone"')
    things.write("3", after="2")
    await things.run(MetaData(), own_migrations.upgrade)

    with pytest.raises(CommandError, match="2 cannot be taken back: the texts are gone"):
        if sql:
            await things.script(command.downgrade, "3:base")
        else:
            await things.run(MetaData(), lambda config: command.downgrade(config, "base"))

    assert things.output.getvalue() == ""
    assert await things.connected(own_migrations.read_heads) == ["3"]


async def test_the_script_of_one_phase_has_only_its_revisions(things: Things) -> None:
    things.write("2", after="1", phase="contract")
    things.give("phase=expand")

    script = await things.script(command.upgrade, "base:2")

    assert ("-- Running upgrade  -> 1" in script, "-> 2" in script) == (True, False)
